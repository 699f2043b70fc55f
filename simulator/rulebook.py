"""Rules for what goes wrong: kept under numbers, counted as they are used, dropped by account or number."""

import re
import threading
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, TypeVar


class Rule(Protocol):
    """`path` is a regular expression. `skip` matches are left alone, then `times` act (None: all)."""

    @property
    def id(self) -> int: ...

    @property
    def account(self) -> str | None: ...

    @property
    def path(self) -> str | None: ...

    @property
    def times(self) -> int | None: ...

    @property
    def skip(self) -> int: ...


R = TypeVar("R", bound=Rule)


@dataclass
class Live(Generic[R]):
    """A rule with how often it was `seen` to match and how often it `acted`."""

    fault: R
    seen: int = 0
    acted: int = 0

    def comes_round(self) -> bool:
        """Count a match; return whether it is one of those that act."""
        self.seen += 1
        if self.seen <= self.fault.skip:
            return False
        return self.fault.times is None or self.acted < self.fault.times


L = TypeVar("L", bound=Live[Any])


class Rulebook(Generic[L]):
    """All rules, the oldest first. Hold `lock` while going through `live`."""

    def __init__(self) -> None:
        self.live: list[L] = []
        self.lock = threading.Lock()
        self._next = 1

    def keep(self, entry: L) -> int:
        """Give a rule its number and keep it. Raises re.error for a path that is no expression."""
        re.compile(entry.fault.path or "")
        with self.lock:
            number = self._next
            self._next += 1
            entry.fault = replace(entry.fault, id=number)
            self.live.append(entry)
        return number

    def clear(self, *, account_names: tuple[str, ...] | None = None, fault_id: int | None = None) -> None:
        """Drop the rules of one account (by its key or id), one rule, or all of them."""
        with self.lock:
            self.live = [
                entry
                for entry in self.live
                if (fault_id is not None and entry.fault.id != fault_id)
                or (account_names is not None and entry.fault.account not in account_names)
            ]
