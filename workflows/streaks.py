"""Rule on when an orchestration is not run any more: its last runs failed, one after the other."""

from collections.abc import Iterable
from datetime import timedelta

from workflows.guards import OF_ROWS
from workflows.moves import State

# Exactly the fifth in a row trips it; one success before starts the count again.
FAILURES = 5
FIRST_PROBE = timedelta(hours=1)
SLOWEST_PROBE = timedelta(hours=24)
# As many as it takes until the probes are at their slowest.
LOOK_BACK = 100
SUCCESS = (State.SUCCEEDED, State.SUCCEEDED_WITH_ISSUES)
# Somebody decides about a plan, or it goes on by itself: nothing has failed.
NO_FAILURE = OF_ROWS | {
    "",
    "guard",
    "plan_ready",
    "rate_limited",
    "daily_list_creations",
    "restricted_pii",
}


def failed(state: str, code: str) -> bool | None:
    """Return whether a run failed, False when it succeeded, None when it says neither.

    One that was stopped says nothing, unless it had stopped of its own accord before, with a trouble.
    """
    if state in SUCCESS:
        return False
    if state == State.FAILED:
        return True
    return True if state in (State.PAUSED, State.CANCELLED) and code not in NO_FAILURE else None


def in_a_row(runs: Iterable[tuple[str, str]]) -> int:
    """Count how many of the last runs failed in a row; `runs` are (state, code), the newest first."""
    count = 0
    for state, code in runs:
        verdict = failed(state, code)
        if verdict is False:
            return count
        count += bool(verdict)
    return count


def next_probe(failures: int) -> timedelta:
    """Return how long after the last of so many failures one run tries again: an hour, then twice as long."""
    return min(FIRST_PROBE * 2 ** min(max(failures - FAILURES, 0), 10), SLOWEST_PROBE)
