"""Posting notices about workflows, credentials and orchestrations, in the transaction of what they tell."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.urls import reverse

from notifications.models import Kind, Notification, Telling
from notifications.outbox import Notice, post
from notifications.wishes import wish_of
from workflows import news
from workflows.catalogue import entry
from workflows.models import Circuit, Event, Orchestration, Workflow
from workflows.moves import State
from workflows.words import counted

BY_ITSELF = "Rollcall"
TROUBLE = (Kind.TROUBLE, Kind.INACTIVE)
# Runs that repeat one whose plan had grown old, or try an orchestration that rests.
REPEATS = ("retry", "probe")


def on_move(
    workflow: Workflow, was: State, to: State, *, now: datetime, changed: Mapping[str, Any] | None = None
) -> Notification | None:
    """Tell of this move if it is news. `changed` are the columns that are written with it."""
    columns = changed or {}
    code = str(columns.get("code", workflow.code))
    told = news.kind(to, code, _past(workflow, to, code, now))
    if not told:
        return None
    # As the move has just left it in the database: each change of state has its own.
    version = Workflow.objects.values_list("row_version", flat=True).get(pk=workflow.pk)
    words = {
        "list_name": workflow.list_name,
        "plan": columns.get("plan", workflow.plan),
        "counts": columns.get("counts", workflow.counts),
        "some_rows": workflow.is_for_some_rows,
        "a_file": workflow.feeds_a_file,
        "goes_on": columns.get("wake_at"),
    }
    return post(
        _about(
            workflow,
            kind=told,
            code=code,
            title=news.title(told, code, workflow.orchestration.name),
            body=news.body(told, code, **words),
            key=f"move:{workflow.pk}:{version}:{to}",
        ),
        now=now,
    )


def circuit_opened(circuit: Circuit, workflow: Workflow | None, now: datetime) -> Notification | None:
    """Tell that a credential was refused: once each time its circuit opens, however many wait behind it."""
    waiting = Workflow.objects.filter(
        account_id=circuit.account_id, state__in=("queued", "running", "waiting")
    )
    known, credential = entry(circuit.code), circuit.credential
    orchestrations = waiting.values("orchestration").distinct().count()
    numbers = f"Under way for this account: {counted(orchestrations, 'orchestration')}."
    notice = Notice(
        kind=Kind.CIRCUIT,
        code=circuit.code,
        title=f"{known.title}: {credential.name}",
        body=f"{known.meaning} {known.owner} can act. {numbers}",
        path=path(workflow) if workflow else reverse("workflows:list"),
        about=None,
        workflow=workflow.pk if workflow else None,
        key=f"circuit:{credential.pk}:{circuit.opened_at.isoformat()}",
        account_id=circuit.account_id,
    )
    return post(notice, now=now)


def circuit_closed(circuit: Circuit, now: datetime) -> Notification | None:
    """Tell that a credential is taken again, when it was told that it was refused."""
    credential = circuit.credential
    opened = f"circuit:{credential.pk}:{circuit.opened_at.isoformat()}"
    if not Notification.objects.filter(key=opened).exists():
        return None
    notice = Notice(
        kind=Kind.RECOVERED,
        code=circuit.code,
        title=f"Working again: {credential.name}",
        body="The credential is taken again. What waited for it goes on by itself.",
        path=reverse("workflows:list"),
        about=None,
        workflow=None,
        key=f"{opened}:closed",
        account_id=circuit.account_id,
    )
    return post(notice, now=now)


def became_inactive(orchestration: Orchestration, workflow: Workflow, now: datetime) -> Notification | None:
    """Tell that an orchestration failed time after time and is not run any more."""
    code = workflow.code
    notice = _about(
        workflow,
        kind=Kind.INACTIVE,
        code=code,
        title=f"Made inactive: {orchestration.name}",
        body="It failed again and again, so it is started no more, except to see whether it works again. "
        f"{entry(code).title}: {entry(code).meaning}",
        key=f"inactive:{orchestration.pk}:{workflow.pk}",
    )
    return post(notice, now=now)


def became_active(orchestration: Orchestration, workflow: Workflow, now: datetime) -> Notification | None:
    """Tell that an orchestration is run again, unless its success was told already."""
    turns = Notification.objects.filter(about=orchestration.pk, kind__in=(Kind.INACTIVE, Kind.RECOVERED))
    last = turns.first()
    if last is None or last.kind != Kind.INACTIVE:
        return None
    notice = _about(
        workflow,
        kind=Kind.RECOVERED,
        code="",
        title=f"Active again: {orchestration.name}",
        body="It is run again as before.",
        key=f"active:{orchestration.pk}:{workflow.pk}",
    )
    return post(notice, now=now)


def given_up(workflow: Workflow, *, days: int, now: datetime) -> Notification | None:
    """Tell that a workflow nobody decided about is over, and that nothing more of it is sent."""
    notice = _about(
        workflow,
        kind=Kind.TROUBLE,
        code=workflow.code,
        title=f"Given up: {workflow.orchestration.name}",
        body=f"Nobody decided about it for {days} days, so nothing more of it is sent.",
        key=f"given-up:{workflow.pk}",
    )
    return post(notice, now=now)


def requested(workflow: Workflow, *, title: str, body: str, key: str, now: datetime) -> Notification | None:
    """Pass on that somebody asks for help with a workflow; the words hold no person."""
    notice = _about(workflow, kind=Kind.REQUEST, code=workflow.code, title=title, body=body, key=key)
    return post(notice, now=now)


def path(workflow: Workflow) -> str:
    """Where *View Workflow* leads: its page, with the step that failed open."""
    return reverse("workflows:detail", args=[workflow.pk]) + "#resolutions"


def _about(workflow: Workflow, *, kind: str, code: str, title: str, body: str, key: str) -> Notice:
    destination = workflow.config.get("destination", {}).get("id")
    return Notice(
        kind=kind,
        code=code,
        title=title,
        body=body,
        path=path(workflow),
        about=workflow.orchestration_id,
        workflow=workflow.pk,
        key=key,
        destination=UUID(destination) if destination else None,
        account_id=workflow.account_id,
    )


def _past(workflow: Workflow, to: State, code: str, now: datetime) -> news.Past:
    if to in (State.PAUSED, State.FAILED):
        circuit = Circuit.objects.filter(account_id=workflow.account_id)
        return news.Past(told_before=_told_before(workflow, code, now), circuit_open=circuit.exists())
    return news.Past(in_trouble=to == State.SUCCEEDED and _in_trouble(workflow.orchestration_id))


def _told_before(workflow: Workflow, code: str, now: datetime) -> bool:
    """Whether this was told, and nobody but Rollcall has gone on with the run since.

    What was posted in a mute has been told to nobody once the mute is over.
    """
    about = workflow.orchestration_id
    is_muted = wish_of(about, now=now).telling == Telling.MUTED
    if workflow.trigger in REPEATS and workflow.started_by == BY_ITSELF:
        last = _last_trouble_or_end(about, code)
        stands = last is not None and last.code == code and last.kind in (*TROUBLE, Kind.APPROVAL)
        if last and stands and (is_muted or not last.quiet):
            return True
    told = Notification.objects.filter(workflow=workflow.pk, code=code)
    if not is_muted:
        told = told.filter(quiet=False)
    requeued = Event.objects.filter(workflow=workflow, to_state=State.QUEUED).exclude(actor=BY_ITSELF)
    pressed = requeued.order_by("-seq").values_list("at", flat=True).first()
    return told.filter(at__gte=pressed).exists() if pressed else told.exists()


def _last_trouble_or_end(orchestration: UUID, code: str) -> Notification | None:
    """What was posted last of how its runs ended; that it became inactive counts where it names `code`."""
    ends = Q(kind__in=(Kind.TROUBLE, Kind.APPROVAL, Kind.ISSUES, Kind.RECOVERED))
    inactive = Q(kind=Kind.INACTIVE, code=code)
    return Notification.objects.filter(ends | inactive, about=orchestration).first()


def _in_trouble(orchestration: UUID) -> bool:
    """Whether trouble is the last there is of it, and was told: a quiet recovery has ended it as well."""
    ends = (*TROUBLE, Kind.ISSUES, Kind.RECOVERED)
    last = Notification.objects.filter(about=orchestration, kind__in=ends).first()
    return last is not None and last.kind in TROUBLE and not last.quiet
