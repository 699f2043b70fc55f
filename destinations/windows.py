"""When the next request may leave, so that a server that counts in windows never refuses it.

A server counts in windows of fixed length whose beginning we do not know. If no `limit + 1` of our sends
lie within one window's length plus a guard, then no window holds more than `limit` of them wherever it
begins. The guard covers the difference in travel time between two requests.
"""

import math
import struct
import sys
from array import array
from bisect import bisect_left, insort
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

GUARD_MS = 150
# What others may make us keep free at most: we slow down for them, we do not stop.
MAX_FOREIGN_SHARE = 0.6
_BURST_SECONDS = 1
_STEADY_SECONDS = 60
_DAY_SECONDS = 86_400


@dataclass(frozen=True)
class Windows:
    """What one endpoint allows: requests in a second, in a minute and, for a few, in a day."""

    burst: int
    steady: int
    daily: int | None = None

    def pairs(self) -> tuple[tuple[str, int, int], ...]:
        """Return (name, limit, length in seconds), the shortest window first."""
        found = [("burst", self.burst, _BURST_SECONDS), ("steady", self.steady, _STEADY_SECONDS)]
        if self.daily is not None:
            found.append(("daily", self.daily, _DAY_SECONDS))
        return tuple(found)

    @property
    def ring_size(self) -> int:
        return max(limit for _, limit, _ in self.pairs())


@dataclass
class Pace:
    """The sends of one endpoint that still count, as milliseconds since 1970 in rising order.

    Sends in the future are booked ones. Whatever others were seen to spend is booked as if we had sent it.
    """

    windows: Windows
    sends: list[int] = field(default_factory=list)

    def next_slot(self, not_before: int) -> tuple[int, str]:
        """Return the earliest millisecond for one more send, and the window that decided it ('' for none)."""
        slot, cause = not_before, ""
        if self.sends and self.sends[-1] > slot:
            slot, cause = self.sends[-1], "burst"
        for name, limit, seconds in self.windows.pairs():
            if len(self.sends) >= limit:
                free = self.sends[-limit] + seconds * 1000 + GUARD_MS
                if free > slot:
                    slot, cause = free, name
        return slot, cause

    def book(self, slot: int) -> None:
        """Count a send at `slot`, which must not lie before the last one."""
        self.sends.append(slot)
        del self.sends[: -self.windows.ring_size]

    def clamp(self, allowance: "Allowance", now: int) -> int:
        """Count what others have spent of the window that `allowance` speaks of; return how much was added.

        The server says how much is left; what is missing beyond our own sends was spent by somebody else.
        Their pace so far is expected to go on until the window ends.
        """
        length = allowance.seconds * 1000
        if allowance.seconds <= _BURST_SECONDS or not 0 <= allowance.reset <= allowance.seconds:
            return 0
        # Seconds in the header are whole: a window may have begun up to a second earlier than it seems.
        opened = now + math.floor(allowance.reset * 1000) - length
        ours = len(self.sends) - bisect_left(self.sends, opened - 1500)
        foreign = allowance.limit - allowance.remaining - ours
        if foreign <= 0:
            return 0
        added = self._kept_free(foreign, allowance.limit, length / max(now - opened, 5000))
        for _ in range(added):
            insort(self.sends, min(opened, now))
        del self.sends[: -self.windows.ring_size]
        return added

    def _kept_free(self, foreign: int, limit: int, growth: float) -> int:
        """Return how many slots to give up for `foreign` sends, which will grow by `growth` until the end."""
        # One or two may be a miscount, and a guess would stay in the window of a day for a day.
        if foreign < 3 or self.windows.daily is not None:
            return foreign
        return max(foreign, min(math.ceil(foreign * growth), int(limit * MAX_FOREIGN_SHARE)))


@dataclass(frozen=True)
class Allowance:
    """What a server says about one of its windows: `reset` and `seconds` are seconds."""

    limit: int
    remaining: int
    reset: float
    seconds: int


def allowance(headers: Mapping[str, str], windows: Windows) -> Allowance | None:
    """Read the RateLimit headers in both their forms; None when they say nothing usable.

    `RateLimit-Limit: 150` speaks of the steady window, `10, 10;w=1, 150;w=60` of the window whose limit
    stands first.
    """
    try:
        limit_text = headers["ratelimit-limit"]
        first, *rest = [part.strip() for part in limit_text.split(",")]
        limit = int(first.split(";")[0])
        remaining = int(headers["ratelimit-remaining"].split(",")[0].split(";")[0])
        reset = float(headers["ratelimit-reset"].split(",")[0].split(";")[0])
        seconds = _window_seconds(limit, rest) if rest else _STEADY_SECONDS
    except (KeyError, ValueError):
        return None
    known = {length: allowed for _, allowed, length in windows.pairs()}
    if not math.isfinite(reset) or known.get(seconds) != limit or not 0 <= remaining <= limit:
        return None
    return Allowance(limit, remaining, reset, seconds)


def _window_seconds(limit: int, parts: list[str]) -> int:
    for part in parts:
        quota, _, options = part.partition(";")
        name, _, value = options.strip().partition("=")
        if int(quota) == limit and name == "w":
            return int(value)
    raise ValueError("the limit in force is not among its windows")


def floor_seconds(requests: int, windows: Windows) -> float:
    """Return the least time from the first to the last of `requests` that these windows allow."""
    before = max(requests - 1, 0)
    seconds = 0
    for _, limit, length in reversed(windows.pairs()):
        seconds += before // limit * length
        before %= limit
    return float(seconds)


def pack(sends: list[int]) -> bytes:
    """Write sends as one 8-byte millisecond and 4-byte distances from it, little-endian."""
    if not sends:
        return b""
    distances = array("I", (send - sends[0] for send in sends))
    if sys.byteorder == "big":
        distances.byteswap()
    return struct.pack("<Q", sends[0]) + distances.tobytes()


def unpack(ring: bytes) -> list[int]:
    """Read what `pack` wrote."""
    if not ring:
        return []
    (first,) = struct.unpack_from("<Q", ring)
    distances = array("I")
    distances.frombytes(ring[8:])
    if sys.byteorder == "big":
        distances.byteswap()
    return [first + distance for distance in distances]


def to_ms(moment: datetime) -> int:
    """Return milliseconds since 1970, rounded up: a slot may move later, never earlier."""
    return -((moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=-1))


def from_ms(milliseconds: int) -> datetime:
    """Return the UTC moment of `milliseconds` since 1970."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
