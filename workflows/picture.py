"""Everything the page of one workflow shows, gathered in a few queries and no person's data unmasked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db.models import Max

from workflows import circuits, looks, set_aside, ways
from workflows.calls import StepsPage, steps_page
from workflows.decisions import FOR_A_PLAN
from workflows.delivery import Delivery, delivery
from workflows.drawing import Part
from workflows.error_card import ErrorCard, error_card, sent_before
from workflows.estimate import duration
from workflows.history import fingerprint
from workflows.looks import Look
from workflows.models import Circuit, Event, Stage, Step, StepState, Workflow
from workflows.moves import State
from workflows.pace import Pace, pace
from workflows.panels import Filled, Panel, panel
from workflows.past_runs import PastRuns, past_runs
from workflows.plan_shown import ChangesShown, PlanShown, changes_shown, plan_shown, results
from workflows.resolutions import Field, Person, followers, offered
from workflows.resolutions.plans import sure
from workflows.sent import Sent, sent_by
from workflows.set_aside import Outcome, outcomes
from workflows.speed import SpeedChart, speed_chart
from workflows.stages import StageView, stages
from workflows.tallies import people
from workflows.ways import Files
from workflows.words import counted, verdict

EVENTS_SHOWN = 60
MOVING = 5
# Steps that wait for what Klaviyo makes of the batches, with a progress of their own.
AFTERWARDS = ("jobs", "ingest")
UNEQUAL = frozenset({"unconfirmed", "sftp_unconfirmed", "file_unconfirmed"})
DIFFERS = Look("warn", "half", "done, with a difference")


@dataclass(frozen=True)
class Asked:
    """What a page of a workflow is asked to show: which part of it, and the panel with what was filled in."""

    person: Person
    filled: Filled = field(default_factory=Filled)
    steps_page: int = 0
    step: int = 0


@dataclass(frozen=True)
class StageShown:
    view: StageView
    look: Look

    @property
    def phase(self) -> str:
        """todo, now or over: what the card looks like."""
        return {"waiting": "todo", "active": "now", "attention": "now"}.get(self.view.state, "over")


@dataclass(frozen=True)
class EventShown:
    event: Event
    tone: str


@dataclass(frozen=True)
class Picture:
    workflow: Workflow
    look: Look
    stages: Sequence[StageShown]
    share: int | None
    plan: PlanShown | None
    changes: ChangesShown | None
    delivery: Delivery | None
    results: Sequence[Part]
    totals: Mapping[str, int]
    outcomes: Sequence[Outcome]
    pace: Pace
    speed: SpeedChart | None
    past: PastRuns | None
    steps: StepsPage
    events: Sequence[EventShown]
    earlier_events: int
    objections: Sequence[str]
    warnings: Sequence[str]
    sent: Sent
    error: ErrorCard | None
    circuit: Circuit | None
    panel: Panel
    followers: Sequence[Workflow]
    files: Files
    waits_for_people: bool
    took_seconds: float | None
    version: str

    @property
    def awaits_approval(self) -> bool:
        return self.workflow.needs_decision and self.workflow.code in FOR_A_PLAN

    @property
    def opens_ways(self) -> bool:
        """Whether the ways stand open: while a person decides about them, and when they are worth a look."""
        return self.plan is not None and (self.awaits_approval or self.plan.is_long)

    @property
    def opens_plan(self) -> bool:
        """Whether the plan stands open: while it is what somebody decides about, or what is carried out."""
        return not self.workflow.is_final

    @property
    def must_type(self) -> Field | None:
        """What is typed before this plan is approved; None for one that changes little."""
        return sure(self.workflow)

    @property
    def is_stuck(self) -> bool:
        return self.error is not None and not self.awaits_approval

    @property
    def can_retry(self) -> bool:
        return (
            self.workflow.state in (State.PAUSED, State.FAILED)
            and not self.awaits_approval
            and not self.followers
        )

    @property
    def can_stop(self) -> bool:
        return not self.workflow.is_final and self.workflow.state != State.CANCELLING

    @property
    def run_name(self) -> str:
        return f"Run {self.workflow.number}"

    @property
    def at_work(self) -> str:
        """What the progress bar is about."""
        shown = next((each for each in self.stages if each.phase == "now"), None)
        return f"{shown.view.label} stage" if shown else self.look.word

    @property
    def sent_before(self) -> str:
        """What of it has reached the list while it waits, in one true sentence."""
        return sent_before(self.workflow, self.sent)

    @property
    def shows_delivery(self) -> bool:
        """Whether the progress bar is that of the batches, and not of something that is waited for."""
        return self.delivery is not None and not self.workflow.is_final and not self.waits_for_people

    @property
    def sent_so_far(self) -> str:
        return self.sent.told

    @property
    def not_sent(self) -> str:
        """What a stop now would leave undone, in numbers."""
        if self.delivery is None:
            planned = self.plan.changes if self.plan else 0
            return f"{counted(planned, 'planned change')}" if planned else "nothing was planned yet"
        return f"{counted(self.delivery.waiting, 'change')} of {self.delivery.whole:,} planned"

    @property
    def refused(self) -> str:
        """Whom Klaviyo would not take, and why; empty when nobody."""
        return set_aside.refused(self.workflow)

    @property
    def verdict_detail(self) -> str:
        noun = "row" if self.workflow.feeds_a_file else "member"
        on_list = counted(self.workflow.counts.get("on_list", 0), noun)
        took = self.workflow.total_seconds
        return f"Read back: {on_list}. The whole run took {duration(took)}." if took is not None else ""

    @property
    def verdict(self) -> str:
        """What has been verified, in a few words."""
        return verdict(some_rows=self.workflow.is_for_some_rows, a_file=self.workflow.feeds_a_file)

    @property
    def set_aside(self) -> int:
        return sum(outcome.number for outcome in self.outcomes)

    @property
    def has_samples(self) -> bool:
        return any(outcome.sample for outcome in self.outcomes)

    @property
    def rests(self) -> bool:
        """Whether it waits for a person or is over, so that what was set aside can be looked into."""
        return not self.workflow.is_open and not self.followers


def version(workflow_id: UUID) -> str | None:
    """A text that changes whenever the page would look different; None when there is no such workflow."""
    told = (
        Workflow.objects.filter(pk=workflow_id)
        .annotate(last=Max("events__seq"))
        .values_list("state", "row_version", "cancel_requested", "requests", "throttled", "last")
        .first()
    )
    if told is None:
        return None
    steps = Step.objects.filter(workflow=workflow_id).exclude(state__in=(StepState.DONE, StepState.SKIPPED))
    # Only what is at work has a progress; thousands of batches that wait do not count.
    moving = steps.exclude(progress={}).order_by("pk").values_list("key", "state", "progress")
    return fingerprint(told, list(moving[:MOVING]))


def _version(workflow: Workflow, steps: Sequence[Step], last: int | None) -> str:
    """The same text as `version`, of what has been read already."""
    told = (workflow.state, workflow.row_version, workflow.cancel_requested)
    moving = [step for step in steps if not step.is_done and step.progress]
    moving.sort(key=lambda step: step.pk)
    seen = [(step.key, step.state, step.progress) for step in moving[:MOVING]]
    return fingerprint((*told, workflow.requests, workflow.throttled, last), seen)


def picture(workflow: Workflow, *, now: datetime, asked: Asked) -> Picture:
    """Gather the page of `workflow`, which comes with its orchestration, query, template and destination."""
    steps = list(workflow.steps.defer("checkpoint"))
    shown = [StageShown(view, _look(workflow, view)) for view in stages(workflow, steps)]
    events, earlier = _events(workflow)
    gone_out, following = sent_by(steps), list(followers(workflow).only("number"))
    error = error_card(workflow, steps=steps, sent=gone_out)
    own, of_a_reason = panels(workflow, asked)
    return Picture(
        workflow=workflow,
        look=looks.of_workflow(workflow),
        stages=shown,
        share=_share(workflow, shown),
        plan=plan_shown(workflow) if workflow.plan else None,
        changes=changes_shown(workflow),
        delivery=delivery(steps),
        results=results(workflow),
        totals=people(workflow),
        outcomes=outcomes(workflow, of_a_reason),
        pace=pace(workflow, now=now),
        speed=speed_chart(workflow, now=now),
        past=past_runs(workflow),
        steps=_steps(workflow, steps, error, asked),
        events=events,
        earlier_events=earlier,
        objections=[objection["sentence"] for objection in workflow.error.get("objections", ())],
        warnings=_warnings(steps),
        sent=gone_out,
        error=error,
        circuit=circuits.open_for(workflow) if workflow.reason == circuits.REASON else None,
        panel=own,
        followers=following,
        files=_files(steps),
        waits_for_people=_waits_for_people(steps),
        took_seconds=_took(workflow, steps),
        version=_version(workflow, steps, events[0].event.seq if events else None),
    )


def _warnings(steps: Sequence[Step]) -> list[str]:
    """What the thresholds of the query said, without stopping the run."""
    return [told for step in steps if step.kind == "extract" and (told := step.outcome.get("warning"))]


def _files(steps: Sequence[Step]) -> Files:
    sent = (step for step in steps if step.kind == "upload" and step.state == StepState.DONE)
    return ways.uploaded(step.outcome for step in sent)


def _waits_for_people(steps: Sequence[Step]) -> bool:
    return any(step.kind in AFTERWARDS and step.progress and not step.is_done for step in steps)


def panels(workflow: Workflow, asked: Asked) -> tuple[Panel, Panel | None]:
    """Return the panel of the workflow's own trouble, and that of the reason that was asked for."""
    filled, person = asked.filled, asked.person
    own = panel(workflow, offered(workflow), person=person, filled=filled)
    if not filled.reason:
        return own, None
    return own, reason_panel(workflow, filled.reason, person=person, filled=filled)


def reason_panel(workflow: Workflow, reason: str, *, person: Person, filled: Filled | None = None) -> Panel:
    """Return the panel of one reason why rows were set aside."""
    return panel(workflow, offered(workflow, reason), person=person, reason=reason, filled=filled)


def _steps(workflow: Workflow, steps: Sequence[Step], error: ErrorCard | None, asked: Asked) -> StepsPage:
    stopped = error.step if error else None
    wanted = next((step for step in steps if step.pk == asked.step), None) if asked.step else stopped
    return steps_page(workflow, steps, number=asked.steps_page, opened=wanted, stopped=stopped)


def _took(workflow: Workflow, steps: Sequence[Step]) -> float | None:
    """What `actual_seconds` of the workflow says, by the steps that have been read already."""
    passed = next((step.finished_at for step in steps if step.key == "guard:r0"), None)
    return (workflow.finished_at - passed).total_seconds() if passed and workflow.finished_at else None


def _look(workflow: Workflow, view: StageView) -> Look:
    differs = workflow.is_final and workflow.code in UNEQUAL and not workflow.is_verified
    return DIFFERS if differs and view.stage == Stage.VERIFY else looks.of_stage(view.state)


def _share(workflow: Workflow, shown: Sequence[StageShown]) -> int | None:
    """How much of the stage at work is done, in whole percent; None when nobody knows how much there is."""
    if workflow.state in (State.SUCCEEDED, State.SUCCEEDED_WITH_ISSUES):
        return 100
    now = next((each.view for each in shown if each.view.state in ("active", "attention", "stopped")), None)
    return round(now.share * 100) if now and now.share is not None else None


def _events(workflow: Workflow) -> tuple[list[EventShown], int]:
    newest = list(workflow.events.order_by("-seq")[:EVENTS_SHOWN])
    earlier = newest[-1].seq - 1 if newest else 0
    return [EventShown(event, looks.of_event(event.kind, event.to_state)) for event in newest], earlier
