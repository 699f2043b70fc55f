"""The last runs of an orchestration beside each other: how many people each changed, and how it ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from workflows import looks
from workflows.models import Workflow
from workflows.moves import State
from workflows.tallies import changed, is_counted

SHOWN = 20
HEIGHT = 56.0
LEAST = 2.0
_DIM = (State.CANCELLED, State.QUEUED)


@dataclass(frozen=True)
class RunBar:
    """One run; `y` and `height` of its bar are in the units of a drawing that is 58 high."""

    workflow: Workflow
    tone: str
    changed: int
    told: str
    y: str
    height: str
    here: bool


@dataclass(frozen=True)
class PastRuns:
    bars: Sequence[RunBar]
    median: int


def past_runs(workflow: Workflow) -> PastRuns | None:
    """Return up to 20 runs up to this one, the oldest first; None when it is the first."""
    newest = (
        Workflow.objects.filter(orchestration=workflow.orchestration_id, number__lte=workflow.number)
        .only("number", "state", "reason", "wake_at", "counts", "code", "created_at")
        .order_by("-number")[:SHOWN]
    )
    runs = list(newest)[::-1]
    if len(runs) < 2:
        return None
    numbers = [changed(run) for run in runs]
    highest = max(*numbers, 1)
    bars = [
        _bar(run, number, highest, here=run.pk == workflow.pk)
        for run, number in zip(runs, numbers, strict=True)
    ]
    counted = [number for run, number in zip(runs, numbers, strict=True) if is_counted(run)]
    return PastRuns(bars, round(median(counted)) if counted else 0)


def _bar(run: Workflow, number: int, highest: int, *, here: bool) -> RunBar:
    look = looks.of_workflow(run)
    height = max(HEIGHT * number / highest, LEAST)
    told = f"Run {run.number}: {look.word}"
    if is_counted(run):
        told += f", {number:,} changed"
    tone = "idle" if run.state in _DIM or (run.state == State.SUCCEEDED and not number) else look.tone
    return RunBar(run, tone, number, told, f"{HEIGHT - height + 1:.1f}", f"{height:.1f}", here)
