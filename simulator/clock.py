"""Time as the simulator counts it: whole microseconds since 1970, shown the way Klaviyo shows it."""

import threading
import time
from datetime import UTC, datetime, timedelta

SECOND = 1_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock:
    """The machine's clock. Tests of rules hand in one of their own."""

    def now(self) -> int:
        return time.time_ns() // 1000


class Stamps:
    """Hands out moments that never repeat, so that members can be told apart by when they joined."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = 0
        self._lock = threading.Lock()

    def take(self, count: int = 1) -> int:
        """Return the first of `count` moments, one microsecond apart, that nobody else is given."""
        with self._lock:
            first = max(self._clock.now(), self._last + 1)
            self._last = first + count - 1
            return first


def show(moment: int | None) -> str | None:
    """Return a moment to the second, e.g. `2026-09-04T10:00:00+00:00`."""
    if moment is None:
        return None
    return (EPOCH + timedelta(seconds=moment // SECOND)).isoformat()


def show_precisely(moment: int) -> str:
    """Return a moment with its microseconds, where it has any."""
    return (EPOCH + timedelta(microseconds=moment)).isoformat()


def parse(text: str) -> int:
    """Return the moment an ISO 8601 time with an offset (or none, meaning UTC) stands for.

    Raises ValueError when it is not one.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - EPOCH) // timedelta(microseconds=1)
