"""Decides which connections and files go wrong, and how: rules that match, count and expire."""

import re
from dataclasses import asdict, dataclass
from typing import Any

from simulator.rulebook import Live, Rulebook

# Before anyone has said who they are: a rule for one of these acts on whoever connects.
NAMELESS = frozenset({"tcp", "banner", "key_exchange"})
OPERATIONS = frozenset({"open", "close", "rename", "remove", "list", "stat", "read", "mkdir"})
PLACES = NAMELESS | {"auth", "bytes"} | OPERATIONS
ACTIONS = {
    "cut": (NAMELESS - {"key_exchange"}) | {"auth", "bytes"} | OPERATIONS,  # end the TCP connection
    "silent": (NAMELESS - {"key_exchange"}) | {"auth", "bytes"} | OPERATIONS,  # stay connected, say nothing
    "full": frozenset({"bytes"}),  # the disk holds no more than so many bytes of a file
    "deny": OPERATIONS,  # answer "permission denied"
    "missing_folder": OPERATIONS,  # answer "no such file" for all in a folder
    "other_host_key": frozenset({"key_exchange"}),  # be another machine
}
MODES = ("error", "silent", "close")


@dataclass(frozen=True)
class Fault:
    """One rule for the SFTP of `account` (its key or id; None: all).

    `at` is where it acts: one of `PLACES`; None means the usual ones of the action. At `bytes`, it acts
    on the write that would bring a file over that many `bytes`: that write is not stored, unless `torn`,
    when as much of it is as fits. `after` lets an operation take effect before the connection is cut
    or goes silent. `path` is a regular expression searched in paths such as `/profiles/a.csv`.
    `mode` says how a disk that is `full` shows: by an `error`, by nothing (`silent`), or on `close`.
    `key_type` is the host key another machine presents.

    The first `skip` matches are left alone, then it acts `times` times (None: always) until `expires`,
    in microseconds since 1970.
    """

    id: int
    action: str
    account: str | None = None
    at: str | None = None
    bytes: int = 0
    path: str | None = None
    mode: str = "error"
    after: bool = False
    torn: bool = False
    key_type: str = "ssh-ed25519"
    times: int | None = None
    skip: int = 0
    expires: int | None = None


@dataclass
class _Live(Live[Fault]):
    places: frozenset[str] = frozenset()


class Faults:
    """All rules; the oldest that matches acts."""

    def __init__(self) -> None:
        self._book = Rulebook[_Live]()
        self.clear = self._book.clear

    def add(self, fault: Fault) -> int:
        """Keep a rule and return its number. Raises ValueError for one that could never act."""
        if fault.action not in ACTIONS:
            raise ValueError(f"an SFTP fault is one of {', '.join(ACTIONS)}")
        if fault.mode not in MODES:
            raise ValueError(f"a full disk shows by one of {', '.join(MODES)}")
        return self._book.keep(_Live(fault, places=_places(fault)))

    def acting(self, at: str, now: int, *, names: tuple[str, ...] = (), path: str = "") -> Fault | None:
        """Return the rule that acts here, counted as used. `names` are an account's key and id."""
        if not self._book.live:
            return None
        with self._book.lock:
            for live in self._book.live:
                if _matches(live, at, now, names, path) and _acts(live):
                    return live.fault
        return None

    def crossed(
        self, size: int, now: int, *, names: tuple[str, ...], path: str, passed: set[int]
    ) -> Fault | None:
        """Return the rule that a file acts on by growing to `size` bytes; each is asked once for a file."""
        if not self._book.live:
            return None
        with self._book.lock:
            for live in self._book.live:
                fault = live.fault
                if fault.id in passed or size <= fault.bytes or not _matches(live, "bytes", now, names, path):
                    continue
                passed.add(fault.id)
                if _acts(live):
                    return fault
        return None

    def hides(self, path: str, now: int, *, names: tuple[str, ...]) -> bool:
        """Tell whether a folder is one that is missing; asking does not count."""
        with self._book.lock:
            return any(
                live.fault.action == "missing_folder" and _matches(live, "list", now, names, path)
                for live in self._book.live
            )

    def all(self) -> list[dict[str, Any]]:
        with self._book.lock:
            return [
                {**asdict(live.fault), "seen": live.seen, "acted": live.acted} for live in self._book.live
            ]


def _places(fault: Fault) -> frozenset[str]:
    allowed = ACTIONS[fault.action]
    if fault.at is not None:
        if fault.at not in allowed:
            raise ValueError(f"{fault.action} acts at one of {', '.join(sorted(allowed))}")
        return frozenset({fault.at})
    if fault.action in ("cut", "silent"):
        if not fault.bytes:
            raise ValueError(f"{fault.action} needs to know where: at or bytes")
        return frozenset({"bytes"})
    return frozenset(allowed)


def _matches(live: _Live, at: str, now: int, names: tuple[str, ...], path: str) -> bool:
    fault = live.fault
    if at not in live.places or (fault.expires is not None and now >= fault.expires):
        return False
    if at not in NAMELESS and fault.account is not None and fault.account not in names:
        return False
    return fault.path is None or re.search(fault.path, path) is not None


def _acts(live: _Live) -> bool:
    if not live.comes_round():
        return False
    live.acted += 1
    return True
