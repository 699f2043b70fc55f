"""A plan, and what came of it, as numbers and bars of a page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workflows import ways
from workflows.drawing import Part, bar
from workflows.models import Workflow
from workflows.tallies import is_counted, people, total
from workflows.ways import Sum, Way

LONG_SECONDS = 60
SET_ASIDE = ("not_loaded", "rejected", "kept_out", "unknown")


@dataclass(frozen=True)
class Sign:
    """One of the four numbers of a plan."""

    tone: str
    sign: str
    label: str
    number: int


@dataclass(frozen=True)
class PlanShown:
    signs: Sequence[Sign]
    rows: int
    candidates: int
    members: int
    not_loaded: int
    kept_out: int
    skipped: int
    surplus_left: int
    path: str
    why: str
    ways: Sequence[Way]
    seconds: float
    sums: Sequence[Sum]
    hash: str
    round: int
    by_file: bool

    @property
    def is_long(self) -> bool:
        """Whether how it goes is worth a look without being asked for: by files, or for a minute and more."""
        return len(self.ways) > 1 and (self.by_file or self.seconds >= LONG_SECONDS)

    @property
    def changes(self) -> int:
        return sum(sign.number for sign in self.signs[:3])

    @property
    def told(self) -> str:
        return " ".join(f"{sign.sign}{sign.number:,}" for sign in self.signs[:3])


@dataclass(frozen=True)
class ChangesShown:
    """What changes at the destination, or has changed when it `is_over`; `unchanged` people are not sent."""

    bar: Sequence[Part]
    unchanged: int
    is_over: bool

    @property
    def told(self) -> str:
        return ", ".join(f"{part.label} {part.number:,}" for part in self.bar)


def plan_shown(workflow: Workflow) -> PlanShown:
    """Lay out the plan of `workflow`, which has one."""
    plan = workflow.plan
    return PlanShown(
        signs=_signs(plan, for_files=workflow.feeds_a_file),
        rows=plan["rows"],
        candidates=plan["candidates"],
        members=plan["members"],
        not_loaded=total(plan["not_loaded"]),
        kept_out=plan["kept_out"],
        skipped=plan["skipped"],
        surplus_left=plan["surplus_left"],
        path=ways.path(plan),
        why=ways.why(plan),
        ways=ways.ways(plan),
        seconds=plan["estimate_seconds"],
        sums=ways.sums(plan),
        hash=plan["hash"],
        round=plan.get("round", 0),
        by_file=plan["path"] == "sftp",
    )


def _signs(plan: Mapping[str, Any], *, for_files: bool) -> tuple[Sign, ...]:
    if for_files:
        return (Sign("ok", "", "For the files", plan["adds"]),)
    return (
        Sign("ok", "+", "To add", plan["adds"]),
        Sign("bad", "−", "To remove", plan["removes"]),
        Sign("accent", "~", "To update", plan["updates"]),
        Sign("idle", "=", "Unchanged", plan["unchanged"]),
    )


def changes_shown(workflow: Workflow) -> ChangesShown | None:
    """Return what the workflow changes, by its books once they are closed and by its plan before; or None."""
    over = is_counted(workflow)
    if not (over or workflow.plan):
        return None
    numbers, plan = people(workflow), workflow.plan
    added = "In the files" if workflow.feeds_a_file else "Added"
    told = (
        ("ok", added if over else "To add", numbers["added"] if over else plan["adds"]),
        ("accent", "Updated" if over else "To update", numbers["updated"] if over else plan["updates"]),
        ("bad", "Removed" if over else "To remove", numbers["removed"] if over else plan["removes"]),
    )
    unchanged = numbers["unchanged"] if over else plan["unchanged"]
    return ChangesShown(bar(told), unchanged, over)


def results(workflow: Workflow) -> list[Part]:
    """The bar of what became of everybody, once that is counted."""
    if not is_counted(workflow):
        return []
    numbers = people(workflow)
    return bar(
        [
            ("ok", "In the files" if workflow.feeds_a_file else "Added", numbers["added"]),
            ("accent", "Updated", numbers["updated"]),
            ("bad", "Removed", numbers["removed"]),
            ("idle", "Unchanged", numbers["unchanged"]),
            ("warn", "Set aside", sum(numbers[name] for name in SET_ASIDE)),
        ]
    )
