"""Workflows that need a decision, or are on hold: what happened, and the likeliest way out as a button."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, F, Min, Q, Window

from workflows.catalogue import Entry, entry
from workflows.models import Workflow
from workflows.moves import State
from workflows.way_words import Words, words

CASES_SHOWN = 20
EVERYWHERE = ("retry", "restart", "discard")
FOR_A_PLAN = ("guard", "plan_ready")


@dataclass(frozen=True)
class WayNamed:
    """A resolution to point to; whether it is open the workflow's own page finds out."""

    name: str
    words: Words


@dataclass(frozen=True)
class Case:
    """`ways` are the likeliest first; `waiting` are the changes of its plan, None when it has none."""

    workflow: Workflow
    entry: Entry
    ways: Sequence[WayNamed]

    @property
    def first(self) -> WayNamed:
        return self.ways[0]

    @property
    def others(self) -> Sequence[WayNamed]:
        return self.ways[1:]

    @property
    def waiting(self) -> int | None:
        plan = self.workflow.plan
        return plan["adds"] + plan["removes"] + plan["updates"] if plan else None


@dataclass(frozen=True)
class Cases:
    """What waits for somebody, the newest first, then what goes on by itself, the soonest first.

    `number` wait for somebody, the oldest since `oldest`; `on_hold` go on by themselves.
    """

    shown: Sequence[Case]
    number: int
    oldest: datetime | None
    on_hold: int = 0

    @property
    def every(self) -> int:
        return self.number + self.on_hold


def cases() -> Cases:
    """Return what needs a decision or is on hold, in one query."""
    by_hand = Q(wake_at=None)
    held = (
        Workflow.objects.filter(state=State.PAUSED)
        .select_related("orchestration")
        .defer("config", "error", "instructions", "counts", "requests")
        .annotate(
            waiting_in_all=Window(Count("pk", filter=by_hand)),
            waiting_since=Window(Min("created_at", filter=by_hand)),
            held_in_all=Window(Count("pk", filter=~by_hand)),
        )
        .order_by(F("wake_at").asc(nulls_first=True), "-created_at", "-pk")[:CASES_SHOWN]
    )
    rows = list(held)
    if not rows:
        return Cases((), 0, None)
    shown = [Case(row, entry(row.code), ways_of(row)) for row in rows]
    return Cases(shown, rows[0].waiting_in_all, rows[0].waiting_since, rows[0].held_in_all)


def ways_of(workflow: Workflow) -> list[WayNamed]:
    """Return what the catalogue knows for the code of `workflow`, then what fits nearly everything."""
    listed = entry(workflow.code).resolutions
    also = [
        name
        for name in EVERYWHERE
        if name not in listed and not (name == "retry" and workflow.code in FOR_A_PLAN)
    ]
    return [WayNamed(name, words(name)) for name in (*listed, *also)]
