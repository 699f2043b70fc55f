"""The tables of docs/resolutions.md, written from the catalogue: `python -m tests.faults.codes.document`."""

import re
from pathlib import Path

from workflows import reasons
from workflows.catalogue import CATALOGUE, OTHER_REASONS, REASONS
from workflows.way_words import words

PLACE = Path(__file__).parents[3] / "docs" / "resolutions.md"


def filled(page: str) -> str:
    """The page with its tables as the catalogue is now."""
    page = _between("codes", _codes(), page)
    return _between("reasons", _reasons(), page)


def _between(name: str, table: str, page: str) -> str:
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    return re.sub(f"{begin}.*{end}", lambda _: f"{begin}\n{table}\n{end}", page, flags=re.DOTALL)


def _codes() -> str:
    lines = [
        f"| `{code}` | **{entry.title}**: {entry.meaning} | {entry.owner} | {_ways(entry.resolutions)} |"
        for code, entry in CATALOGUE.items()
    ]
    return "\n".join(["| Code | What it means | Who can act | Resolutions |", "|---|---|---|---|", *lines])


def _reasons() -> str:
    lines = [f"| `{reason}` | {_title(reason)} | {_ways(names)} |" for reason, names in REASONS.items()]
    other = f"| any other | {reasons.REJECTED.title} | {_ways(OTHER_REASONS)} |"
    return "\n".join(["| Reason | What it means | Resolutions |", "|---|---|---|", *lines, other])


def _ways(names: tuple[str, ...]) -> str:
    return "<br>".join(f"{words(name).label} (`{name}`)" for name in names)


def _title(reason: str) -> str:
    known = reasons.NOT_LOADED.get(reason) or reasons.rejected(reason)
    return known.title


if __name__ == "__main__":
    PLACE.write_text(filled(PLACE.read_text(encoding="utf-8")), encoding="utf-8")
