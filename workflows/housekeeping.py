"""What is done now and then: wake what paused for a while, delete what is kept no longer."""

import logging
import shutil
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import transaction

from notifications import retention
from workflows import alerts, streaks
from workflows.decisions import Stale, discard, retry
from workflows.models import Orchestration, Workflow
from workflows.moves import FINAL, LIVE, State
from workflows.start import CannotStart, Changes, start, taken_over

log = logging.getLogger(__name__)

# SQLite takes at most 32,766 values in one statement.
IDS_A_QUERY = 10_000


def wake_paused(now: datetime) -> None:
    """Go on with what paused until a time: a daily allowance, an outage that went on for hours."""
    for workflow in Workflow.objects.filter(state=State.PAUSED, wake_at__lte=now):
        try:
            retry(workflow, by="Rollcall")
        except Stale:
            _run_anew(workflow)


def _run_anew(workflow: Workflow) -> None:
    """Its plan is too old to go on with, or somebody decided about it in this moment and theirs counts."""
    workflow.refresh_from_db()
    if workflow.state != State.PAUSED:
        return
    note = f"Started by Rollcall: the plan of run {workflow.number} is too old to go on with."
    try:
        start(
            workflow.orchestration,
            by="Rollcall",
            trigger="retry",
            trigger_key=f"anew:{workflow.pk}",
            dry_run=workflow.dry_run,
            changes=Changes(of=workflow, note=note, **taken_over(workflow)),
        )
    except CannotStart as error:
        log.warning("cannot run anew", extra={"workflow": str(workflow.pk), "code": error.code})


def probe_inactive(now: datetime) -> None:
    """Try each orchestration that rests and whose time has come, by one run."""
    for resting in Orchestration.objects.filter(is_active=False, probe_at__lte=now):
        due = Orchestration.objects.filter(pk=resting.pk, is_active=False, probe_at=resting.probe_at)
        if due.update(probe_at=now + streaks.FIRST_PROBE) and not _is_at_work(resting):
            _probe(resting, now)


def _is_at_work(orchestration: Orchestration) -> bool:
    """Whether a run of it is open that has not failed: it works, or somebody decides about its plan."""
    live = orchestration.workflows.filter(state__in=sorted(LIVE)).first()
    return live is not None and not streaks.failed(live.state, live.code)


def _probe(orchestration: Orchestration, now: datetime) -> None:
    try:
        start(orchestration, by="Rollcall", trigger="probe", trigger_key=f"probe:{orchestration.pk}:{now}")
    except CannotStart as error:
        log.warning("cannot probe", extra={"orchestration": str(orchestration.pk), "code": error.code})


def discard_forgotten(now: datetime) -> None:
    """Give up what nobody has decided about for `RETENTION_DAYS`, so that its addresses do not stay."""
    # `progress_at` is the last sign of life of the worker that paused it.
    paused = Workflow.objects.filter(state=State.PAUSED)
    for workflow in paused.filter(progress_at__lt=now - _retention()):
        try:
            with transaction.atomic():
                discard(workflow, by="Rollcall")
                alerts.given_up(workflow, days=settings.RETENTION_DAYS, now=now)
        except Stale:
            log.info("decided about meanwhile", extra={"workflow": str(workflow.pk)})


def forget_notices(now: datetime) -> None:
    """Delete notices, and what was sent of them, past their time."""
    retention.purge(now - _retention())


def purge(now: datetime) -> None:
    """Delete the files of workflows that are over, and sealed rows past their time."""
    # Folders first, database second: what was begun in between is not looked at.
    kept, sealed = _folders("workflows"), _folders("sealed")
    known = _known({**kept, **sealed})
    for pk, folder in kept.items():
        if pk not in known or _may_go(*known[pk], now=now):
            shutil.rmtree(folder, ignore_errors=True)
    for pk, folder in sealed.items():
        if pk not in known or _expired(known[pk][1], now):
            shutil.rmtree(folder, ignore_errors=True)


def _folders(kind: str) -> dict[UUID, Path]:
    """The folders of workflows, by id; what has another name is nobody's here, and stays."""
    root = Path(settings.DATA_DIR) / kind
    found = {}
    for folder in root.iterdir() if root.exists() else ():
        with suppress(ValueError):
            found[UUID(folder.name)] = folder
    return found


def _known(ids: Iterable[UUID]) -> dict[UUID, tuple[str, datetime | None]]:
    """State and end of each of these workflows that exists, in one query for very many."""
    wanted, found = list(ids), {}
    for first in range(0, len(wanted), IDS_A_QUERY):
        asked = Workflow.objects.filter(pk__in=wanted[first : first + IDS_A_QUERY])
        for pk, state, finished_at in asked.values_list("pk", "state", "finished_at"):
            found[pk] = (state, finished_at)
    return found


def _may_go(state: str, finished_at: datetime | None, *, now: datetime) -> bool:
    """Whether nobody needs the files: a failed workflow may be retried for a while."""
    return state in FINAL - {State.FAILED} or _expired(finished_at, now)


def _expired(finished_at: datetime | None, now: datetime) -> bool:
    return finished_at is not None and now - finished_at > _retention()


def _retention() -> timedelta:
    return timedelta(days=settings.RETENTION_DAYS)
