"""Stopping: nothing new is sent, and the workflow ends when nothing it sent can still take effect."""

from datetime import timedelta

from workflows.models import Step, StepState
from workflows.moves import State
from workflows.results import Ended, Result, Wait
from workflows.run import Run
from workflows.sent import at_its_end
from workflows.steps import arrivals, barrier

LOOK_EVERY = timedelta(seconds=5)


def wind_down(run: Run, step: Step) -> Result:
    """Wait for what is under way, then say what was applied. `step` is the one that is not done any more."""
    now = run.clock.now()
    run.workflow.refresh_from_db(fields=["ambiguous_until"])
    doubt = run.workflow.ambiguous_until
    if doubt and doubt > now:
        return Wait(doubt, "settle", "Stopping: a request without an answer may still take effect.")
    if _running_jobs(run):
        return Wait(now + LOOK_EVERY, "settle", "Stopping: Klaviyo still works on an import.")
    note = told(run)
    return Ended(State.CANCELLED, note, {"message": note})


def told(run: Run) -> str:
    """Say what was applied before the stop, and what was not."""
    note = f"Stopped. {at_its_end(run.workflow)}".strip()
    if deleted := run.workflow.steps.filter(kind="delete", state=StepState.DONE).count():
        note += f" {deleted:,} lists and segments were deleted."
    if begun := _begun(run):
        note += (
            f" An upload of {begun:,} people was begun and not finished; a part of it may still be taken in."
        )
    return note


def _begun(run: Run) -> int:
    """People in uploads that were cut or stopped: whatever of them reached the server may take effect."""
    torn = arrivals.begun(run.workflow).exclude(state=StepState.DONE)
    return sum(given["limit"] for given in torn.values_list("input", flat=True))


def _running_jobs(run: Run) -> bool:
    open_ones = barrier.open_jobs([run.workflow])
    return any(run.client.import_job(step.external_ref).is_running for step in open_ones)
