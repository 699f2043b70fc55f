"""Which workflows somebody looks for, and in which order: filters, words and sorting as a query."""

import re
import string
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Case, F, IntegerField, Q, QuerySet, Value, When

from workflows.models import Orchestration, Workflow
from workflows.moves import LIVE, State

TABS: dict[str, tuple[str, frozenset[State]]] = {
    "all": ("All", frozenset(State)),
    "running": ("Running", LIVE - {State.PAUSED}),
    "decision": ("Need a decision", frozenset({State.PAUSED})),
    "verified": ("Succeeded", frozenset({State.SUCCEEDED, State.SUCCEEDED_WITH_ISSUES})),
    "stopped": ("Stopped or failed", frozenset({State.CANCELLED, State.FAILED})),
}
TRIGGERS = {
    "manual": "by hand",
    "command line": "from the command line",
    "api": "through the API",
    "demo": "demo",
    "resolution": "to mend an earlier run",
    "probe": "to see whether it works again",
    "retry": "again, by itself",
}
SINCE: dict[str, tuple[str, timedelta]] = {
    "day": ("Last 24 hours", timedelta(days=1)),
    "week": ("Last 7 days", timedelta(days=7)),
    "month": ("Last 30 days", timedelta(days=30)),
}
# What waits for somebody first, then what is at work, then what went wrong, then what is done.
_RANKS = (
    State.PAUSED,
    State.RUNNING,
    State.WAITING,
    State.QUEUED,
    State.CANCELLING,
    State.FAILED,
    State.CANCELLED,
    State.SUCCEEDED_WITH_ISSUES,
    State.SUCCEEDED,
)
SORTS = ("status", "workflow", "started", "took")
DEFAULT_SORT = "-started"
_PART_OF_AN_ID = re.compile(r"[0-9a-fA-F-]{4,36}")


@dataclass(frozen=True)
class Asked:
    """What somebody looks for. Whatever there is not means all; a page that is not there the nearest.

    `sort` is one of SORTS, with a minus for the other way round; `kind` is a trigger.
    """

    tab: str = "all"
    words: str = ""
    destination: str = ""
    kind: str = ""
    since: str = ""
    sort: str = DEFAULT_SORT
    page: int = 1

    def cleaned(self) -> "Asked":
        """Return the same without what there is not."""
        return replace(
            self,
            tab=self.tab if self.tab in TABS else "all",
            words=self.words.replace("\x00", "").strip(),
            kind=self.kind if self.kind in TRIGGERS else "",
            since=self.since if self.since in SINCE else "",
            sort=self.sort if self.sort.removeprefix("-") in SORTS else DEFAULT_SORT,
        )

    @property
    def is_narrow(self) -> bool:
        """Whether anything but the order and the page was asked for."""
        return self.tab != "all" or any((self.words, self.destination, self.kind, self.since))


def standing_orders() -> list[Orchestration]:
    """Return every orchestration by name with its destination: few, and what the rest is found by."""
    light = Orchestration.objects.select_related("template__destination").only(
        "name",
        "is_active",
        "inactive_since",
        "probe_at",
        "template__list_name",
        "template__destination__name",
    )
    return list(light.order_by("name"))


def found(asked: Asked, orders: Sequence[Orchestration], *, now: datetime) -> QuerySet[Workflow]:
    """Return the workflows that fit, of all tabs, in no order; `orders` are all orchestrations."""
    chosen = Workflow.objects.all()
    if asked.kind:
        chosen = chosen.filter(trigger=asked.kind)
    if asked.since:
        chosen = chosen.filter(created_at__gt=now - SINCE[asked.since][1])
    if asked.destination:
        to_it = [order.pk for order in orders if str(order.template.destination_id) == asked.destination]
        chosen = chosen.filter(orchestration__in=to_it)
    return chosen.filter(_matching(asked.words, orders)) if asked.words else chosen


def of_tab(chosen: QuerySet[Workflow], tab: str) -> QuerySet[Workflow]:
    return chosen if tab == "all" else chosen.filter(state__in=sorted(TABS[tab][1]))


def in_order(chosen: QuerySet[Workflow], sort: str) -> QuerySet[Workflow]:
    """Sort by one of SORTS; what is the same there, the newest first."""
    name, falling = sort.removeprefix("-"), sort.startswith("-")
    if name == "started":
        return chosen.order_by("-created_at", "-pk") if falling else chosen.order_by("created_at", "pk")
    if name == "workflow":
        return chosen.order_by(("-" if falling else "") + "orchestration__name", "-number")
    if name == "took":
        took = F("finished_at") - F("started_at")
        by_time = took.desc(nulls_last=True) if falling else took.asc(nulls_last=True)
        return chosen.order_by(by_time, "-created_at", "-pk")
    ranks = [When(state=state, then=Value(rank)) for rank, state in enumerate(_RANKS)]
    rank = Case(*ranks, default=Value(len(_RANKS)), output_field=IntegerField())
    return chosen.order_by(rank.desc() if falling else rank.asc(), "-created_at", "-pk")


def _matching(words: str, orders: Sequence[Orchestration]) -> Q:
    """What is named so by orchestration, list or whoever started it, or has an id that begins so."""
    lower = words.lower()
    named = [order.pk for order in orders if lower in order.name.lower()]
    match = Q(orchestration__in=named) | Q(list_key__icontains=words) | Q(started_by__icontains=words)
    if _PART_OF_AN_ID.fullmatch(words) and (span := _ids_from(words)):
        match |= Q(pk__range=span)
    return match


def _ids_from(words: str) -> tuple[UUID, UUID] | None:
    """Return the least and the greatest id that begin with these digits; None when none does."""
    digits = "".join(letter for letter in words.lower() if letter in string.hexdigits)
    if not 0 < len(digits) <= 32:
        return None
    return UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))
