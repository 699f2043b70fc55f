"""Rule for the pace while a destination fails: one call at a time tries whether it is back, further apart."""

import struct
from datetime import timedelta

# So many failures in a row happen on any day, and slow nobody down.
USUAL = 2
LONGEST = timedelta(seconds=60)
# Longer than any request may take: whoever tries and dies keeps the others waiting no longer.
TRIAL = timedelta(seconds=35)
FAILING = frozenset({"upstream_unavailable", "unreachable", "answer_lost", "blocked_at_edge"})
_COUNT = struct.Struct("<I")


def pause(failures: int, chance: float) -> timedelta | None:
    """Return how long nobody calls after so many failures in a row, None for not at all.

    `chance`, 0.0 to 1.0, takes up to a quarter off, so that accounts do not come back all at once.
    """
    if failures <= USUAL:
        return None
    longest = min(LONGEST, timedelta(seconds=2.0 ** min(failures - USUAL, 10)))
    return longest * (1 - chance / 4)


def pack(failures: int) -> bytes:
    return _COUNT.pack(min(failures, 2**32 - 1))


def unpack(kept: bytes) -> int:
    return int(_COUNT.unpack(kept)[0]) if len(kept) == _COUNT.size else 0
