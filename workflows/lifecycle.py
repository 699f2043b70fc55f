"""The one function that moves a workflow, with the event that tells of it in the same transaction."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F, Max

from workflows import alerts
from workflows.files import Folder
from workflows.models import Event, Workflow
from workflows.moves import FINAL, State, allowed


class StaleState(Exception):
    """The workflow was moved by someone else since it was read; read it again before deciding."""


def move(
    workflow: Workflow,
    to: State,
    *,
    now: datetime,
    actor: str = "",
    note: str = "",
    reason: str = "",
    **columns: Any,
) -> None:
    """Move `workflow` to `to` and write `columns` with it, unless it has been moved since it was read.

    A `note` goes on the timeline; a worker that only pauses for breath gives none.

    Raises ValueError for a move the table does not allow, StaleState when another got there first.
    """
    was = State(workflow.state)
    if not allowed(was, to):
        raise ValueError(f"a {was} workflow cannot become {to}")
    if to in FINAL:
        columns.setdefault("finished_at", now)
    columns |= {"state": to, "reason": reason}
    with transaction.atomic():
        moved = Workflow.objects.filter(pk=workflow.pk, state=was, fence=workflow.fence).update(
            row_version=F("row_version") + 1, **columns
        )
        if not moved:
            raise StaleState
        if note:
            tell(workflow, "moved", now=now, actor=actor, message=note, was=was, to=to)
        alerts.on_move(workflow, was, to, now=now, changed=columns)
        if to in FINAL and to != State.FAILED:
            # What is over keeps no addresses. A failed workflow may be retried, and needs its files.
            transaction.on_commit(Folder(workflow.pk).remove)
    for name, value in columns.items():
        setattr(workflow, name, value)
    workflow.row_version += 1


def tell(
    workflow: Workflow,
    kind: str,
    *,
    now: datetime,
    message: str,
    actor: str = "",
    was: str = "",
    to: str = "",
    **data: object,
) -> None:
    """Add one line to the timeline. The unique sequence number finds two writers out."""
    last = Event.objects.filter(workflow=workflow).aggregate(last=Max("seq"))["last"] or 0
    Event.objects.create(
        workflow=workflow,
        seq=last + 1,
        at=now,
        actor=actor,
        kind=kind,
        from_state=was,
        to_state=to,
        message=message,
        data=data,
    )
