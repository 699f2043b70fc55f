"""Works through import jobs in the background, from queued to complete, at the pace an account is set to."""

import json
import re
import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from simulator.accounts import Account
from simulator.clock import SECOND
from simulator.membership import join
from simulator.upsert import Failed, Incoming, Outcome, Taken, upsert
from simulator.world import World

# Rows a transaction takes: small enough that a reader's page and another job's rows get in between.
CHUNK = 2_000


@dataclass(frozen=True)
class Slice:
    """Rows `first` to `last` of a job, and how they come out."""

    rows: Sequence[dict[str, Any]]
    outcomes: Sequence[Outcome]
    first: int


class Importer:
    """One thread that does whichever job is due next, a chunk at a time."""

    def __init__(self) -> None:
        self._wake = threading.Condition()
        self._stopping = False
        self._news = False
        self._thread: threading.Thread | None = None
        self._payloads: dict[int, list[dict[str, Any]]] = {}

    def start(self, world: World) -> None:
        """Begin, with the jobs that an earlier process left unfinished."""
        self._thread = threading.Thread(target=self._run, args=(world,), name="importer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
        if self._thread:
            self._thread.join()

    def submitted(self, job_n: int | None = None, rows: list[dict[str, Any]] | None = None) -> None:
        """Look at the waiting jobs again; `rows` spares reading the payload of job `job_n` back."""
        with self._wake:
            if job_n is not None and rows is not None:
                self._payloads[job_n] = rows
            self._news = True
            self._wake.notify_all()

    def _run(self, world: World) -> None:
        while not self._stopping:
            self._news = False
            job = self._next(world)
            wait = None if job is None else (job["due"] - world.clock.now()) / SECOND
            if job is not None and wait is not None and wait <= 0:
                self._advance(world, job)
                continue
            with self._wake:
                if not self._news and not self._stopping:
                    self._wake.wait(wait)

    def _next(self, world: World) -> sqlite3.Row | None:
        with world.store.read() as db:
            return db.execute(
                "SELECT n, account, list, due, done, total, started FROM jobs"
                " WHERE payload IS NOT NULL ORDER BY due LIMIT 1"
            ).fetchone()

    def _advance(self, world: World, job: sqlite3.Row) -> None:
        account = world.accounts.with_n(job["account"])
        rows = self._rows(world, job["n"])
        if account is None or rows is None:
            return
        with world.store.write() as db:
            if job["started"] is None:
                _start(world, db, account, job)
            elif job["done"] < job["total"]:
                _take(world, db, account, job, rows)
            else:
                _finish(world, db, job)
                self._payloads.pop(job["n"], None)

    def _rows(self, world: World, job_n: int) -> list[dict[str, Any]] | None:
        if job_n not in self._payloads:
            with world.store.read() as db:
                row = db.execute("SELECT payload FROM jobs WHERE n = ?", (job_n,)).fetchone()
            if row is None or row["payload"] is None:
                return None
            body = json.loads(row["payload"])
            self._payloads[job_n] = body["data"]["attributes"]["profiles"]["data"]
        return self._payloads[job_n]


def _start(world: World, db: sqlite3.Connection, account: Account, job: sqlite3.Row) -> None:
    now = world.clock.now()
    due = now + _pace(account, min(job["total"], _chunk(account)))
    db.execute(
        "UPDATE jobs SET status = 'processing', started = ?, due = ? WHERE n = ?", (now, due, job["n"])
    )


def _take(
    world: World, db: sqlite3.Connection, account: Account, job: sqlite3.Row, rows: list[dict[str, Any]]
) -> None:
    first = job["done"]
    part = rows[first : first + _chunk(account)]
    outcomes = settle(world, db, account, part, list_n=job["list"])
    failed = _record(world, db, job["n"], Slice(part, outcomes, first))
    done = first + len(part)
    db.execute(
        "UPDATE jobs SET done = ?, completed = completed + ?, failed = failed + ?, due = ? WHERE n = ?",
        (
            done,
            len(part) - failed,
            failed,
            world.clock.now() + _pace(account, min(job["total"] - done, _chunk(account))),
            job["n"],
        ),
    )


def _finish(world: World, db: sqlite3.Connection, job: sqlite3.Row) -> None:
    db.execute(
        "UPDATE jobs SET status = 'complete', finished = ?, payload = NULL WHERE n = ?",
        (world.clock.now(), job["n"]),
    )


def settle(
    world: World,
    db: sqlite3.Connection,
    account: Account,
    rows: Sequence[dict[str, Any]],
    *,
    list_n: int | None,
) -> list[Outcome]:
    """Upsert profile resources and put those that were taken on the list, which may be gone by now.

    Rows whose address matches one of the account's `fail` patterns fail.
    """
    outcomes: list[Outcome] = [_refused(account, row) for row in rows]
    places = [place for place, outcome in enumerate(outcomes) if outcome is None]
    incoming = [_incoming(rows[place]) for place in places]
    taken = upsert(db, account.n, incoming, now=world.clock.now(), clears=False)
    for place, outcome in zip(places, taken, strict=True):
        outcomes[place] = outcome
    if list_n is not None and db.execute("SELECT 1 FROM lists WHERE n = ?", (list_n,)).fetchone():
        numbers = [outcome.n for outcome in outcomes if isinstance(outcome, Taken)]
        behaviour = account.settings
        join(
            world,
            db,
            list_n,
            numbers,
            precision=behaviour.joined_precision,
            later_seconds=behaviour.settle_seconds,
        )
    return outcomes


def _refused(account: Account, row: dict[str, Any]) -> Failed | None:
    email = row["attributes"].get("email") or ""
    if any(re.search(pattern, email, re.IGNORECASE) for pattern in account.settings.fail):
        return Failed("invalid", "Invalid input.", "The profile could not be imported.")
    return None


def _incoming(row: dict[str, Any]) -> Incoming:
    return Incoming(row["attributes"], row.get("id"), row.get("meta") or {})


def _record(world: World, db: sqlite3.Connection, job_n: int, done: Slice) -> int:
    """Keep which profiles the rows became and why others failed; return how many failed."""
    db.executemany(
        "INSERT OR IGNORE INTO job_profiles (job, profile) VALUES (?, ?)",
        [(job_n, outcome.n) for outcome in done.outcomes if isinstance(outcome, Taken)],
    )
    errors = [
        (
            job_n,
            world.ids.long(world.clock.now()),
            outcome.code,
            outcome.title,
            outcome.detail,
            f"/data/attributes/profiles/data/{done.first + offset}/attributes/email",
            json.dumps(done.rows[offset], ensure_ascii=False),
        )
        for offset, outcome in enumerate(done.outcomes)
        if isinstance(outcome, Failed)
    ]
    db.executemany(
        "INSERT INTO job_errors (job, id, code, title, detail, pointer, payload)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        errors,
    )
    return len(errors)


def _chunk(account: Account) -> int:
    """Return how many rows are taken at once: at most a tenth of a second's worth of a slow account."""
    speed = account.settings.rows_per_second
    return CHUNK if not speed else max(1, min(CHUNK, int(speed / 10)))


def _pace(account: Account, rows: int) -> int:
    """Return the microseconds an account takes for so many rows."""
    speed = account.settings.rows_per_second
    return int(rows / speed * SECOND) if speed else 0
