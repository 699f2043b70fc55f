"""Puts people on a list, takes them off and counts them, whoever asks for it."""

import sqlite3
from collections.abc import Sequence

from simulator.accounts import Account
from simulator.clock import SECOND
from simulator.world import World


def join(
    world: World,
    db: sqlite3.Connection,
    list_n: int,
    numbers: Sequence[int],
    *,
    precision: str = "microsecond",
    later_seconds: float = 0.0,
) -> int:
    """Put profiles on a list and return how many were not on it; those who were keep their time of joining.

    Reads show them `later_seconds` from now. Live flows that the list triggers count the new ones.
    """
    if not numbers:
        return 0
    first = world.stamps.take(len(numbers)) + int(later_seconds * SECOND)
    joined = [
        first // SECOND * SECOND if precision == "second" else first + offset
        for offset in range(len(numbers))
    ]
    before = db.total_changes
    db.executemany(
        "INSERT OR IGNORE INTO members (list, profile, joined) VALUES (?, ?, ?)",
        [(list_n, n, moment) for n, moment in zip(numbers, joined, strict=True)],
    )
    new = db.total_changes - before
    if new:
        db.execute("UPDATE flows SET starts = starts + ? WHERE list = ? AND status = 'live'", (new, list_n))
    return new


def leave(db: sqlite3.Connection, list_n: int, numbers: Sequence[int]) -> None:
    db.executemany("DELETE FROM members WHERE list = ? AND profile = ?", [(list_n, n) for n in numbers])


def count(db: sqlite3.Connection, list_n: int, *, until: int | None = None) -> int:
    """Return how many are on a list, or how many had joined `until` then."""
    if until is None:
        counted = db.execute("SELECT count(*) FROM members WHERE list = ?", (list_n,))
    else:
        counted = db.execute("SELECT count(*) FROM members WHERE list = ? AND joined <= ?", (list_n, until))
    return counted.fetchone()[0]


def shown_until(world: World, account: Account) -> int | None:
    """Return the moment after which a member who joined is not shown yet, None when all are shown at once."""
    return world.clock.now() if account.settings.settle_seconds else None
