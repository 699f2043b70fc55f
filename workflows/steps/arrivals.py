"""Who should appear on the list after what was sent, and who was sent in a file."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.db.models import Max, QuerySet
from django.db.models.functions import Coalesce

from workflows import rows
from workflows.models import Step, StepState, Workflow
from workflows.run import Run

ADDING = ("add", "upsert", "import", "upload")
# The outcome of an attempt whose worker ended is empty until somebody has noticed.
MAY_HAVE_WRITTEN = ("ok", "ambiguous", "crashed", "")


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
    return people - sum(outcome.get("failed", 0) for outcome in jobs)


def begun(workflow: Workflow) -> QuerySet[Step]:
    """Uploads of which something may have reached the server; one that was refused wrote nothing."""
    return workflow.steps.filter(kind="upload", calls__outcome__in=MAY_HAVE_WRITTEN).distinct()


def open_uploads(workflows: list[Workflow], *, since: datetime) -> list[Coming]:
    """Files of runs that ended early which may still be taken in, the oldest run first."""
    found = []
    for workflow in sorted(workflows, key=lambda each: each.created_at):
        seen = workflow.steps.filter(kind="ingest", state=StepState.DONE).values_list("round", flat=True)
        uploads = begun(workflow).exclude(round__in=list(seen))
        last = uploads.aggregate(at=Max(Coalesce("calls__ended_at", "calls__intent_at")))["at"]
        if last and last > since:
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
