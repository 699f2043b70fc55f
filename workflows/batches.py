"""Cutting the difference into batches, and reading a batch's rows back when its turn comes."""

from pathlib import Path
from typing import Any

from workflows import rows
from workflows.files import Folder
from workflows.plan import Batch, by_count, by_sizes
from workflows.run import Run

KNOWN = "adds_known.parquet"
NEW = "adds_new.parquet"
UPDATES = "updates.parquet"
REMOVES = "removes.parquet"


def cut(run: Run, folder: Path, *, by_id: bool) -> list[Batch]:
    """Cut the files of a round into batches, in the order they are to be sent.

    `by_id`: people whose profile id is remembered are added by it; everyone else by an import job. A later
    round trusts no remembered id, for a wrong one may be why it is needed.
    """
    adds = folder / "adds.parquet"
    name = folder.name
    found: list[Batch] = []
    imported = adds
    if by_id:
        known, _ = rows.split(adds, "profile_id", known=folder / KNOWN, unknown=folder / NEW)
        found += by_count("add", f"{name}/{KNOWN}", known)
        imported = folder / NEW
    found += by_sizes("import", f"{name}/{imported.name}", _sizes(run, imported))
    found += by_sizes("update", f"{name}/{UPDATES}", _sizes(run, folder / UPDATES))
    found += by_count("remove", f"{name}/{REMOVES}", rows.count(folder / REMOVES))
    return found


def _sizes(run: Run, path: Path) -> list[int]:
    """How many rows of a file go into each import, by Klaviyo's limits on count and bytes."""
    profiles = (run.profile(row) for batch in rows.stream(path) for row in batch.to_pylist())
    return [len(batch.profiles) for batch in run.plugin.imports.batches(profiles)]


def of_step(run: Run, given: dict[str, Any]) -> list[tuple[int, dict[str, Any]]]:
    """Return the rows of a batch with their place in it, less those already found to be refused."""
    found = rows.part(run.folder.file(given["file"]), given["offset"], given["limit"])
    skip = set(given.get("skip", ()))
    return [(place, row) for place, row in enumerate(found) if place not in skip]


def refuse(folder: Folder, name: str, refused: dict[str, tuple[str, str]]) -> None:
    """Keep the rows of a batch that Klaviyo refused: key to (our code, field)."""
    if refused:
        rows.write(
            folder.file("rejected", f"{name}.parquet"),
            {
                "key": list(refused),
                "code": [code for code, _ in refused.values()],
                "field": [field for _, field in refused.values()],
            },
        )


def doubt(folder: Folder, name: str, keys: list[str]) -> None:
    """Keep the people of whose profiles nobody knows whether they were changed."""
    rows.write(folder.file("doubted", f"{name}.parquet"), {"key": keys})


def doubted(folder: Folder) -> set[str]:
    """Every key of which nobody knows."""
    return {key for path in folder.file("doubted").glob("*.parquet") for key in rows.values(path, "key")}


def rejected(folder: Folder) -> dict[str, str]:
    """Every key that was refused so far, with the code."""
    found: dict[str, str] = {}
    for path in sorted(folder.file("rejected").glob("*.parquet")):
        for batch in rows.stream(path, ("key", "code")):
            found |= dict(zip(batch.column("key").to_pylist(), batch.column("code").to_pylist(), strict=True))
    return found


def without_rejected(folder: Folder, round_folder: Path) -> None:
    """Take people Klaviyo refused before out of what a later round would send again."""
    keys = set(rejected(folder))
    rows.without(round_folder / "adds.parquet", keys)
    rows.without(round_folder / "updates.parquet", keys)
