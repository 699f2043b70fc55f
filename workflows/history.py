"""The list of workflows: found by state, filters and words, a page at a time, what needs a decision first."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from django.core.paginator import Page, Paginator
from django.db.models import BigIntegerField, Count, QuerySet, Sum
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast

from workflows import finding, looks
from workflows.cases import Cases, cases
from workflows.drawing import Part, bar
from workflows.finding import SINCE, TABS, TRIGGERS, Asked
from workflows.looks import Look
from workflows.models import Orchestration, Step, StepState, Workflow
from workflows.moves import State
from workflows.sent import DELIVERIES
from workflows.tallies import changed, is_counted, people
from workflows.words import counted

PAGE_SIZE = 25


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
class Choice:
    """One value of a filter, with the words for it."""

    value: str
    label: str


@dataclass(frozen=True)
class Filter:
    """A filter above the list: `name` is its parameter, `set` what it is set to, None when it is not."""

    name: str
    label: str
    choices: Sequence[Choice]
    set: Choice | None


@dataclass(frozen=True)
class Head:
    """A column that can be sorted by: `now` is ascending, descending or '', `next` what a press sorts by."""

    label: str
    now: str
    next: str
    is_number: bool = False


@dataclass(frozen=True)
class History:
    """What the page of all workflows shows; `version` changes whenever it would look different."""

    asked: Asked
    tabs: Sequence[Tab]
    filters: Sequence[Filter]
    heads: Mapping[str, Head]
    rows: Sequence[Row]
    page: Page
    cases: Cases
    inactive: Sequence[Orchestration]
    has_any: bool

    @property
    def version(self) -> str:
        seen = [(row.workflow.pk.hex[:8], row.workflow.row_version, row.sent) for row in self.rows]
        held = [(case.workflow.pk.hex[:8], case.workflow.row_version) for case in self.cases.shown]
        idle = [order.pk.hex[:8] for order in self.inactive]
        return fingerprint(seen, held, idle, [tab.count for tab in self.tabs])


def waiting_for_a_decision() -> int:
    """How many rest until somebody decides; what goes on by itself is none of them."""
    return Workflow.objects.filter(state=State.PAUSED, wake_at=None).count()


def history(asked: Asked, *, now: datetime) -> History:
    """Return one page of the workflows that fit what was asked, and what needs a decision."""
    asked = asked.cleaned()
    orders = finding.standing_orders()
    found = finding.found(asked, orders, now=now)
    tabs = _tabs(found, asked.tab)
    number = next(tab.count for tab in tabs if tab.here)
    page = Paginator(range(number), PAGE_SIZE).get_page(asked.page)
    workflows = _on(page, finding.of_tab(found, asked.tab), asked.sort)
    sent = _sent([workflow for workflow in workflows if not workflow.is_final])
    return History(
        asked=asked,
        tabs=tabs,
        filters=_filters(asked, orders),
        heads=_heads(asked.sort),
        rows=[Row(each, looks.of_workflow(each), sent.get(each.pk, 0), now) for each in workflows],
        page=page,
        cases=cases(),
        inactive=[order for order in orders if not order.is_active],
        has_any=bool(number) or asked.is_narrow,
    )


def _on(page: Page, chosen: QuerySet[Workflow], sort: str) -> list[Workflow]:
    """The workflows of a page. Only their ids are sorted and skipped over: whole rows are wide."""
    first = max(page.start_index() - 1, 0)
    ids = finding.in_order(chosen, sort).values("pk")[first : first + PAGE_SIZE]
    whole = Workflow.objects.filter(pk__in=ids).select_related("orchestration")
    return list(finding.in_order(whole.defer("config", "error", "instructions"), sort))


def _tabs(found: QuerySet[Workflow], here: str) -> list[Tab]:
    counted = found.order_by().values("state").annotate(number=Count("pk"))
    numbers = {row["state"]: row["number"] for row in counted}
    return [
        Tab(key, label, sum(numbers.get(state, 0) for state in states), key == here)
        for key, (label, states) in TABS.items()
    ]


def _filters(asked: Asked, orders: Sequence[Orchestration]) -> list[Filter]:
    places = {str(each.template.destination_id): each.template.destination.name for each in orders}
    destinations = sorted(places.items(), key=lambda pair: pair[1])
    return [
        _filter("since", "Started", [(key, label) for key, (label, _) in SINCE.items()], asked.since),
        _filter("destination", "Destination", destinations, asked.destination),
        _filter(
            "kind", "Kind", [(key, told[:1].upper() + told[1:]) for key, told in TRIGGERS.items()], asked.kind
        ),
    ]


def _filter(name: str, label: str, pairs: Sequence[tuple[str, str]], value: str) -> Filter:
    choices = [Choice(*pair) for pair in pairs]
    return Filter(name, label, choices, next((each for each in choices if each.value == value), None))


def _heads(sort: str) -> dict[str, Head]:
    labels = {"status": "Status", "workflow": "Workflow", "started": "Started", "took": "Took"}
    return {name: _head(name, label, sort) for name, label in labels.items()}


def _head(name: str, label: str, sort: str) -> Head:
    here, falling = sort.removeprefix("-") == name, sort.startswith("-")
    first = f"-{name}" if name in ("started", "took") else name
    other = name if falling else f"-{name}"
    now = ("descending" if falling else "ascending") if here else ""
    return Head(label, now, other if here else first, is_number=name == "took")


def _sent(workflows: Sequence[Workflow]) -> dict[object, int]:
    """People sent so far by each of these, in one query; the batch says how many it holds."""
    if not workflows:
        return {}
    batches = Step.objects.filter(workflow__in=workflows, kind__in=DELIVERIES, state=StepState.DONE)
    limits = Cast(KeyTextTransform("limit", "input"), BigIntegerField())
    told = batches.order_by().values("workflow").annotate(number=Sum(limits))
    return {row["workflow"]: int(row["number"] or 0) for row in told}


def fingerprint(*seen: object) -> str:
    """A short text that is the same, in every process, for the same things and no others."""
    return hashlib.blake2b(repr(seen).encode(), digest_size=8).hexdigest()
