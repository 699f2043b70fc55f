"""The states of a workflow and the one table of its moves."""

from enum import StrEnum


class State(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    SUCCEEDED_WITH_ISSUES = "succeeded_with_issues"
    FAILED = "failed"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"


WORDS = {
    State.QUEUED: "Queued",
    State.RUNNING: "Running",
    State.WAITING: "Waiting",
    State.PAUSED: "Needs a decision",
    State.SUCCEEDED: "Succeeded",
    State.SUCCEEDED_WITH_ISSUES: "Succeeded with issues",
    State.FAILED: "Failed",
    State.CANCELLING: "Stopping",
    State.CANCELLED: "Stopped",
}

FINAL = frozenset({State.SUCCEEDED, State.SUCCEEDED_WITH_ISSUES, State.FAILED, State.CANCELLED})
CLAIMABLE = frozenset({State.QUEUED, State.RUNNING, State.WAITING, State.CANCELLING})
LIVE = frozenset(State) - FINAL
# A person can let these go on from the step that stopped.
STOPPED = (State.PAUSED, State.FAILED)

MOVES: dict[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.RUNNING, State.CANCELLING, State.CANCELLED}),
    # Running to running is a worker that takes over from one whose lease ran out.
    State.RUNNING: frozenset(
        {
            State.RUNNING,
            State.WAITING,
            State.PAUSED,
            State.SUCCEEDED,
            State.SUCCEEDED_WITH_ISSUES,
            State.FAILED,
            State.CANCELLING,
        }
    ),
    State.WAITING: frozenset({State.RUNNING, State.CANCELLING}),
    State.PAUSED: frozenset({State.QUEUED, State.CANCELLING, State.CANCELLED}),
    State.CANCELLING: frozenset({State.CANCELLED}),
    State.FAILED: frozenset({State.QUEUED}),
    State.SUCCEEDED: frozenset(),
    State.SUCCEEDED_WITH_ISSUES: frozenset(),
    State.CANCELLED: frozenset(),
}


def allowed(was: State, to: State) -> bool:
    """Whether a workflow in state `was` may become `to`."""
    return to in MOVES[was]
