"""Decides which calls go wrong, and how: rules that match requests, count down, and throw seeded dice."""

import random
import re
from dataclasses import dataclass, field
from typing import Any

from simulator.rulebook import Live, Rulebook

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
class _Live(Live[Fault]):
    dice: random.Random = field(default_factory=random.Random)


class Faults:
    """All rules; several may act on one request."""

    def __init__(self) -> None:
        self._book = Rulebook[_Live]()
        self.clear = self._book.clear

    def add(self, fault: Fault) -> int:
        """Keep a rule and return its number. Raises ValueError for an action that does not exist."""
        if fault.action not in ACTIONS:
            raise ValueError(f"no such action: {fault.action}")
        dice = random.Random(fault.seed)  # noqa: S311 - decides what fails, guards nothing
        return self._book.keep(_Live(fault, dice=dice))

    def acting(
        self, method: str, path: str, operation: str | None, names: tuple[str, ...], now: int
    ) -> list[Fault]:
        """Return the rules that act on this request and count them as used. `names` are key and id."""
        with self._book.lock:
            return [
                live.fault
                for live in self._book.live
                if _matches(live.fault, method, path, operation, names, now) and _acts(live)
            ]

    def all(self) -> list[dict[str, Any]]:
        with self._book.lock:
            return [{**vars(live.fault), "seen": live.seen, "acted": live.acted} for live in self._book.live]


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
    if not live.comes_round():
        return False
    if live.fault.probability < 1 and live.dice.random() >= live.fault.probability:
        return False
    live.acted += 1
    return True
