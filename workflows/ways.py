"""How a plan goes, by which way and in which files, laid out for a page."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workflows.estimate import NAMES
from workflows.words import size

LABELS = {
    "by_id": "By profile id",
    "single": "One call for each new person",
    "import": "Import jobs",
    "sftp": "CSV over SFTP",
    "file": "CSV over SFTP",
}
PATHS = {"api": "by Klaviyo’s API", "sftp": "by SFTP, the rest by API"}
_SENTENCE = re.compile(r"(?P<words>.+): (?P<time>[^:()]+?)(?: \((?P<known>[^()]*)\))?")
# A sentence that begins like this lists the times, which the table shows.
_TIMES = tuple(name[0].upper() + name[1:] for name in NAMES.values())


@dataclass(frozen=True)
class Way:
    """One way a plan could go, in seconds; None when it cannot. `remark` says why it was not chosen."""

    label: str
    seconds: float | None
    remark: str
    chosen: bool


@dataclass(frozen=True)
class Sum:
    """One part of an estimate: how long, and what that is known from."""

    words: str
    time: str
    known: str


@dataclass(frozen=True)
class Uploaded:
    """One file as it lies, or lay, on the server; `name`, `size` and `remark` are for people."""

    name: str
    rows: int
    size: str
    sha256: str
    remark: str


@dataclass(frozen=True)
class Files:
    """All files of a workflow, and what they hold together."""

    each: Sequence[Uploaded]
    rows: int
    size: str

    def __bool__(self) -> bool:
        return bool(self.each)


def path(plan: Mapping[str, Any]) -> str:
    """Say in a few words how a plan goes."""
    if plan.get("way") == "file":
        return "by SFTP"
    return PATHS.get(plan["path"], plan["path"])


def ways(plan: Mapping[str, Any]) -> list[Way]:
    """Return the chosen way, then the others, the fastest first and those that cannot be last."""
    if not plan.get("way"):
        return []
    chosen = Way(_label(plan["way"]), plan["estimate_seconds"], "", chosen=True)
    others = [
        Way(_label(other["way"]), other["seconds"], _remark(other, plan["estimate_seconds"]), chosen=False)
        for other in plan.get("others", ())
    ]
    return [chosen, *sorted(others, key=lambda way: (way.seconds is None, way.seconds or 0))]


def why(plan: Mapping[str, Any]) -> str:
    """What is to be said of the choice beside its times: who asked for it, what spoke against another."""
    sentences = re.split(r"(?<=\.) ", plan.get("why", ""))
    return " ".join(sentence for sentence in sentences if not sentence.startswith(_TIMES))


def sums(plan: Mapping[str, Any]) -> list[Sum]:
    """Take the sentences of an estimate apart, so that their times stand below each other."""
    found = [(sentence, _SENTENCE.fullmatch(sentence)) for sentence in plan.get("arithmetic", ())]
    return [
        Sum(match["words"], match["time"], match["known"] or "") if match else Sum(sentence, "", "")
        for sentence, match in found
    ]


def uploaded(outcomes: Iterable[Mapping[str, Any]]) -> Files:
    """Return the files that went up, by the outcomes of their steps."""
    given = list(outcomes)
    each = [
        Uploaded(told["name"], told["rows"], size(told["bytes"]), told["sha256"], _state(told))
        for told in given
    ]
    return Files(each, sum(told["rows"] for told in given), size(sum(told["bytes"] for told in given)))


def _state(told: Mapping[str, Any]) -> str:
    state = "taken away at once" if told["taken"] else "size checked"
    return f"{state}, sent {told['attempts']:,} times" if told["attempts"] > 1 else state


def _label(name: str) -> str:
    return LABELS.get(name, name)


def _remark(other: Mapping[str, Any], chosen_seconds: float) -> str:
    if other["seconds"] is None:
        return other["why_not"] or "not possible"
    if other["seconds"] > chosen_seconds:
        return "slower"
    if other["seconds"] == chosen_seconds:
        return "not faster"
    return "faster, by too little" if other["way"] == "sftp" else "faster, and not asked for"
