"""What people do in Klaviyo by hand, and what the world does to an account, outside the API."""

import json
import sqlite3
from collections.abc import Iterable
from typing import Any

from simulator import consent
from simulator.accounts import Account, Unknown
from simulator.clock import SECOND, parse
from simulator.groups import create_list
from simulator.ids import FACTOR, time_prefix
from simulator.importer import settle
from simulator.membership import join, leave
from simulator.outside_groups import find_list
from simulator.upsert import Incoming, Taken, upsert
from simulator.world import World


def add_members(
    world: World, account: Account, *, list: str, emails: Iterable[str] = (), profiles: Iterable[dict] = ()
) -> dict[str, Any]:
    """Put people on a list, making profiles as needed. `profiles` are attributes, as in the API."""
    rows = [Incoming({"email": email}) for email in emails] + [Incoming(given) for given in profiles]
    with world.store.write() as db:
        found = find_list(db, account, list)
        outcomes = upsert(db, account.n, rows, now=world.clock.now(), clears=True)
        taken = [outcome for outcome in outcomes if isinstance(outcome, Taken)]
        precision = account.settings.joined_precision
        new = join(world, db, found["n"], [outcome.n for outcome in taken], precision=precision)
    return {"added": new, "ids": [outcome.id for outcome in taken]}


def remove_members(world: World, account: Account, *, list: str, emails: Iterable[str]) -> dict[str, Any]:
    """Take people off a list without a word about consent."""
    with world.store.write() as db:
        found = find_list(db, account, list)
        before = db.total_changes
        leave(db, found["n"], [_profile(db, account, email)["n"] for email in emails])
        return {"removed": db.total_changes - before}


def unsubscribe(
    world: World, account: Account, *, email: str, list: str | None = None, leaves: bool | None = None
) -> dict[str, Any]:
    """Let a person unsubscribe from a list, or from everything.

    Who unsubscribes from a list leaves it, unless `leaves` is false; who unsubscribes from everything
    stays on lists, unless `leaves` is true.
    """
    with world.store.write() as db:
        n = _profile(db, account, email)["n"]
        found = find_list(db, account, list) if list else None
        consent.opt_out(world, db, n, found, leaves=leaves is not False)
        if found is None and leaves:
            owned = db.execute("SELECT n FROM lists WHERE account = ?", (account.n,)).fetchall()
            for row in owned:
                leave(db, row["n"], [n])
    return {}


def members(world: World, account: Account, *, list: str) -> dict[str, Any]:
    """Return who is on a list: addresses, and the ids of those who have none."""
    with world.store.read() as db:
        found = find_list(db, account, list)
        rows = db.execute(
            "SELECT p.id, p.email FROM members m JOIN profiles p ON p.n = m.profile WHERE m.list = ?",
            (found["n"],),
        ).fetchall()
    return {
        "emails": [row["email"] for row in rows if row["email"]],
        "without_email": [row["id"] for row in rows if not row["email"]],
    }


def profile(world: World, account: Account, *, email: str) -> dict[str, Any]:
    """Return everything known about one person. Raises Unknown."""
    with world.store.read() as db:
        row = _profile(db, account, email)
        lists = db.execute(
            "SELECT l.id, l.name FROM lists l JOIN members m ON m.list = l.n"
            " WHERE m.profile = ? AND l.account = ?",
            (row["n"], account.n),
        ).fetchall()
        held = db.execute(
            "SELECT list_id, reason FROM suppressions WHERE profile = ?", (row["n"],)
        ).fetchall()
        given = db.execute("SELECT channel, consent FROM consents WHERE profile = ?", (row["n"],)).fetchall()
    return {
        "id": row["id"],
        "email": row["email"],
        "phone_number": row["phone_number"],
        "external_id": row["external_id"],
        **json.loads(row["attributes"]),
        "lists": {entry["id"]: entry["name"] for entry in lists},
        "consent": {entry["channel"]: entry["consent"] for entry in given},
        "suppressions": [dict(entry) for entry in held],
    }


def counts(world: World, account: Account) -> dict[str, int]:
    with world.store.read() as db:
        found = {
            table: db.execute(f"SELECT count(*) FROM {table} WHERE account = ?", (account.n,)).fetchone()[0]  # noqa: S608
            for table in ("lists", "segments", "profiles", "jobs", "flows")
        }
        waiting = db.execute(
            "SELECT count(*) FROM jobs WHERE account = ? AND payload IS NOT NULL", (account.n,)
        )
        ingests = db.execute(
            "SELECT count(*) FROM uploads WHERE account = ? AND status IN ('waiting', 'processing')",
            (account.n,),
        )
        return {
            **found,
            "unfinished_jobs": waiting.fetchone()[0],
            "unfinished_ingests": ingests.fetchone()[0],
        }


def release_jobs(world: World, account: Account) -> dict[str, int]:
    """Let every unfinished import job go on at once, whatever it was waiting for."""
    with world.store.write() as db:
        released = db.execute(
            "UPDATE jobs SET due = ? WHERE account = ? AND payload IS NOT NULL",
            (world.clock.now(), account.n),
        )
    world.importer.submitted()
    return {"released": released.rowcount}


def ingest(
    world: World, account: Account, *, rows: list[dict[str, Any]], list: str | None = None
) -> dict[str, int]:
    """Take profile attributes in without a job, as another way in than the API would."""
    with world.store.write() as db:
        found = find_list(db, account, list) if list else None
        resources = [{"attributes": attributes} for attributes in rows]
        outcomes = settle(world, db, account, resources, list_n=found["n"] if found else None)
    taken = sum(isinstance(outcome, Taken) for outcome in outcomes)
    return {"taken": taken, "failed": len(outcomes) - taken}


def seed(
    world: World,
    account: Account,
    *,
    list: str,
    count: int,
    email: str = "person{n}@example.org",
    first: int = 1,
    over_days: float = 30.0,
    until: str | None = None,
    short_ids: bool = False,
) -> dict[str, Any]:
    """Fill a list with `count` new people who joined evenly over the days before `until` (now).

    `email` has `{n}` where the number goes, from `first` on. Made in SQL, so that a million takes
    seconds; an address that is taken already is passed over. The list is made if there is none.
    `short_ids` gives them the six-character ids of older profiles.
    """
    with world.store.write() as db:
        try:
            found = find_list(db, account, list)
        except Unknown:
            found = find_list(db, account, create_list(world, db, account, list, None))
        now = world.clock.now()
        end = parse(until) if until else now
        step = max(int(over_days * 86_400 * SECOND) // max(count, 1), 1)
        start = end - step * count
        n = _next_n(db)
        before, after = _around_number(email.lower())
        _insert_seeded(db, account, (n, count, first, start, now), (before, after), short_ids=short_ids)
        db.execute(
            "INSERT OR IGNORE INTO members (list, profile, joined)"
            " SELECT ?, n, ? + (n - ?) * ? FROM profiles WHERE n >= ?",
            (found["n"], start, n, step, n),
        )
        made = db.execute("SELECT count(*) FROM profiles WHERE n >= ?", (n,)).fetchone()[0]
    return {"list": found["id"], "created": made}


def _insert_seeded(
    db: sqlite3.Connection,
    account: Account,
    numbers: tuple[int, int, int, int, int],
    around: tuple[str, str],
    *,
    short_ids: bool,
) -> None:
    n, count, first, start, now = numbers
    # Six characters hold 24 bits; multiplying by an odd number keeps them apart, see `ids`.
    profile_id = (
        "printf('%06x', (:n + i) * :factor & 0xFFFFFF)"
        if short_ids
        else "printf('%s%06X%010X', :prefix, (:n + i) >> 40, ((:n + i) * :factor) & 0xFFFFFFFFFF)"
    )
    db.execute(
        "WITH RECURSIVE counter(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM counter WHERE i + 1 < :count)"  # noqa: S608
        " INSERT OR IGNORE INTO profiles (n, account, id, email, created, updated)"
        f" SELECT :n + i, :account, {profile_id}, :before || (:first + i) || :after, :start, :now"
        " FROM counter",
        {
            "n": n,
            "count": count,
            "first": first,
            "account": account.n,
            "factor": FACTOR,
            "prefix": time_prefix(now),
            "before": around[0],
            "after": around[1],
            "start": start,
            "now": now,
        },
    )


def forget_data(world: World, account: Account | None) -> None:
    """Empty one account, or take away all accounts and everything in them."""
    with world.store.write() as db:
        if account is None:
            for table in ("job_errors", "job_profiles", "jobs", "suppressions", "consents", "members"):
                db.execute(f"DELETE FROM {table}")  # noqa: S608 - fixed names
            for table in ("flows", "segment_flows", "segments", "lists", "profiles", "accounts"):
                db.execute(f"DELETE FROM {table}")  # noqa: S608 - fixed names
        else:
            _forget_one(db, account)
    if account is None:
        world.accounts.forget_all()


def _forget_one(db: sqlite3.Connection, account: Account) -> None:
    owned = {
        "members": ("list", "lists"),
        "suppressions": ("profile", "profiles"),
        "consents": ("profile", "profiles"),
        "job_errors": ("job", "jobs"),
        "job_profiles": ("job", "jobs"),
    }
    for table, (column, owner) in owned.items():
        owners = f"SELECT n FROM {owner} WHERE account = ?"  # noqa: S608 - fixed names
        db.execute(f"DELETE FROM {table} WHERE {column} IN ({owners})", (account.n,))  # noqa: S608
    for table in ("jobs", "flows", "segment_flows", "segments", "lists", "profiles"):
        db.execute(f"DELETE FROM {table} WHERE account = ?", (account.n,))  # noqa: S608 - fixed names


def _profile(db: sqlite3.Connection, account: Account, email: str) -> sqlite3.Row:
    row = db.execute(
        "SELECT * FROM profiles WHERE account = ? AND email = ?", (account.n, email.lower())
    ).fetchone()
    if row is None:
        raise Unknown("no profile has that address")
    return row


def _next_n(db: sqlite3.Connection) -> int:
    return db.execute("SELECT coalesce(max(n), 0) + 1 FROM profiles").fetchone()[0]


def _around_number(pattern: str) -> tuple[str, str]:
    if pattern.count("{n}") != 1:
        raise ValueError("the pattern of addresses needs {n} once")
    before, after = pattern.split("{n}")
    return before, after
