"""The list of workflows: found by state and words, a page at a time."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from django.core.paginator import Page, Paginator
from django.db.models import BigIntegerField, Count, Q, QuerySet, Sum
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast

from workflows import looks
from workflows.catalogue import Entry, entry
from workflows.drawing import Part, bar
from workflows.looks import Look
from workflows.models import Step, StepState, Workflow
from workflows.moves import LIVE, State
from workflows.sent import DELIVERIES
from workflows.words import counted

PAGE_SIZE = 25
CASES_SHOWN = 20

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
}
_PART_OF_AN_ID = re.compile(r"[0-9a-fA-F-]{4,36}")


@dataclass(frozen=True)
class Asked:
    """What somebody looks for; a tab that is not there means all, a page that is not there the nearest."""

    tab: str = "all"
    words: str = ""
    page: int = 1


@dataclass(frozen=True)
class Tab:
    key: str
    label: str
    count: int
    here: bool


@dataclass(frozen=True)
class Row:
    """One workflow in the list; `sent` of `planned` people so far while it is open."""

    workflow: Workflow
    look: Look
    sent: int
    now: datetime

    @property
    def took_seconds(self) -> float | None:
        """From start to end, or until now while it works; a pause is nobody's work."""
        begun, ended = self.workflow.started_at, self.workflow.finished_at
        if begun is None or self.workflow.needs_decision:
            return None
        return ((ended or self.now) - begun).total_seconds()

    @property
    def trigger(self) -> str:
        return TRIGGERS.get(self.workflow.trigger, self.workflow.trigger)

    @cached_property
    def numbers(self) -> dict[str, int]:
        return people(self.workflow)

    @property
    def changed(self) -> int:
        return changed(self.workflow)

    @property
    def planned(self) -> int | None:
        """How many changes there are in all; a plan of a later round comes on top of what was sent."""
        plan = self.workflow.plan
        if not plan:
            return None
        before = self.sent if plan.get("round") else 0
        return before + plan["adds"] + plan["removes"] + plan["updates"]

    @property
    def told(self) -> str:
        """What it came to, or how far it is, in a few words."""
        numbers = self.numbers
        if is_counted(self.workflow) and self.changed:
            return f"+{numbers['added']:,} −{numbers['removed']:,} ~{numbers['updated']:,}"
        if is_counted(self.workflow):
            return f"no changes among {self.workflow.counts['on_list']:,}"
        if self.planned is None:
            return "no plan was made" if self.workflow.is_final else "no plan yet"
        if not self.planned:
            return "nothing to send"
        return f"{self.sent:,} of {counted(self.planned, 'change')} sent"

    @property
    def trouble(self) -> str:
        missing = sum(self.numbers[name] for name in ("not_loaded", "rejected", "unknown"))
        return f"{missing:,} set aside" if missing and is_counted(self.workflow) else ""

    @cached_property
    def bar(self) -> list[Part]:
        numbers = self.numbers
        if is_counted(self.workflow):
            refused = numbers["not_loaded"] + numbers["rejected"]
            done = self.changed + numbers["unchanged"]
            return bar(
                [("ok", "Done", done), ("warn", "Refused", refused), ("bad", "Unknown", numbers["unknown"])]
            )
        tone = "run" if self.workflow.is_open else self.look.tone
        return bar([(tone, "Sent", self.sent)], whole=self.planned)


@dataclass(frozen=True)
class Case:
    """A workflow that needs a decision, with what its code means."""

    workflow: Workflow
    entry: Entry


@dataclass(frozen=True)
class History:
    """What the page of all workflows shows; `version` changes whenever it would look different."""

    tabs: Sequence[Tab]
    rows: Sequence[Row]
    page: Page
    words: str
    tab: str
    cases: Sequence[Case]
    waiting: int

    @property
    def version(self) -> str:
        seen = [(row.workflow.pk.hex[:8], row.workflow.row_version, row.sent) for row in self.rows]
        held = [(case.workflow.pk.hex[:8], case.workflow.row_version) for case in self.cases]
        return fingerprint(seen, held, [tab.count for tab in self.tabs])


def waiting_for_a_decision() -> int:
    return Workflow.objects.filter(state=State.PAUSED).count()


def history(asked: Asked, *, now: datetime) -> History:
    """Return one page of the workflows of a tab whose name, list or id has the words in it."""
    tab = asked.tab if asked.tab in TABS else "all"
    found = _found(asked.words)
    tabs = _tabs(found, tab)
    chosen = found.filter(state__in=sorted(TABS[tab][1])) if tab != "all" else found
    shown = Paginator(_light(chosen), PAGE_SIZE).get_page(asked.page)
    workflows = list(shown.object_list)
    sent = _sent([workflow for workflow in workflows if not workflow.is_final])
    rows = [
        Row(workflow, looks.of_workflow(workflow), sent.get(workflow.pk, 0), now) for workflow in workflows
    ]
    waiting = waiting_for_a_decision()
    return History(tabs, rows, shown, asked.words, tab, _cases() if waiting else [], waiting)


def _light(workflows: QuerySet[Workflow]) -> QuerySet[Workflow]:
    return workflows.select_related("orchestration").defer("config", "error").order_by("-created_at", "pk")


def _found(words: str) -> QuerySet[Workflow]:
    words = words.replace("\x00", "").strip()
    if not words:
        return Workflow.objects.all()
    match = Q(orchestration__name__icontains=words) | Q(list_key__icontains=words)
    if _PART_OF_AN_ID.fullmatch(words):
        match |= Q(pk__istartswith=words)
    return Workflow.objects.filter(match)


def _tabs(found: QuerySet[Workflow], here: str) -> list[Tab]:
    counted = found.order_by().values("state").annotate(number=Count("pk"))
    numbers = {row["state"]: row["number"] for row in counted}
    return [
        Tab(key, label, sum(numbers.get(state, 0) for state in states), key == here)
        for key, (label, states) in TABS.items()
    ]


def _cases() -> list[Case]:
    held = _light(Workflow.objects.filter(state=State.PAUSED))[:CASES_SHOWN]
    return [Case(workflow, entry(workflow.code)) for workflow in held]


def _sent(workflows: Sequence[Workflow]) -> dict[object, int]:
    """People sent so far by each of these, in one query; the batch says how many it holds."""
    if not workflows:
        return {}
    batches = Step.objects.filter(workflow__in=workflows, kind__in=DELIVERIES, state=StepState.DONE)
    limits = Cast(KeyTextTransform("limit", "input"), BigIntegerField())
    told = batches.order_by().values("workflow").annotate(number=Sum(limits))
    return {row["workflow"]: int(row["number"] or 0) for row in told}


def people(workflow: Workflow) -> dict[str, int]:
    """Every outcome of a workflow in people; a count kept by reason is summed."""
    names = (
        "added",
        "updated",
        "removed",
        "unchanged",
        "kept_out",
        "not_loaded",
        "rejected",
        "skipped",
        "unknown",
    )
    return {name: total(workflow.counts.get(name, 0)) for name in names}


def changed(workflow: Workflow) -> int:
    """How many people a workflow put on, updated and took off."""
    numbers = people(workflow)
    return sum(numbers[name] for name in ("added", "updated", "removed"))


def fingerprint(*seen: object) -> str:
    """A short text that is the same, in every process, for the same things and no others."""
    return hashlib.blake2b(repr(seen).encode(), digest_size=8).hexdigest()


def is_counted(workflow: Workflow) -> bool:
    """Whether its books are closed: every row has its outcome."""
    return "on_list" in workflow.counts


def total(count: object) -> int:
    """A count, or the sum of counts by reason."""
    if isinstance(count, dict):
        return sum(total(number) for number in count.values())
    return count if isinstance(count, int) else 0
