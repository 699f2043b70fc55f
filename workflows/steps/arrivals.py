"""Who should appear on the list after what was sent, and who was sent in a file."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.db.models import Exists, Max, OuterRef, QuerySet
from django.db.models.functions import Coalesce

from workflows import rows
from workflows.models import Attempt, Step, StepState, Workflow
from workflows.outside import REMOVED
from workflows.run import Run

ADDING = ("add", "upsert", "import", "upload")


@dataclass(frozen=True)
class Coming:
    """People who may still come out of uploaded files: all are there at `members`; last sent at `sent_at`."""

    members: int
    sent_at: datetime


def members_before(run: Run, round_: int) -> int:
    """How many were on the list when a round was planned."""
    name = "r0" if round_ == 0 else f"v{round_ - 1}"
    return rows.count(run.folder.file(name, "members.parquet"))


def added(workflow: Workflow, round_: int) -> int:
    """How many more the list has when everything a round has sent is on it.

    An upload that was begun counts whole: whatever reached the server may be taken in.
    """
    steps = workflow.steps.filter(round=round_)
    jobs = steps.filter(kind="jobs", state=StepState.DONE).values_list("outcome", flat=True)
    sent = steps.filter(kind__in=ADDING, state=StepState.DONE).values_list("outcome", flat=True)
    torn = begun(workflow).exclude(state=StepState.DONE).filter(round=round_).values_list("input", flat=True)
    people = sum(outcome.get("rows", 0) for outcome in sent) + sum(given["limit"] for given in torn)
    return people - sum(outcome.get("failed_adds", 0) for outcome in jobs)


def begun(workflow: Workflow) -> QuerySet[Step]:
    """Uploads of which something may have been taken in."""
    return workflow.steps.filter(Exists(_telling()), kind="upload")


def _telling() -> QuerySet[Attempt]:
    """Attempts of a step that may have left something; those of a worker that ended have no outcome yet."""
    return Attempt.objects.filter(step=OuterRef("pk")).exclude(outcome__in=(REMOVED, "retrylater"))


def open_uploads(workflows: QuerySet[Workflow], *, since: datetime) -> list[Coming]:
    """Files of runs that ended early which may still be taken in, none that was sent before `since`."""
    recent = _telling().filter(intent_at__gt=since)
    uploads = Step.objects.filter(Exists(recent), workflow__in=workflows, kind="upload")
    found = []
    for workflow in Workflow.objects.filter(pk__in=uploads.values("workflow")):
        ingested = workflow.steps.filter(kind="ingest", state=StepState.DONE).values("round")
        open_ones = begun(workflow).exclude(round__in=ingested)
        last = open_ones.aggregate(at=Max(Coalesce("calls__ended_at", "calls__intent_at")))["at"]
        if last:
            members = (workflow.base_members or 0) + added(workflow, workflow.round)
            found.append(Coming(members, last))
    return found


def uploaded_files(run: Run) -> list[Path]:
    """The files of people whose upload was begun, in whatever round."""
    inputs = begun(run.workflow).values_list("input", flat=True)
    return [run.folder.file(name) for name in sorted({given["file"] for given in inputs})]


def were_uploaded(run: Run, keys: set[str]) -> set[str]:
    """Which of these people were in a file. Reads the files slice by slice: they may name millions."""
    found: set[str] = set()
    for some in _keys_of(uploaded_files(run)):
        found |= keys & some
        if len(found) == len(keys):
            break
    return found


def _keys_of(paths: list[Path]) -> Iterator[set[str]]:
    for path in paths:
        for batch in rows.stream(path, ("key",)):
            yield set(batch.column("key").to_pylist())
