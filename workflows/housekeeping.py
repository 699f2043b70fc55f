"""What is done now and then: wake what paused for a while, delete what is kept no longer."""

import logging
import shutil
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings

from workflows.decisions import Stale, retry
from workflows.files import Folder
from workflows.models import Workflow
from workflows.moves import FINAL, State
from workflows.start import CannotStart, start

log = logging.getLogger(__name__)


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
    try:
        start(workflow.orchestration, by="Rollcall", trigger="retry")
    except CannotStart as error:
        log.warning("cannot run anew", extra={"workflow": str(workflow.pk), "code": error.code})


def purge(now: datetime) -> None:
    """Delete the files of workflows that are over, and sealed rows past their time."""
    for folder in _folders("workflows"):
        workflow = Workflow.objects.filter(pk=folder.name).only("state", "finished_at").first()
        over = workflow is None or (workflow.state in FINAL - {State.FAILED})
        if over or (workflow and _expired(workflow.finished_at, now)):
            Folder(folder.name).remove()
    for folder in _folders("sealed"):
        workflow = Workflow.objects.filter(pk=folder.name).only("finished_at").first()
        if workflow is None or _expired(workflow.finished_at, now):
            shutil.rmtree(folder, ignore_errors=True)


def _folders(kind: str) -> list[Path]:
    root = Path(settings.DATA_DIR) / kind
    return [folder for folder in root.iterdir() if folder.is_dir()] if root.exists() else []


def _expired(finished_at: datetime | None, now: datetime) -> bool:
    return finished_at is not None and now - finished_at > timedelta(days=settings.RETENTION_DAYS)
