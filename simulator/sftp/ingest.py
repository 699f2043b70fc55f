"""Takes the rows of uploaded files in, in the background, one file of an account after the other."""

import hashlib
import os
import re
import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from simulator.accounts import Account
from simulator.clock import SECOND
from simulator.importer import CHUNK, settle
from simulator.sftp import rows, uploads
from simulator.sftp.access import Behaviour
from simulator.sftp.folders import is_removed
from simulator.sftp.rows import Reading, Row, Unreadable
from simulator.sftp.uploads import Ending
from simulator.upsert import Taken
from simulator.world import World

FOLDER = "/profiles/"
# Files whose rows are in are kept to be looked at, the newest of each account up to so many bytes.
KEPT_BYTES = 1_000_000_000


@dataclass(frozen=True)
class Tally:
    """How some rows came out: `unlisted` ones are taken in, but name a list that is not there."""

    rows: int = 0
    ingested: int = 0
    failed: int = 0
    dropped: tuple[str, ...] = ()
    unlisted: int = 0


class Ingester:
    """One thread that takes a chunk of whichever file is due next."""

    def __init__(self) -> None:
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._readings: dict[int, Reading] = {}

    def start(self, world: World) -> None:
        """Begin, with the files that an earlier process left unfinished."""
        _end_open(world)
        self._thread = threading.Thread(target=self._run, args=(world,), name="ingester", daemon=True)
        self._thread.start()

    def stop(self, world: World) -> None:
        self._stopping = True
        world.sftp.ring()
        if self._thread:
            self._thread.join()

    def _run(self, world: World) -> None:
        while not self._stopping:
            with world.sftp.news:
                upload = _next(world)
                wait = None if upload is None else (upload["due"] - world.clock.now()) / SECOND
                if not self._stopping and (wait is None or wait > 0):
                    world.sftp.news.wait(wait)
                    continue
            if upload is not None:
                self._advance(world, upload)

    def _advance(self, world: World, upload: sqlite3.Row) -> None:
        account = world.accounts.with_n(upload["account"])
        if account is None:
            return
        behaviour = world.sftp.access.behaviour(account)
        try:
            reading = self._reading(world, account, upload, behaviour)
        except (Unreadable, FileNotFoundError) as error:
            reason = str(error) if isinstance(error, Unreadable) else "The file is gone."
            _finish(world, account, upload, failed=reason)
            return
        if upload["status"] == "waiting":
            _begin(world, account, upload)
        part = reading.take(_chunk(behaviour, released=upload["released"]))
        if part:
            _take(world, account, upload, part)
        else:
            self._readings.pop(upload["n"]).close()
            _finish(world, account, upload)

    def _reading(self, world: World, account: Account, upload: sqlite3.Row, behaviour: Behaviour) -> Reading:
        """Return the file, read as far as its rows have been taken."""
        n = upload["n"]
        if n not in self._readings:
            self._forget_others()
            reading = Reading(world.sftp.folders(account).kept(n), behaviour.headers)
            for _ in range(upload["rows"] // CHUNK):
                reading.take(CHUNK)
            reading.take(upload["rows"] % CHUNK)
            self._readings[n] = reading
        return self._readings[n]

    def _forget_others(self) -> None:
        """Close files of accounts that have been emptied meanwhile; there are as many open as accounts."""
        while len(self._readings) > 16:
            self._readings.pop(next(iter(self._readings))).close()


def fate(world: World, account: Account, path: str, *, now: int) -> tuple[str, int]:
    """Return what becomes of a file that was closed, kept or waiting, and when its rows are due."""
    behaviour = world.sftp.access.behaviour(account)
    ignored = any(re.search(pattern, path) for pattern in behaviour.ingest_ignores)
    if behaviour.kind != "klaviyo" or ignored or not path.startswith(FOLDER):
        return "kept", 0
    return "waiting", now + int(behaviour.delay_seconds * SECOND)


def enqueue(world: World, db: sqlite3.Connection, account: Account, n: int, path: str) -> None:
    """Let a file that was only kept be taken in, if that is what becomes of files of its new name."""
    now = world.clock.now()
    status, due = fate(world, account, path, now=now)
    if status == "waiting":
        uploads.queue(db, n, now=now, due=due)


def _end_open(world: World) -> None:
    """Make partial uploads of the files that were open when an earlier process was killed."""
    with world.store.write() as db:
        for row in db.execute("SELECT n, account, path FROM uploads WHERE state = 'open'").fetchall():
            account = world.accounts.with_n(row["account"])
            if account is None:
                continue
            now = world.clock.now()
            status, due = fate(world, account, row["path"], now=now)
            with world.sftp.folders(account).kept(row["n"]).open("rb") as file:
                state = "removed" if is_removed(os.fstat(file.fileno())) else "cut"
                digest = hashlib.file_digest(file, "sha256").hexdigest()
                size = file.tell()
            if state == "removed":
                status, due = "kept", 0
            uploads.end(db, row["n"], Ending(state, status, size, size, digest, now, due))


def _next(world: World) -> sqlite3.Row | None:
    """Return the file to go on with: of each account the first that is not finished."""
    with world.store.read() as db:
        return db.execute(
            "SELECT * FROM uploads u WHERE status IN ('waiting', 'processing') AND NOT EXISTS"
            " (SELECT 1 FROM uploads e WHERE e.account = u.account AND e.status IN ('waiting', 'processing')"
            " AND (e.closed, e.n) < (u.closed, u.n)) ORDER BY due LIMIT 1"
        ).fetchone()


def _begin(world: World, account: Account, upload: sqlite3.Row) -> None:
    """Decide, once for a file, whether rows of it are to be lost."""
    most, files = world.sftp.access.behaviour(account).drop_files, world.sftp.lossy_files
    lossy = most is None or files[account.n] < most
    files[account.n] += 1
    with world.store.write() as db:
        db.execute("UPDATE uploads SET status = 'processing', lossy = ? WHERE n = ?", (lossy, upload["n"]))


def _take(world: World, account: Account, upload: sqlite3.Row, part: Sequence[Row]) -> None:
    now = world.clock.now()
    with world.store.write() as db:
        row = db.execute("SELECT lossy FROM uploads WHERE n = ?", (upload["n"],)).fetchone()
        if row is None:
            return
        lossy = world.sftp.access.behaviour(account) if row["lossy"] else None
        tally = settle_rows(world, db, account, part, lossy=lossy)
        db.executemany(
            "INSERT INTO sftp_dropped (account, upload, address) VALUES (?, ?, ?)",
            [(account.n, upload["n"], address) for address in tally.dropped],
        )
        db.execute(
            "UPDATE uploads SET rows = rows + ?, ingested = ingested + ?,"
            " failed = failed + ?, dropped = dropped + ?, unlisted = unlisted + ?,"
            " due = CASE WHEN released THEN ? ELSE ? END WHERE n = ?",
            (
                tally.rows,
                tally.ingested,
                tally.failed,
                len(tally.dropped),
                tally.unlisted,
                now,
                now + _pace(world, account, len(part)),
                upload["n"],
            ),
        )


def settle_rows(
    world: World, db: sqlite3.Connection, account: Account, part: Sequence[Row], *, lossy: Behaviour | None
) -> Tally:
    """Make profiles of rows and put each on the list it names; with `lossy`, lose some without a word."""
    lost, kept, failed = [], [], 0
    for row in part:
        if row.problem:
            failed += 1
        elif lossy and _is_lost(row, lossy):
            lost.append(row.address)
        else:
            kept.append(row)
    lists = dict(db.execute("SELECT id, n FROM lists WHERE account = ?", (account.n,)).fetchall())
    ingested = 0
    for list_id, group in groupby(kept, key=lambda row: row.list_id):
        resources = [{"attributes": row.attributes} for row in group]
        outcomes = settle(world, db, account, resources, list_n=lists.get(list_id))
        ingested += sum(isinstance(outcome, Taken) for outcome in outcomes)
    unlisted = sum(bool(row.list_id) and row.list_id not in lists for row in kept)
    return Tally(len(part), ingested, failed + len(kept) - ingested, tuple(lost), unlisted)


def _is_lost(row: Row, lossy: Behaviour) -> bool:
    return rows.is_dropped(row.address, patterns=lossy.drop, share=lossy.drop_share, seed=lossy.drop_seed)


def _finish(world: World, account: Account, upload: sqlite3.Row, *, failed: str = "") -> None:
    """Close the file's account, with the words Klaviyo would send by e-mail."""
    folders = world.sftp.folders(account)
    with world.store.write() as db:
        row = db.execute("SELECT * FROM uploads WHERE n = ?", (upload["n"],)).fetchone()
        if row is None:
            return
        name = row["path"].rpartition("/")[2]
        counts = f"{row['rows']} rows, {row['failed']} of them failed"
        report = f"Import of {name} failed: {failed}" if failed else f"Import of {name} is done: {counts}."
        db.execute(
            "UPDATE uploads SET status = ?, report = ?, finished = ? WHERE n = ?",
            ("failed" if failed else "done", report, world.clock.now(), row["n"]),
        )
        old = db.execute(
            "SELECT n FROM (SELECT n, sum(bytes) OVER (ORDER BY n DESC) AS held FROM uploads"
            " WHERE account = ? AND status IN ('done', 'failed')) WHERE held > ? AND n < ?",
            (account.n, KEPT_BYTES, row["n"]),
        ).fetchall()
    if world.sftp.access.behaviour(account).removed_after_ingest:
        folders.take_away(row["path"], row["n"])
    for gone in old:
        folders.kept(gone["n"]).unlink(missing_ok=True)


def _chunk(behaviour: Behaviour, *, released: int) -> int:
    """Return how many rows are taken at once: at most a tenth of a second's worth of a slow account."""
    speed = 0 if released else behaviour.rows_per_second
    return CHUNK if not speed else max(1, min(CHUNK, int(speed / 10)))


def _pace(world: World, account: Account, count: int) -> int:
    """Return the microseconds an account takes for so many rows."""
    speed = world.sftp.access.behaviour(account).rows_per_second
    return int(count / speed * SECOND) if speed else 0
