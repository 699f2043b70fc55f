"""What a person may decide about a workflow: approve its plan, discard it, retry, stop."""

from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction

from accounts.models import User
from workflows.clock import Clock, DatabaseClock
from workflows.guards import OF_ROWS
from workflows.lifecycle import StaleState, move, tell
from workflows.models import Approval, StepState, Workflow
from workflows.moves import State
from workflows.sent import at_its_end

APPROVAL_LASTS = timedelta(hours=24)
# Old plans are not carried out: the query and the list have gone on since.
PLAN_LASTS_FOR_APPROVAL = timedelta(hours=24)
PLAN_LASTS_FOR_RETRY = timedelta(hours=6)
TELLING_ATTEMPTS = 5
FOR_A_PLAN = ("guard", "plan_ready", *sorted(OF_ROWS))


class Stale(Exception):
    """The decision was made on an old picture of the workflow; nothing was changed."""


class TooOld(Stale):
    """The plan is hours old: the query and the list have gone on since."""


def approve(
    workflow: Workflow, *, plan_hash: str, by: User | None, as_name: str, clock: Clock | None = None
) -> None:
    """Let exactly the plan `plan_hash` be delivered; the approval lasts a day.

    Raises Stale when the workflow does not wait for approval, or its plan is another one or a day old.
    """
    clock = clock or DatabaseClock()
    if workflow.state != State.PAUSED or workflow.code not in FOR_A_PLAN:
        raise Stale("This workflow does not wait for approval.")
    if not plan_hash or workflow.plan_hash != plan_hash:
        raise Stale("The plan has changed since it was shown. Look at the new one first.")
    now = clock.now()
    _fresh(workflow, now, PLAN_LASTS_FOR_APPROVAL)
    try:
        with transaction.atomic():
            Approval.objects.filter(workflow=workflow, expires_at__lte=now).delete()
            Approval.objects.create(
                workflow=workflow,
                plan_hash=plan_hash,
                decided_by=by,
                decided_as=as_name,
                decided_at=now,
                expires_at=now + APPROVAL_LASTS,
            )
            _requeue(workflow, clock, actor=as_name, note="Plan approved.", dry_run=False)
    except (IntegrityError, StaleState) as error:
        raise Stale("Someone else decided about this plan a moment ago.") from error


def retry(workflow: Workflow, *, by: str, clock: Clock | None = None) -> None:
    """Go on from the step that stopped, after what stopped it has been put right.

    Raises Stale when the workflow is not paused or failed, or its plan is hours old.
    """
    if workflow.state not in (State.PAUSED, State.FAILED):
        raise Stale("This workflow is not stopped, so there is nothing to retry.")
    clock = clock or DatabaseClock()
    _fresh(workflow, clock.now(), PLAN_LASTS_FOR_RETRY)
    try:
        with transaction.atomic():
            workflow.steps.exclude(state__in=(StepState.DONE, StepState.SKIPPED)).update(
                crashes=0, attempts=0, throttled=0, throttled_since=None, next_at=None
            )
            _requeue(workflow, clock, actor=by, note="Retried.")
    except (IntegrityError, StaleState) as error:
        raise Stale("This workflow has moved on, or another one runs for its list.") from error


def is_old(workflow: Workflow, now: datetime, lasts: timedelta = PLAN_LASTS_FOR_RETRY) -> bool:
    """Whether the plan was made too long ago to be carried out; one that was not made yet is not old."""
    planned = (
        workflow.steps.filter(kind__in=("compare", "draft"), finished_at__isnull=False)
        .order_by("-round")
        .first()
    )
    return bool(planned and planned.finished_at and now - planned.finished_at > lasts)


def _fresh(workflow: Workflow, now: datetime, lasts: timedelta) -> None:
    if is_old(workflow, now, lasts):
        hours = lasts.total_seconds() / 3600
        raise TooOld(f"Its plan is more than {hours:.0f} hours old. Run it again: that compares anew.")


def discard(workflow: Workflow, *, by: str, clock: Clock | None = None) -> None:
    """Give a paused plan up; nothing of it is sent. Raises Stale when it is not paused."""
    if workflow.state != State.PAUSED:
        raise Stale("This workflow does not wait for a decision.")
    note = f"Discarded. {at_its_end(workflow)}".strip()
    _move(workflow, State.CANCELLED, clock or DatabaseClock(), by, note)


def cancel(workflow: Workflow, *, by: str, clock: Clock | None = None) -> None:
    """Stop a workflow at its next call; what was sent before stays sent, and is told.

    Raises Stale when it is over already.
    """
    clock = clock or DatabaseClock()
    if workflow.is_final:
        raise Stale("This workflow is over.")
    if workflow.state in (State.QUEUED, State.PAUSED):
        note = f"Stopped before anything more was sent. {at_its_end(workflow)}".strip()
        _move(workflow, State.CANCELLED, clock, by, note)
    elif workflow.state != State.CANCELLING:
        _ask_to_stop(workflow, clock.now(), by)


def _ask_to_stop(workflow: Workflow, now: datetime, by: str) -> None:
    """Write the wish down once, however often it is pressed; the worker tells of its own things meanwhile."""
    for _ in range(TELLING_ATTEMPTS):
        try:
            with transaction.atomic():
                open_still = Workflow.objects.filter(pk=workflow.pk, state__in=(State.RUNNING, State.WAITING))
                if not open_still.filter(cancel_requested=False).update(cancel_requested=True, wake_at=now):
                    raise Stale("It was asked to stop already, or has moved on since the page was shown.")
                tell(workflow, "stop", now=now, actor=by, message="Asked to stop.")
                return
        except IntegrityError:
            # Somebody else wrote a line of its history in the same moment.
            continue
    raise Stale("This workflow is moving on this very moment. Look at it again.")


def _move(workflow: Workflow, to: State, clock: Clock, by: str, note: str) -> None:
    try:
        move(workflow, to, now=clock.now(), actor=by, note=note)
    except StaleState as error:
        raise Stale("This workflow has moved on since the page was shown.") from error


def _requeue(workflow: Workflow, clock: Clock, *, actor: str, note: str, **columns: Any) -> None:
    now = clock.now()
    columns |= {"code": "", "message": "", "error": {}}
    columns |= {"wake_at": now, "lease_until": None, "finished_at": None}
    move(workflow, State.QUEUED, now=now, actor=actor, note=note, **columns)
