"""Everything the page of one workflow shows, gathered in a few queries and no person's data unmasked."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Max

from workflows import looks, reasons, samples, ways
from workflows.catalogue import Entry, entry
from workflows.decisions import FOR_A_PLAN
from workflows.drawing import Part, bar
from workflows.estimate import duration
from workflows.history import fingerprint, is_counted, people, total
from workflows.looks import Look
from workflows.models import Event, Stage, Step, StepState, Workflow
from workflows.moves import State
from workflows.pace import Pace, pace
from workflows.presses import Press, presses
from workflows.report import files, warnings
from workflows.resolutions import Resolution, followers, offered
from workflows.sent import Sent, sent
from workflows.stages import StageView, stages
from workflows.ways import Files, Sum, Way
from workflows.words import counted

EVENTS_SHOWN = 60
LONG_SECONDS = 60
SET_ASIDE = ("not_loaded", "rejected", "kept_out", "unknown")
UNEQUAL = frozenset({"unconfirmed", "sftp_unconfirmed", "file_unconfirmed"})
DIFFERS = Look("warn", "half", "done, with a difference")
# As the message of a refused host key has them; they are for comparing, letter by letter.
_KEY = r"[a-z0-9@.-]+ SHA256:[A-Za-z0-9+/]+"
_FINGERPRINTS = re.compile(rf": (?P<shown>{_KEY})(?:, not (?P<known>{_KEY}(?: or {_KEY})*))?(?=\.)")
_SENTENCE_END = re.compile(r"(?<=[.!?]) (?=[A-Z“])")
ABOUT_SFTP = frozenset({"sftp_moved", "host_key_unknown", "host_key_changed", "sftp_login_refused"})
ABOUT_THE_FOLDER = frozenset({"sftp_folder_missing", "sftp_denied", "sftp_not_possible"})
ABOUT_THE_KEY = ("invalid_credentials", "permission_missing", "wrong_account")


@dataclass(frozen=True)
class StageShown:
    view: StageView
    look: Look

    @property
    def phase(self) -> str:
        """todo, now or over: what the card looks like."""
        return {"waiting": "todo", "active": "now", "attention": "now"}.get(self.view.state, "over")


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
    bar: Sequence[Part]
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
class Outcome:
    """Rows or people that were set aside for one reason."""

    title: str
    stage: str
    number: int
    sample: str
    remedy: str


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
    results: Sequence[Part]
    totals: Mapping[str, int]
    outcomes: Sequence[Outcome]
    pace: Pace
    events: Sequence[EventShown]
    earlier_events: int
    objections: Sequence[str]
    warnings: Sequence[str]
    sent: Sent
    entry: Entry | None
    offers: Sequence[Resolution]
    presses: Sequence[Press]
    followers: Sequence[Workflow]
    files: Files
    version: str

    @property
    def awaits_approval(self) -> bool:
        return self.workflow.needs_decision and self.workflow.code in FOR_A_PLAN

    @property
    def opens_ways(self) -> bool:
        """Whether the ways stand open: while a person decides about them, and when they are worth a look."""
        return self.plan is not None and (self.awaits_approval or self.plan.is_long)

    @property
    def is_stuck(self) -> bool:
        return bool(self.entry) and not self.awaits_approval

    @property
    def can_retry(self) -> bool:
        return self.workflow.state in (State.PAUSED, State.FAILED) and not self.awaits_approval

    @property
    def can_stop(self) -> bool:
        return self.workflow.is_open and self.workflow.state != State.CANCELLING

    @property
    def run_name(self) -> str:
        return f"Run {self.workflow.number}"

    @property
    def at_work(self) -> str:
        """What the progress bar is about."""
        shown = next((each for each in self.stages if each.phase == "now"), None)
        return f"{shown.view.label} stage" if shown else self.look.word

    @property
    def needs_credential(self) -> bool:
        return self.workflow.code in ABOUT_THE_KEY

    @property
    def needs_sftp_credential(self) -> bool:
        return self.workflow.code in ABOUT_SFTP and self.sftp_credential_id is not None

    @property
    def sftp_credential_id(self) -> UUID | None:
        destination = self.workflow.orchestration.template.destination
        return destination.credential_id if self.workflow.feeds_a_file else destination.sftp_credential_id

    @property
    def needs_destination(self) -> bool:
        return self.workflow.code in ABOUT_THE_FOLDER

    @property
    def ways_out(self) -> list[str]:
        """What a person can do beside the buttons that do it; nothing when another run is at it already."""
        if not self.entry or self.followers:
            return []
        labels = {press.way.label for press in self.presses}
        return [each.label for each in self.offers if each.label not in labels]

    @property
    def first_press(self) -> str:
        """Which button comes first: press, look (where something is to be put right) or retry."""
        likeliest = self.offers[0].label if self.offers else ""
        if self.presses and self.presses[0].way.label == likeliest:
            return "press"
        asks = (
            self.needs_credential or self.needs_sftp_credential or self.workflow.code == "sftp_not_possible"
        )
        return "look" if asks else "retry"

    @property
    def told(self) -> tuple[str, str]:
        """What happened: the sentence that says it, and the rest; fingerprints stand apart."""
        text = _FINGERPRINTS.sub("", self.workflow.message) or (self.entry.meaning if self.entry else "")
        first, _, rest = _SENTENCE_END.sub("\n", text, count=1).partition("\n")
        return first, rest

    @property
    def fingerprints(self) -> list[tuple[str, str]]:
        """The host keys that a message names: the one shown now, then those accepted before."""
        found = _FINGERPRINTS.search(self.workflow.message)
        if not found:
            return []
        known = found["known"].split(" or ") if found["known"] else []
        return [("Shown now", found["shown"]), *(("Accepted", each) for each in known)]

    @property
    def sent_before(self) -> str:
        """What of it has reached the list while it waits, in one true sentence."""
        if self.plan and self.plan.round:
            return "A part has been sent already; nothing more is sent until someone decides."
        return f"Sent so far: {self.sent.told}." if self.sent else "Nothing has been sent."

    @property
    def refused(self) -> str:
        """Whom Klaviyo would not take, and why; empty when nobody."""
        return reasons.refused(dict(_by_code(self.workflow.counts, "rejected")))

    @property
    def verdict_detail(self) -> str:
        noun = "row" if self.workflow.feeds_a_file else "member"
        on_list = counted(self.workflow.counts.get("on_list", 0), noun)
        took = self.workflow.total_seconds
        return f"Read back: {on_list}. The whole run took {duration(took)}." if took is not None else ""

    @property
    def verdict(self) -> str:
        """What has been verified, in a few words."""
        return "The server holds the files" if self.workflow.feeds_a_file else "List equals query"

    @property
    def set_aside(self) -> int:
        return sum(outcome.number for outcome in self.outcomes)

    @property
    def has_samples(self) -> bool:
        return any(outcome.sample for outcome in self.outcomes)


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
    return fingerprint(told, list(moving[:5]))


def picture(workflow: Workflow, *, now: datetime) -> Picture:
    """Gather the page of `workflow`, which comes with its orchestration, query, template and destination."""
    shown = [StageShown(view, _look(workflow, view)) for view in stages(workflow)]
    events, earlier = _events(workflow)
    found, gone_out = _outcomes(workflow), sent(workflow)
    return Picture(
        workflow=workflow,
        look=looks.of_workflow(workflow),
        stages=shown,
        share=_share(workflow, shown),
        plan=_plan(workflow) if workflow.plan else None,
        results=_results(workflow),
        totals=people(workflow),
        outcomes=found,
        pace=pace(workflow, now=now),
        events=events,
        earlier_events=earlier,
        objections=[objection["sentence"] for objection in workflow.error.get("objections", ())],
        warnings=warnings(workflow),
        sent=gone_out,
        entry=entry(workflow.code) if workflow.code else None,
        offers=offered(workflow),
        presses=presses(workflow, gone_out),
        followers=list(followers(workflow).only("number")),
        files=ways.uploaded(files(workflow)),
        version=version(workflow.pk) or "",
    )


def _look(workflow: Workflow, view: StageView) -> Look:
    differs = workflow.is_final and workflow.code in UNEQUAL and not workflow.is_verified
    return DIFFERS if differs and view.stage == Stage.VERIFY else looks.of_stage(view.state)


def _share(workflow: Workflow, shown: Sequence[StageShown]) -> int | None:
    """How much of the stage at work is done, in whole percent; None when nobody knows how much there is."""
    if workflow.state in (State.SUCCEEDED, State.SUCCEEDED_WITH_ISSUES):
        return 100
    now = next((each.view for each in shown if each.view.state in ("active", "attention", "stopped")), None)
    return round(now.share * 100) if now and now.share is not None else None


def _plan(workflow: Workflow) -> PlanShown:
    plan = workflow.plan
    signs = (Sign("ok", "", "For the files", plan["adds"]),) if workflow.feeds_a_file else _signs(plan)
    return PlanShown(
        signs=signs,
        bar=bar([(sign.tone, sign.label, sign.number) for sign in signs]),
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


def _signs(plan: Mapping[str, Any]) -> tuple[Sign, ...]:
    return (
        Sign("ok", "+", "To add", plan["adds"]),
        Sign("bad", "−", "To remove", plan["removes"]),
        Sign("accent", "~", "To update", plan["updates"]),
        Sign("idle", "=", "Unchanged", plan["unchanged"]),
    )


def _results(workflow: Workflow) -> list[Part]:
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


def _outcomes(workflow: Workflow) -> list[Outcome]:
    counts, examples = workflow.counts, samples.masked(workflow)
    not_loaded = _by_code(counts, "not_loaded") or _by_code(workflow.plan, "not_loaded")
    rejected = _by_code(counts, "rejected")
    found = [_outcome(reasons.not_loaded(code), "Check", n, examples.get(code, "")) for code, n in not_loaded]
    found += [_outcome(reasons.rejected(code), "Deliver", n, examples.get(code, "")) for code, n in rejected]
    kept_out = total(counts.get("kept_out", workflow.plan.get("kept_out", 0)))
    found.append(_outcome(reasons.KEPT_OUT, "Compare", kept_out))
    unknown = reasons.NOT_SEEN if workflow.code == "sftp_unconfirmed" else reasons.UNKNOWN
    found.append(_outcome(unknown, "Verify", total(counts.get("unknown", 0)), examples.get("not_seen", "")))
    return [outcome for outcome in found if outcome.number]


def _by_code(counts: Mapping[str, Any], name: str) -> list[tuple[str, int]]:
    """Counts by code, the most first; a bare number has no code."""
    given = counts.get(name, {})
    by_code = given if isinstance(given, dict) else {"": given}
    return sorted(((code, total(number)) for code, number in by_code.items()), key=lambda pair: -pair[1])


def _outcome(reason: reasons.Reason, stage: str, number: int, sample: str = "") -> Outcome:
    return Outcome(reason.title, stage, number, sample, reason.remedy)


def _events(workflow: Workflow) -> tuple[list[EventShown], int]:
    newest = list(workflow.events.order_by("-seq")[:EVENTS_SHOWN])
    earlier = newest[-1].seq - 1 if newest else 0
    return [EventShown(event, looks.of_event(event.kind, event.to_state)) for event in newest], earlier
