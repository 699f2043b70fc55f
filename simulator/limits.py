"""Counts requests in fixed windows, per account and endpoint, that open at the first request."""

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from simulator.clock import SECOND
from simulator.spec import Operation, Slower, Window
from simulator.wire import DOCS, Answer, Problem, Refusal, Request

NAMES = {1: "burst", 60: "steady", 86_400: "daily"}


@dataclass
class _Open:
    """A window that has been opened: when, and how often it was used."""

    since: int
    used: int = 0


@dataclass(frozen=True)
class Allowance:
    """What is left after a request that was let through."""

    headers: dict[str, str]


class Limits:
    """`now` is a moment in microseconds; the caller says it."""

    def __init__(self) -> None:
        self._open: dict[tuple[int, str, int], _Open] = {}
        self._lock = threading.Lock()

    def take(
        self, account: int, bucket: str, windows: Sequence[Window], now: int, count: int = 1
    ) -> Allowance:
        """Use `count` requests of the quota, or raise Refusal (429) and use nothing."""
        with self._lock:
            opened = [self._current(account, bucket, window, now) for window in windows]
            full = [
                (window, state)
                for window, state in zip(windows, opened, strict=True)
                if state.used >= window.quota
            ]
            if full:
                raise _throttled(max(_seconds_left(window, state, now) for window, state in full))
            for state in opened:
                state.used += count
            return Allowance(_headers(windows, opened, now))

    def forget(self, account: int | None) -> None:
        with self._lock:
            self._open = {key: value for key, value in self._open.items() if account not in (None, key[0])}

    def _current(self, account: int, bucket: str, window: Window, now: int) -> _Open:
        key = (account, bucket, window.seconds)
        state = self._open.get(key)
        if state is None or now >= state.since + window.seconds * SECOND:
            state = self._open[key] = _Open(now)
        return state


def bucket(
    operation: Operation, request: Request, changes: dict[str, dict[str, int]]
) -> tuple[str, tuple[Window, ...]]:
    """Return what a request is counted under, and the windows that apply.

    A parameter that makes the call slower has a bucket of its own, e.g.
    `GET /api/lists/{id}?additional-fields[list]=profile_count`. `changes` maps a bucket to other quotas,
    e.g. `{"POST /api/lists": {"daily": 3}}`.
    """
    name = operation.name
    for slower in operation.slower:
        if any(value.startswith(slower.value) for value in request.listed(slower.parameter)):
            name = _slower_name(operation, slower)
            break
    return name, windows_of(operation, name, changes)


def windows_of(operation: Operation, name: str, changes: dict[str, dict[str, int]]) -> tuple[Window, ...]:
    """Return the windows of a bucket of the operation. Raises ValueError for a name that is none."""
    known = {_slower_name(operation, slower): slower.windows for slower in operation.slower}
    windows = {operation.name: operation.windows, **known}.get(name)
    if windows is None:
        raise ValueError("no such endpoint")
    other = changes.get(name, {})
    return tuple(Window(w.seconds, other.get(NAMES[w.seconds], w.quota)) for w in windows)


def _slower_name(operation: Operation, slower: Slower) -> str:
    return f"{operation.name}?{slower.parameter}={slower.value}"


def with_headers(answer: Answer, allowance: Allowance | None) -> Answer:
    if allowance is None:
        return answer
    return Answer(
        answer.status, answer.body, {**answer.headers, **allowance.headers}, answer.items, answer.applied
    )


def _headers(windows: Sequence[Window], opened: Sequence[_Open], now: int) -> dict[str, str]:
    """Speak of the window nearest to its end, then list them all: `10, 10;w=1, 150;w=60`."""
    pairs = zip(windows, opened, strict=True)
    nearest, state = min(pairs, key=lambda pair: _seconds_left(pair[0], pair[1], now))
    policy = ", ".join(f"{window.quota};w={window.seconds}" for window in windows)
    return {
        "RateLimit-Limit": f"{nearest.quota}, {policy}",
        "RateLimit-Remaining": str(max(nearest.quota - state.used, 0)),
        "RateLimit-Reset": str(_seconds_left(nearest, state, now)),
    }


def _seconds_left(window: Window, state: _Open, now: int) -> int:
    return max(math.ceil((state.since + window.seconds * SECOND - now) / SECOND), 0)


def _throttled(seconds: int) -> Refusal:
    """Return the 429 as recorded: no content type, and Retry-After in place of the RateLimit headers."""
    unit = "second" if seconds == 1 else "seconds"
    problem = Problem(
        f"Request was throttled. Expected available in {seconds} {unit}.",
        code="throttled",
        title="Request was throttled.",
        links={"type": f"{DOCS}#rate-limits"},
    )
    return Refusal(429, problem, headers={"Retry-After": str(seconds)}, typed=False)
