"""Makes identifiers of the shapes Klaviyo uses; the same seed makes the same ones."""

import random
import string
import threading

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
SHORT = string.ascii_letters + string.digits

# An odd factor makes n -> n * FACTOR mod 2**40 a one-to-one mapping, so ids look random and never collide.
FACTOR = 2_654_435_761


class Ids:
    def __init__(self, seed: int | None) -> None:
        self._random = random.Random(seed)  # noqa: S311 - made-up identifiers, not secrets
        self._lock = threading.Lock()

    def short(self) -> str:
        """Return six letters and digits, like the id of an account, a list or an older profile."""
        with self._lock:
            return "".join(self._random.choices(SHORT, k=6))

    def key(self) -> str:
        with self._lock:
            return f"pk_{self._random.getrandbits(136):034x}"

    def long(self, moment: int) -> str:
        """Return 26 characters like the id of a job or of a newer profile."""
        with self._lock:
            return time_prefix(moment) + "".join(self._random.choices(CROCKFORD, k=16))


def time_prefix(moment: int) -> str:
    """Return the first 10 characters of a ULID made at `moment` (microseconds)."""
    milliseconds = moment // 1000
    return "".join(CROCKFORD[(milliseconds >> shift) & 31] for shift in range(45, -1, -5))


def profile_id(prefix: str, n: int) -> str:
    """Return the id of profile number `n`; seeding makes the same in SQL."""
    return f"{prefix}{n >> 40:06X}{(n * FACTOR) & 0xFFFFFFFFFF:010X}"
