"""What was uploaded, file by file: how it ended, and how far its rows have been taken in."""

import sqlite3
from dataclasses import dataclass
from typing import Any

from simulator.accounts import Account

# An upload whose session ended with the file open is "cut"; AWS Transfer calls that a partial upload.
SHOWN = (
    "path",
    "bytes",
    "received",
    "sha256",
    "state",
    "status",
    "rows",
    "ingested",
    "failed",
    "dropped",
    "unlisted",
    "report",
)
UNFINISHED = "status IN ('waiting', 'processing')"


@dataclass(frozen=True)
class Ending:
    """How an upload ended.

    `state` is complete, cut, or removed (before it was closed, so that nothing is taken in); `status` is what
    becomes of it: kept or waiting.
    """

    state: str
    status: str
    bytes: int
    received: int
    sha256: str
    closed: int
    due: int


def begin(db: sqlite3.Connection, account: Account, path: str, *, connection: int, now: int) -> int:
    cursor = db.execute(
        "INSERT INTO uploads (account, connection, path, opened) VALUES (?, ?, ?, ?)",
        (account.n, connection, path, now),
    )
    return cursor.lastrowid or 0


def end(db: sqlite3.Connection, n: int, how: Ending) -> None:
    db.execute(
        "UPDATE uploads SET state = ?, status = ?, bytes = ?, received = ?, sha256 = ?, closed = ?, due = ?"
        " WHERE n = ?",
        (how.state, how.status, how.bytes, how.received, how.sha256, how.closed, how.due, n),
    )


def rename(db: sqlite3.Connection, account: Account, old: str, new: str) -> int | None:
    """Say that the newest upload of that path has another now; return its number, None when there is none."""
    row = db.execute(
        "SELECT max(n) AS n FROM uploads WHERE account = ? AND path = ?", (account.n, old)
    ).fetchone()
    if row["n"] is not None:
        db.execute("UPDATE uploads SET path = ? WHERE n = ?", (new, row["n"]))
    return row["n"]


def queue(db: sqlite3.Connection, n: int, *, now: int, due: int) -> None:
    """Let rows of an upload that was only kept be taken in after all."""
    db.execute(
        "UPDATE uploads SET status = 'waiting', closed = ?, due = ? WHERE n = ? AND status = 'kept'",
        (now, due, n),
    )


def release(db: sqlite3.Connection, account: Account, now: int) -> int:
    """Let every unfinished upload of an account go on at once; return how many there are."""
    cursor = db.execute(
        f"UPDATE uploads SET due = ?, released = 1 WHERE account = ? AND {UNFINISHED}",  # noqa: S608
        (now, account.n),
    )
    return cursor.rowcount


def of(db: sqlite3.Connection, account: Account) -> list[dict[str, Any]]:
    """Return every upload of an account, oldest first."""
    rows = db.execute("SELECT * FROM uploads WHERE account = ? ORDER BY n", (account.n,))
    return [_shown(row) for row in rows]


def newest(db: sqlite3.Connection, account: Account, name: str) -> int | None:
    """Return the number of the newest upload with that path, or with that name in whatever folder."""
    row = db.execute(
        "SELECT max(n) FROM uploads WHERE account = ? AND (path = ? OR path LIKE ? ESCAPE '\\')",
        (account.n, name, "%/" + name.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")),
    ).fetchone()
    return row[0]


def dropped(db: sqlite3.Connection, account: Account) -> list[str]:
    rows = db.execute("SELECT address FROM sftp_dropped WHERE account = ? ORDER BY rowid", (account.n,))
    return [row["address"] for row in rows]


def _shown(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "upload": row["n"],
        "connection": row["connection"],
        "name": row["path"].rpartition("/")[2],
        "opened": row["opened"] / 1e6,
        "closed": row["closed"] / 1e6 if row["closed"] else None,
        "finished": row["finished"] / 1e6 if row["finished"] else None,
        **{name: row[name] for name in SHOWN},
    }
