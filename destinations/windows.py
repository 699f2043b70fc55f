"""When the next request may leave, so that a server that counts in windows never refuses it.

A server counts in windows of fixed length whose beginning we do not know. If no `limit + 1` of our sends
lie within one window's length plus a guard, then no window holds more than `limit` of them wherever it
begins. The guard covers the difference in travel time between two requests.
"""

import math
import struct
import sys
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

GUARD_MS = 150
# What others may make us keep free at most: we slow down for them, we do not stop.
MAX_FOREIGN_SHARE = 0.6
_FOREIGN_BURST_SHARE = 0.3
# A pace seen for less than this is not stretched to a minute.
_SHORTEST_LOOK_MS = 10_000
_BOOKED_AHEAD = 50
_OVERTAKEN = 1
_BURST_SECONDS = 1
_STEADY_SECONDS = 60
_DAY_SECONDS = 86_400
_MINUTE_MS = _STEADY_SECONDS * 1000
_HEADER = struct.Struct("<IQiQ")


@dataclass(frozen=True)
class Windows:
    """What one endpoint allows: requests in a second, in a minute and, for a few, in a day.

    We use `share` percent of the pace and leave the rest to others; the allowance of a day is no pace.
    """

    burst: int
    steady: int
    daily: int | None = None
    share: int = 100

    def pairs(self) -> tuple[tuple[str, int, int], ...]:
        """Return (name, limit, length in seconds), the shortest window first."""
        found = [("burst", self.burst, _BURST_SECONDS), ("steady", self.steady, _STEADY_SECONDS)]
        if self.daily is not None:
            found.append(("daily", self.daily, _DAY_SECONDS))
        return tuple(found)

    def ours(self, name: str, limit: int) -> int:
        """Return how much of the `limit` of the window `name` we use."""
        return limit if name == "daily" else max(1, limit * self.share // 100)

    @property
    def ring_size(self) -> int:
        """Return how many sends to remember: a full window, and those booked ahead by several workers."""
        return max(limit for _, limit, _ in self.pairs()) + _BOOKED_AHEAD


@dataclass
class Pace:
    """The sends of one endpoint that still count, as milliseconds since 1970 in rising order.

    Sends in the future are booked ones. `foreign` is how many requests a minute others were last (at
    `foreign_at`) seen to send; we keep as many free. Until `budget_until` no more than `budget` sends are
    left, because the server said so.
    """

    windows: Windows
    sends: list[int] = field(default_factory=list)
    foreign: int = 0
    foreign_at: int = 0
    budget: int = 0
    budget_until: int = 0

    def next_slot(self, not_before: int) -> tuple[int, str]:
        """Return the earliest millisecond for one more send, and the window that decided it ('' for none)."""
        slot, cause = not_before, ""
        if self.sends and self.sends[-1] > slot:
            slot, cause = self.sends[-1], "burst"
        for name, limit, seconds in self.windows.pairs():
            ours = self._ours(name, limit)
            if len(self.sends) >= ours:
                free = self.sends[-ours] + seconds * 1000 + GUARD_MS
                if free > slot:
                    slot, cause = free, name
        if slot < self.budget_until and self.budget <= 0:
            return self.budget_until, "steady"
        return slot, cause

    def _ours(self, name: str, limit: int) -> int:
        """Return how much of a window is ours, less while others are at work."""
        ours = self.windows.ours(name, limit)
        if not self.foreign or name == "daily":
            return ours
        left = int(limit * (1 - _FOREIGN_BURST_SHARE)) if name == "burst" else limit - self.foreign
        return max(1, min(ours, left))

    def book(self, slot: int) -> None:
        """Count a send at `slot`, which must not lie before the last one."""
        self.sends.append(slot)
        del self.sends[: -self.windows.ring_size]
        if slot < self.budget_until:
            self.budget -= 1

    def give_back(self, slots: Sequence[int]) -> None:
        """Forget sends that were booked and never made."""
        for slot in slots:
            at = bisect_left(self.sends, slot)
            if at < len(self.sends) and self.sends[at] == slot:
                del self.sends[at]
                if slot < self.budget_until:
                    self.budget += 1

    def clamp(self, allowance: "Allowance", *, sent: int, now: int) -> bool:
        """Learn from an answer to the send at `sent` what others spend; return whether anything changed.

        The server says how much is left; what is missing beyond our own sends was spent by somebody else,
        and their pace is expected to go on. Sends that left with this one may have arrived after it, so
        others are rather seen too small than too large.
        """
        if allowance.seconds != _STEADY_SECONDS or not 0 <= allowance.reset <= _STEADY_SECONDS:
            return False
        # Seconds in the header are whole: the window may have begun up to a second earlier or later.
        opened = now + math.floor(allowance.reset * 1000) - _MINUTE_MS
        arrived = bisect_right(self.sends, sent)
        ours = arrived - bisect_left(self.sends, opened - 1500)
        seen = allowance.limit - allowance.remaining - ours
        # One or two may be ours that overtook this one.
        seen = seen if seen > _OVERTAKEN else 0
        before = (self.foreign, self.foreign_at, self.budget, self.budget_until)
        self._expect(seen, allowance.limit, max(now - opened, _SHORTEST_LOOK_MS), now)
        if seen:
            self.budget = allowance.remaining - (len(self.sends) - arrived)
            self.budget_until = opened + _MINUTE_MS + 1000 + GUARD_MS
        return before != (self.foreign, self.foreign_at, self.budget, self.budget_until)

    def _expect(self, seen: int, limit: int, elapsed: int, now: int) -> None:
        """Expect of others what they were seen to do; believe more at once, and less by and by."""
        expected = min(-(-seen * _MINUTE_MS // elapsed), int(limit * MAX_FOREIGN_SHARE))
        if expected >= self.foreign:
            if expected:
                self.foreign, self.foreign_at = expected, now
        elif now - self.foreign_at >= _MINUTE_MS:
            minutes = min((now - self.foreign_at) // _MINUTE_MS, 10)
            self.foreign = expected + ((self.foreign - expected) >> minutes)
            self.foreign_at = now


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
    for name, published, length in reversed(windows.pairs()):
        limit = windows.ours(name, published)
        seconds += before // limit * length
        before %= limit
    return float(seconds)


def pack(pace: Pace) -> bytes:
    """Write a pace: what is known of others, one 8-byte millisecond and 4-byte distances, little-endian."""
    known = _HEADER.pack(pace.foreign, pace.foreign_at, pace.budget, pace.budget_until)
    if not pace.sends:
        return known
    distances = array("I", (send - pace.sends[0] for send in pace.sends))
    if sys.byteorder == "big":
        distances.byteswap()
    return known + struct.pack("<Q", pace.sends[0]) + distances.tobytes()


def unpack(ring: bytes, windows: Windows) -> Pace:
    """Read what `pack` wrote; nothing is a pace that has sent nothing."""
    if not ring:
        return Pace(windows)
    known = _HEADER.unpack_from(ring)
    if len(ring) == _HEADER.size:
        return Pace(windows, [], *known)
    (first,) = struct.unpack_from("<Q", ring, _HEADER.size)
    distances = array("I")
    distances.frombytes(ring[_HEADER.size + 8 :])
    if sys.byteorder == "big":
        distances.byteswap()
    return Pace(windows, [first + distance for distance in distances], *known)


def to_ms(moment: datetime) -> int:
    """Return milliseconds since 1970, rounded up: a slot may move later, never earlier."""
    return -((moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=-1))


def from_ms(milliseconds: int) -> datetime:
    """Return the UTC moment of `milliseconds` since 1970."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
