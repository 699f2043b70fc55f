"""Ways out that fit nearly everything: try the step again, compare anew, give up."""

from workflows import decisions
from workflows.clock import Clock
from workflows.models import Step, StepState, Workflow
from workflows.moves import STOPPED, State
from workflows.resolutions.going_on import restart, resume
from workflows.resolutions.offers import (
    Answers,
    NotOffered,
    Person,
    Resolution,
    Resolved,
    Trouble,
    Way,
)
from workflows.resolutions.permissions import APPROVES, STARTS
from workflows.words import counted


def stopped_step(workflow: Workflow) -> Step | None:
    """The step that did not get to its end."""
    open_steps = workflow.steps.exclude(state__in=(StepState.DONE, StepState.SKIPPED))
    return open_steps.order_by("position", "key").first()


def _offer_retry(trouble: Trouble) -> Resolution | None:
    workflow = trouble.workflow
    if workflow.state not in STOPPED or trouble.code in decisions.FOR_A_PLAN:
        return None
    step = stopped_step(workflow)
    name = f"“{step.get_stage_display()}”" if step else "the step"
    done = workflow.steps.filter(state=StepState.DONE).count()
    return Resolution(
        "retry",
        "Retry this step",
        f"Does {name} again with the same inputs. What is finished ({counted(done, 'step')}) stays done.",
        steps=(f"Do {name} again", "Go on from there", "Read the list back"),
    )


def _retry(trouble: Trouble, answers: Answers, probed: object, person: Person, clock: Clock) -> Resolved:
    return Resolved(resume(trouble, person, clock), "The step that stopped is tried again.")


def _offer_restart(trouble: Trouble) -> Resolution | None:
    if trouble.workflow.state not in (*STOPPED, State.CANCELLED, State.SUCCEEDED_WITH_ISSUES):
        return None
    return Resolution(
        "restart",
        "Restart the workflow",
        "Gives this run up and starts a linked one: the query, the list and every setting are read anew.",
        steps=("Read the query again", "Compare with the list as it is now", "Send the difference", "Verify"),
        permission=STARTS,
    )


def _restart(trouble: Trouble, answers: Answers, probed: object, person: Person, clock: Clock) -> Resolved:
    run = restart(trouble, person, clock)
    return Resolved(run, f"Run {run.number} compares anew.")


def _offer_discard(trouble: Trouble) -> Resolution | None:
    if trouble.workflow.state != State.PAUSED:
        return None
    return Resolution(
        "discard",
        "Give up",
        "Ends this run. What was sent before stays sent, nothing more is sent; the next run compares anew.",
        steps=("End this run",),
        permission=APPROVES,
    )


def _discard(trouble: Trouble, answers: Answers, probed: object, person: Person, clock: Clock) -> Resolved:
    try:
        decisions.discard(trouble.workflow, by=person.name, clock=clock)
    except decisions.Stale as stale:
        raise NotOffered(str(stale)) from stale
    return Resolved(trouble.workflow, "Given up.")


WAYS = (
    Way("retry", _offer_retry, _retry),
    Way("restart", _offer_restart, _restart),
    Way("discard", _offer_discard, _discard),
)
