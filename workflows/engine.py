"""The engine: claim a workflow, work on it for a slice, give it back.

The database owns the run. A worker that dies loses nothing but its lease; the next claim goes on from the
last finished step. Nothing here knows Celery: a task, a command and a test all call the same two functions.
"""

import contextlib
import logging
import traceback
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models import F

from destinations.errors import DeliveryError
from workflows import circuits, faults, inactivity, lease, proofs
from workflows.clock import Clock, DatabaseClock
from workflows.failures import Failure, judge, slowed_too_long
from workflows.lifecycle import StaleState, move, tell
from workflows.models import Step, StepState, Workflow
from workflows.moves import FINAL, State
from workflows.results import Again, Done, Ended, Paused, Result, StopAsked, Wait
from workflows.run import Run
from workflows.steps import HANDLERS, story
from workflows.steps.stop import told as told_at_stop
from workflows.steps.stop import wind_down

log = logging.getLogger(__name__)

# A wait shorter than this is slept through; a longer one gives the worker to somebody else.
SHORT = timedelta(seconds=5)
AFTER_A_FAULT = timedelta(seconds=5)


def advance(workflow_id: UUID | str, *, worker: str, clock: Clock | None = None) -> None:
    """Work on a workflow for at most one slice; do nothing when it is not ours to take."""
    clock = clock or DatabaseClock()
    workflow = lease.claim(workflow_id, worker=worker, clock=clock)
    if workflow is None:
        return
    run = Run(workflow, clock=clock, worker=worker)
    try:
        faults.at("claimed", workflow=workflow)
        wake_at = _work(run)
        run.recorder.flush()
        lease.release(workflow, wake_at=wake_at)
        faults.at("released", workflow=workflow)
    except (lease.LostLease, StaleState):
        log.info("lost the lease", extra={"workflow": str(workflow.pk)})
    except BaseException:
        # Ctrl-C, or a fault outside any step: nobody should have to wait for this lease to run out.
        with contextlib.suppress(DatabaseError):
            lease.release(workflow, wake_at=clock.now() + AFTER_A_FAULT)
        raise
    finally:
        run.close()


def run_to_rest(
    workflow_id: UUID | str,
    *,
    worker: str,
    clock: Clock | None = None,
    on_change: Callable[[Workflow], None] | None = None,
) -> Workflow:
    """Work in this process, without a broker, until the workflow is over or waits for a decision.

    The decision may be another workflow's: the one that waits with the credential that was refused.
    """
    clock = clock or DatabaseClock()
    while True:
        advance(workflow_id, worker=worker, clock=clock)
        workflow = Workflow.objects.select_related("orchestration").get(pk=workflow_id)
        behind = workflow.is_open and circuits.is_behind(workflow, clock.now())
        if behind:
            circuits.look_after(clock.now())
            workflow.refresh_from_db()
        if on_change:
            on_change(workflow)
        if workflow.state in FINAL or workflow.state == State.PAUSED or behind:
            return workflow
        clock.sleep(_until_due(workflow, clock.now()))


def due(now: datetime) -> list[UUID]:
    """Workflows a worker should be woken for, those of dead workers among them."""
    return list(lease.claimable(now).values_list("pk", flat=True))


def _until_due(workflow: Workflow, now: datetime) -> float:
    """Seconds to sleep; a little even when it is due, for somebody may be writing its row."""
    held = workflow.lease_until or now
    wake = workflow.wake_at or now
    return min(max((held - now).total_seconds(), (wake - now).total_seconds(), 0.01), 30.0)


def _work(run: Run) -> datetime | None:
    """Do steps until the slice is over, the workflow must wait, or it rests; return when to come back."""
    workflow, clock = run.workflow, run.clock
    if workflow.state != State.CANCELLING:
        started = workflow.started_at or clock.now()
        move(workflow, State.RUNNING, now=clock.now(), started_at=started, message="")
    try:
        if workflow.state != State.CANCELLING:
            _check_fitness(run)
        return _steps(run)
    except StopAsked:
        if workflow.state != State.CANCELLING:
            _begin_to_stop(run)
        return clock.now()
    except Paused as paused:
        _pause(run, paused)
        return paused.wake_at


def _check_fitness(run: Run) -> None:
    """Raise what keeps a claimed workflow from being worked on: a wish to stop, a step that kills."""
    if run.workflow.cancel_requested:
        raise StopAsked
    if crashing := lease.crashed_too_often(run.workflow):
        message = f"The step “{crashing.key}” ended its worker {crashing.crashes} times in a row."
        raise Paused("worker_crashing", message, step=crashing.key)


def _begin_to_stop(run: Run) -> None:
    workflow = run.workflow
    with lease.fenced(workflow):
        move(workflow, State.CANCELLING, now=run.clock.now(), note="Stopping.", cancel_requested=False)
        # What a step waited for before its next try is nothing to wait for now.
        workflow.steps.exclude(next_at=None).update(next_at=None)


def _steps(run: Run) -> datetime | None:
    while not run.slice_over():
        step = _next(run.workflow)
        result = _attempt(run, step)
        if isinstance(result, Wait) and (other := _useful_meanwhile(run, step, result)):
            step, result = other, _attempt(run, other)
        if run.workflow.state == State.CANCELLING:
            result = _stopped(run, result)
        if isinstance(result, Paused):
            # Whoever asked to stop meanwhile need not be asked anything more.
            run.recorder.heartbeat(force=True)
            _pause(run, result)
            return result.wake_at
        if isinstance(result, Ended):
            _end(run, result)
            return None
        if isinstance(result, Done):
            _finish(run, step, result)
        if isinstance(result, Wait):
            left = result.until - run.clock.now()
            if left > SHORT or result.reason == circuits.REASON:
                return _wait(run, step, result)
            run.rest(left)
    return run.clock.now()


def _stopped(run: Run, result: Result | Paused) -> Result | Paused:
    """Whatever keeps us from looking, nothing more is sent: the wish to stop is carried out."""
    if isinstance(result, Paused) or (isinstance(result, Wait) and result.reason == circuits.REASON):
        why = result.message
    elif isinstance(result, Ended) and result.state != State.CANCELLED:
        why = result.note
    else:
        return result
    note = f"{told_at_stop(run)} {why}"
    return Ended(State.CANCELLED, note, {"message": note})


def _next(workflow: Workflow) -> Step:
    return workflow.steps.exclude(state__in=(StepState.DONE, StepState.SKIPPED)).order_by("position", "key")[
        0
    ]


def _useful_meanwhile(run: Run, step: Step, wait: Wait) -> Step | None:
    """A step that does not need the one that waits: a long reading leaves time for the query."""
    if wait.until - run.clock.now() <= SHORT:
        return None
    kinds = story.INDEPENDENT_OF.get(step.kind, ())
    return run.workflow.steps.filter(kind__in=kinds, state=StepState.PENDING, next_at=None).first()


def _attempt(run: Run, step: Step) -> Result | Paused:
    """Run the handler of a step, and turn whatever rises out of it into what to do next."""
    run.recorder.step = step
    now = run.clock.now()
    if step.next_at and step.next_at > now:
        return Wait(step.next_at, "upstream", run.workflow.message)
    if step.started_at is None:
        run.keep(step, started_at=now)
    faults.at("step_started", workflow=run.workflow, step=step)
    handle = wind_down if run.workflow.state == State.CANCELLING else HANDLERS[step.kind]
    result: Result | Paused
    try:
        result = handle(run, step)
    except (lease.LostLease, StaleState, StopAsked):
        raise
    except (circuits.Shut, circuits.KeyReplaced, proofs.Unproven) as held:
        result = _held(run, held)
    except Paused as paused:
        return paused
    except Exception as error:
        result = _judged(run, step, judge(error, step=step, now=run.clock.now()), error)
        if isinstance(result, Paused) and result.code in circuits.CODES:
            result = _refused(run, result)
    finally:
        run.recorder.step = None
    hold = slowed_too_long(step, run.clock.now()) if isinstance(result, Wait | Again) else None
    return hold or result


def _held(run: Run, reason: circuits.Shut | circuits.KeyReplaced | proofs.Unproven) -> Wait:
    """Why a call was not made that may be made later."""
    match reason:
        case circuits.Shut():
            return Wait(reason.until, circuits.REASON, reason.message)
        case proofs.Unproven():
            return Wait(reason.until, "timer", "Another workflow finds out whether the key is taken.")
    return _with_the_new_key(run)


def _with_the_new_key(run: Run) -> Wait:
    run.reopen()
    return Wait(run.clock.now(), "timer", "The key was replaced meanwhile; going on with the new one.")


def _refused(run: Run, paused: Paused) -> Result | Paused:
    """What to do when the account's key was refused: one workflow pauses, the others wait for what it meets.

    A key that was replaced meanwhile is no trouble at all.
    """
    key, now = run.recorder.key, run.clock.now()
    if key is None:
        return paused
    if run.workflow.state == State.CANCELLING or circuits.is_replaced(key):
        proofs.give_up(key)
        return paused if run.workflow.state == State.CANCELLING else _with_the_new_key(run)
    with lease.fenced(run.workflow):
        circuit = circuits.trip(run.workflow, key, code=paused.code, message=paused.message, now=now)
        proofs.give_up(key)
    circuits.hold_back(circuit, now)
    if circuit.opened_by_id == run.workflow.pk:
        return Paused(paused.code, circuits.named(circuit, paused.message), **paused.facts)
    return Wait(circuit.probe_at, circuits.REASON, circuits.told(circuit))


def _judged(run: Run, step: Step, failure: Failure, error: Exception) -> Result | Paused:
    with lease.fenced(run.workflow) as held:
        Step.objects.filter(pk=step.pk).update(
            state=StepState.AMBIGUOUS if failure.ambiguous else StepState.PENDING,
            attempts=F("attempts") + int(failure.counts),
            crashes=F("crashes") + int(failure.is_bug),
            next_at=failure.then.until if isinstance(failure.then, Wait) and failure.counts else None,
        )
        if failure.ambiguous:
            held.ambiguous_until = run.clock.now() + lease.AMBIGUITY
            held.save(update_fields=["ambiguous_until"])
            run.workflow.ambiguous_until = held.ambiguous_until
    if isinstance(error, DeliveryError) and error.code == "unexpected_answer" and error.heard is None:
        run.recorder.keep_odd(error)
    if failure.is_bug:
        # The text of an unknown error may hold a person's data, so the log gets its kind and place alone.
        place = traceback.extract_tb(error.__traceback__)[-1]
        told = {"workflow": str(run.workflow.pk), "step": step.key, "kind": type(error).__name__}
        log.error("unexpected error", extra={**told, "reason": f"{Path(place.filename).name}:{place.lineno}"})
        if step.crashes + 1 >= settings.MAX_CRASHES:
            return Ended(State.FAILED, "Failed: an unexpected error.", _bug(step, error))
    return failure.then


def _bug(step: Step, error: Exception) -> dict[str, object]:
    message = f"The step “{step.key}” failed with an unexpected {type(error).__name__}."
    return {"code": "bug", "message": message, "error": {"step": step.key}}


def _finish(run: Run, step: Step, done: Done) -> None:
    faults.at("before_finish", workflow=run.workflow, step=step)
    now = run.clock.now()
    with lease.fenced(run.workflow):
        Step.objects.filter(pk=step.pk).update(
            state=StepState.SKIPPED if done.skipped else StepState.DONE,
            outcome=done.outcome,
            external_ref=step.external_ref,
            finished_at=now,
            next_at=None,
            checkpoint={},
            crashes=0,
        )
        story.add(run.workflow, done.steps)
        columns = {**done.columns, "row_version": F("row_version") + 1}
        Workflow.objects.filter(pk=run.workflow.pk).update(**columns)
        if done.note:
            tell(run.workflow, "step", now=now, message=done.note, step=step.key)
    for name, value in done.columns.items():
        setattr(run.workflow, name, value)
    run.workflow.refresh_from_db(fields=["row_version"])
    faults.at("after_finish", workflow=run.workflow, step=step)


def _wait(run: Run, step: Step, wait: Wait) -> datetime:
    if run.workflow.state != State.CANCELLING:
        move(run.workflow, State.WAITING, now=run.clock.now(), reason=wait.reason, message=wait.message)
    return wait.until


def _pause(run: Run, paused: Paused) -> None:
    now = run.clock.now()
    with transaction.atomic():
        move(
            run.workflow,
            State.PAUSED,
            now=now,
            note=paused.message,
            code=paused.code,
            message=paused.message,
            error=paused.facts,
            wake_at=paused.wake_at,
        )
        inactivity.note(run.workflow, now)


def _end(run: Run, ended: Ended) -> None:
    run.recorder.flush()
    now = run.clock.now()
    with transaction.atomic():
        move(run.workflow, State(ended.state), now=now, note=ended.note, **ended.columns)
        inactivity.note(run.workflow, now)
