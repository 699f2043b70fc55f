"""Decides which calls go wrong, and how: rules that match requests, count down, and throw seeded dice."""

import random
import re
import threading
from dataclasses import dataclass, field, replace
from typing import Any

ACTIONS = frozenset(
    {
        "status",  # answer `status` instead of doing it
        "status_after",  # do it, then answer `status`
        "timeout",  # never answer, do nothing
        "timeout_after",  # do it, never answer
        "drop_before",  # cut the connection, do nothing
        "drop_after",  # do it, cut the connection
        "slow",  # wait `seconds`, then go on
        "late",  # cut the connection, do it `seconds` later
        "drip",  # send the answer's body one byte a second, or every `seconds`
        "truncate",  # send half of the answer's body under the length of the whole, then cut
        "truncate_json",  # send half of the answer's body, properly framed
        "garbage",  # send bytes that are not HTTP
        "endless",  # send a body that never ends
        "bomb",  # send a small gzip body that unpacks to a gigabyte
    }
)


@dataclass(frozen=True)
class Fault:
    """One rule. It matches on `method`, `path` (a regular expression searched in the path and in the
    operation's name) and `account` (its key or id); None matches all.

    The first `skip` matches are left alone, then it acts `times` times (None: always), each with
    `probability`, thrown from `seed`. `expires` is in microseconds since 1970.
    """

    id: int
    action: str
    method: str | None = None
    path: str | None = None
    account: str | None = None
    status: int = 503
    body: Any = "json"
    code: str | None = None
    detail: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 1.0
    times: int | None = None
    skip: int = 0
    probability: float = 1.0
    seed: int = 0
    expires: int | None = None


@dataclass
class _Live:
    fault: Fault
    random: random.Random
    seen: int = 0
    acted: int = 0


class Faults:
    """All rules; several may act on one request."""

    def __init__(self) -> None:
        self._live: list[_Live] = []
        self._next = 1
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> int:
        """Keep a rule and return its number. Raises ValueError for an action that does not exist."""
        if fault.action not in ACTIONS:
            raise ValueError(f"no such action: {fault.action}")
        re.compile(fault.path or "")
        with self._lock:
            numbered = replace(fault, id=self._next)
            self._next += 1
            dice = random.Random(fault.seed)  # noqa: S311 - decides what fails, guards nothing
            self._live.append(_Live(numbered, dice))
        return numbered.id

    def clear(self, *, account_names: tuple[str, ...] | None = None, fault_id: int | None = None) -> None:
        """Drop the rules of one account (by its key or id), one rule, or all of them."""
        with self._lock:
            self._live = [
                live
                for live in self._live
                if (fault_id is not None and live.fault.id != fault_id)
                or (account_names is not None and live.fault.account not in account_names)
            ]

    def acting(
        self, method: str, path: str, operation: str | None, names: tuple[str, ...], now: int
    ) -> list[Fault]:
        """Return the rules that act on this request and count them as used. `names` are key and id."""
        with self._lock:
            return [
                live.fault
                for live in self._live
                if _matches(live.fault, method, path, operation, names, now) and _acts(live)
            ]

    def all(self) -> list[dict[str, Any]]:
        with self._lock:
            return [{**vars(live.fault), "seen": live.seen, "acted": live.acted} for live in self._live]


def _matches(
    fault: Fault, method: str, path: str, operation: str | None, names: tuple[str, ...], now: int
) -> bool:
    if fault.expires is not None and now >= fault.expires:
        return False
    if fault.account is not None and fault.account not in names:
        return False
    if fault.method is not None and fault.method.upper() != method:
        return False
    return fault.path is None or any(re.search(fault.path, text) for text in (path, operation or ""))


def _acts(live: _Live) -> bool:
    live.seen += 1
    if live.seen <= live.fault.skip:
        return False
    if live.fault.times is not None and live.acted >= live.fault.times:
        return False
    if live.fault.probability < 1 and live.random.random() >= live.fault.probability:
        return False
    live.acted += 1
    return True
