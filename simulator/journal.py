"""Remembers every API request, counts them, and keeps a list of those that were not as documented."""

import threading
from collections import Counter, deque
from dataclasses import asdict, dataclass
from typing import Any

KEPT = 200_000


@dataclass(frozen=True)
class Entry:
    """One request. `status` is None when nothing was answered; `applied` says whether it changed something.

    `operation` is like `GET /api/lists/{id}`, or None for a path that does not exist. `at` is in
    seconds since 1970, `seconds` is how long it took.
    """

    at: float
    account: str | None
    method: str
    path: str
    operation: str | None
    status: int | None
    items: int
    applied: bool
    seconds: float
    faults: tuple[str, ...] = ()
    query: str = ""
    body: str | None = None


@dataclass(frozen=True)
class Deviation:
    """A request that Klaviyo's document does not allow. `expected` ones are not told unless asked for."""

    at: float
    account: str | None
    method: str
    path: str
    problem: str
    where: str
    expected: bool = False


class Journal:
    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=KEPT)
        self._deviations: deque[Deviation] = deque(maxlen=10_000)
        self._expecting: set[str] = set()
        self._with_bodies: set[str] = set()
        self._lock = threading.Lock()

    def note(self, entry: Entry) -> None:
        with self._lock:
            self._entries.append(entry)

    def amend(self, entry: Entry, better: Entry) -> None:
        """Put `better` in the place of an entry noted earlier, if it is still there."""
        with self._lock:
            for place in range(len(self._entries) - 1, -1, -1):
                if self._entries[place] is entry:
                    self._entries[place] = better
                    return

    def deviate(
        self, at: float, account: str | None, method: str, path: str, problem: str, where: str
    ) -> None:
        with self._lock:
            expected = account in self._expecting
            self._deviations.append(Deviation(at, account, method, path, problem, where, expected))

    def expect_deviations(self, account: str, expected: bool) -> None:
        (self._expecting.add if expected else self._expecting.discard)(account)

    def keep_bodies(self, account: str, keep: bool) -> None:
        (self._with_bodies.add if keep else self._with_bodies.discard)(account)

    def keeps_bodies(self, account: str | None) -> bool:
        return account in self._with_bodies

    def entries(self, account: str | None) -> list[dict[str, Any]]:
        with self._lock:
            return [asdict(entry) for entry in self._entries if account in (None, entry.account)]

    def deviations(self, account: str | None, *, expected_too: bool) -> list[dict[str, Any]]:
        with self._lock:
            found = [d for d in self._deviations if account in (None, d.account)]
        return [asdict(d) for d in found if expected_too or not d.expected]

    def forget(self, account: str | None) -> None:
        with self._lock:
            self._entries = deque((e for e in self._entries if account not in (None, e.account)), KEPT)
            kept = (d for d in self._deviations if account not in (None, d.account))
            self._deviations = deque(kept, 10_000)

    def stats(self, account: str | None) -> dict[str, Any]:
        """Return calls, answers by status and rows by endpoint, the 429s, and the writes that took effect."""
        with self._lock:
            entries = [entry for entry in self._entries if account in (None, entry.account)]
        rows: Counter[str] = Counter()
        for entry in entries:
            rows[entry.operation or "unknown"] += entry.items
        return {
            "requests": len(entries),
            "calls": dict(Counter(entry.operation or "unknown" for entry in entries)),
            "statuses": dict(Counter(str(entry.status) for entry in entries)),
            "items": dict(rows),
            "throttled": sum(entry.status == 429 for entry in entries),
            "writes": sum(entry.applied for entry in entries),
        }
