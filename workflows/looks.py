"""How a state is shown: never by colour alone, but by a tone, an icon and a word together."""

from dataclasses import dataclass

from workflows.models import Step, StepState, Workflow
from workflows.moves import WORDS, State


@dataclass(frozen=True)
class Look:
    """`tone` is ok, run, warn, bad or idle; `icon` a symbol of the sprite; `turning` when work goes on."""

    tone: str
    icon: str
    word: str
    turning: bool = False


_TONES = {
    State.QUEUED: ("idle", "wait"),
    State.RUNNING: ("run", "spin"),
    State.WAITING: ("run", "clock"),
    State.PAUSED: ("warn", "pause"),
    State.SUCCEEDED: ("ok", "check"),
    State.SUCCEEDED_WITH_ISSUES: ("warn", "half"),
    State.FAILED: ("bad", "alert"),
    State.CANCELLING: ("idle", "spin"),
    State.CANCELLED: ("idle", "stop"),
}
_WAITS_FOR = {
    "rate": "Waits for Klaviyo’s limit",
    "job": "Waits for an import",
    "files": "Waits for uploaded people",
    "settle": "Lets things settle",
    "verify": "Reads the list back",
    "timer": "Waits",
    "upstream": "Waits for Klaviyo",
    "circuit": "Waits for a credential",
}
_ON_HOLD = Look("run", "clock", "On hold")
_STAGES = {
    "done": Look("ok", "check", "done"),
    "active": Look("run", "spin", "at work", turning=True),
    "attention": Look("warn", "pause", "needs a decision"),
    "stopped": Look("idle", "stop", "stopped"),
}
_TO_COME = Look("idle", "wait", "to come")


def of_workflow(workflow: Workflow) -> Look:
    state = State(workflow.state)
    if workflow.is_on_hold:
        return _ON_HOLD
    tone, icon = _TONES[state]
    waits = state == State.WAITING or (state == State.QUEUED and workflow.reason == "circuit")
    word = _WAITS_FOR.get(workflow.reason, WORDS[state]) if waits else WORDS[state]
    return Look(tone, icon, word, turning=state in (State.RUNNING, State.CANCELLING))


def of_stage(state: str) -> Look:
    """The look of a `StageView.state`; what has not begun is still to come."""
    return _STAGES.get(state, _TO_COME)


_STEPS = {
    StepState.PENDING: _TO_COME,
    StepState.INFLIGHT: Look("run", "spin", "at work", turning=True),
    StepState.AMBIGUOUS: Look("warn", "alert", "outcome unknown"),
    StepState.WAITING: Look("run", "clock", "waits"),
    StepState.DONE: Look("ok", "check", "done"),
    StepState.FAILED: Look("bad", "alert", "failed"),
    StepState.SKIPPED: Look("idle", "skip", "skipped"),
}
_STOPPED_HERE = Look("warn", "pause", "stopped here")


def of_step(step: Step, workflow: Workflow, *, stopped: bool = False) -> Look:
    """The look of one step; `stopped` when it is where the workflow came to its error."""
    if stopped:
        return _STEPS[StepState.FAILED] if workflow.state == State.FAILED else _STOPPED_HERE
    if workflow.is_final and not step.is_done:
        return Look("idle", "stop", "not done")
    return _STEPS[StepState(step.state)]


_EVENTS = {
    State.PAUSED: "warn",
    State.SUCCEEDED: "ok",
    State.SUCCEEDED_WITH_ISSUES: "warn",
    State.FAILED: "bad",
    State.RUNNING: "run",
}


def of_event(kind: str, to_state: str) -> str:
    """The tone of one line of the timeline."""
    if kind == "step":
        return "ok"
    return _EVENTS.get(State(to_state), "idle") if to_state else "idle"
