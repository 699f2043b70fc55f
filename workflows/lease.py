"""Who may write for a workflow: a lease with an end, and a fence number that tells late writers apart.

Source: docs/decisions/0002-the-database-owns-the-run.md
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Case, DateTimeField, F, Q, QuerySet, Value, When

from workflows import circuits
from workflows.clock import Clock
from workflows.models import Step, StepState, Workflow
from workflows.moves import CLAIMABLE

# Longer than any request may take (30 s) with room for its late arrival at the other side.
AMBIGUITY = timedelta(seconds=settings.AMBIGUITY_SECONDS)
# A lease further ahead than this was given by a clock that has since been set back.
ABSURD_LEASE = timedelta(minutes=3)


class LostLease(Exception):
    """Another worker owns the workflow, or nobody does: write nothing more, send nothing more."""


def lease() -> timedelta:
    return timedelta(seconds=settings.LEASE_SECONDS)


def beat_seconds() -> float:
    """How often a worker extends its lease at least: several times before it would run out."""
    return min(5.0, settings.LEASE_SECONDS / 4)


def claim(workflow_id: UUID | str, *, worker: str, clock: Clock) -> Workflow | None:
    """Take a workflow that is due, or return None when it is not ours to take.

    Steps the former owner left in flight become ambiguous; it may have sent what it never recorded.
    """
    with transaction.atomic():
        now = clock.now()
        # A row that somebody writes in this moment, or froze while writing, is not ours: do not wait for it.
        free = claimable(now).filter(pk=workflow_id).select_for_update(skip_locked=True, of=("self",))
        workflow = free.select_related("orchestration").first()
        if workflow is None or not circuits.admit(workflow, now):
            return None
        died = workflow.lease_until is not None
        workflow.fence += 1
        workflow.owner, workflow.progress_at, workflow.lease_until = worker, now, now + lease()
        workflow.save(update_fields=["fence", "owner", "progress_at", "lease_until"])
        _repair(workflow, now, died=died)
    return workflow


def claimable(now: datetime) -> QuerySet[Workflow]:
    """Workflows that are due, that no living worker holds and that stand behind no open circuit."""
    free = Q(lease_until=None) | Q(lease_until__lt=now) | Q(lease_until__gt=now + ABSURD_LEASE + lease())
    due = Q(wake_at=None) | Q(wake_at__lte=now)
    return Workflow.objects.filter(free, due, circuits.lets_through(now), state__in=sorted(CLAIMABLE))


def _repair(workflow: Workflow, now: datetime, *, died: bool) -> None:
    """Look after what the former owner left; `died`: it never gave its lease back."""
    left = list(workflow.steps.filter(state=StepState.INFLIGHT))
    if died and not left:
        # Nothing was being sent, and yet the worker did not come back from its step.
        at_work = workflow.steps.filter(started_at__isnull=False, finished_at=None)
        left = list(at_work.order_by("-started_at")[:1])
    for step in left:
        wrote = step.calls.filter(outcome="").update(outcome="crashed", ended_at=now)
        step.state = StepState.AMBIGUOUS if wrote else StepState.PENDING
        step.crashes += 1
        step.save(update_fields=["state", "crashes"])
        if wrote:
            workflow.ambiguous_until = now + AMBIGUITY
            workflow.save(update_fields=["ambiguous_until"])


@contextmanager
def fenced(workflow: Workflow) -> Iterator[Workflow]:
    """Open a transaction in which this worker is certain to own the workflow.

    The row is locked before anything is written: a plain `exists` check lets a stale write through under
    read committed. Raises LostLease when someone else took it.
    """
    with transaction.atomic():
        held = Workflow.objects.select_for_update().filter(pk=workflow.pk, fence=workflow.fence).first()
        if held is None or held.owner != workflow.owner:
            raise LostLease
        yield held


def extend(workflow: Workflow, clock: Clock) -> bool:
    """Keep the lease for another while; return whether a stop was asked for.

    Raises LostLease when someone else took the workflow.
    """
    now = clock.now()
    kept = Workflow.objects.filter(pk=workflow.pk, fence=workflow.fence, owner=workflow.owner).update(
        lease_until=now + lease(), progress_at=now
    )
    if not kept:
        raise LostLease
    return Workflow.objects.filter(pk=workflow.pk, cancel_requested=True).exists()


def release(workflow: Workflow, *, wake_at: datetime | None) -> None:
    """Give the workflow back, to be woken at `wake_at`. Someone else having it is fine.

    A stop that was asked for meanwhile has set an earlier time, which stays.
    """
    wake = Case(When(cancel_requested=True, then=F("wake_at")), default=Value(wake_at, DateTimeField()))
    Workflow.objects.filter(pk=workflow.pk, fence=workflow.fence, owner=workflow.owner).update(
        lease_until=None, wake_at=wake
    )


def crashed_too_often(workflow: Workflow) -> Step | None:
    return workflow.steps.filter(crashes__gte=settings.MAX_CRASHES).exclude(state=StepState.DONE).first()
