"""Keeps everything Klaviyo would remember in one SQLite file, so that it survives a restart."""

import queue
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SCHEMA = """
CREATE TABLE IF NOT EXISTS accounts (
    n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, key TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
    settings TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS lists (
    n INTEGER PRIMARY KEY, account INTEGER NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL,
    opt_in_process TEXT NOT NULL, created INTEGER NOT NULL, updated INTEGER NOT NULL, UNIQUE (account, id)
);
CREATE INDEX IF NOT EXISTS lists_by_name ON lists (account, name);
CREATE TABLE IF NOT EXISTS segments (
    n INTEGER PRIMARY KEY, account INTEGER NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL,
    profile_count INTEGER NOT NULL, created INTEGER NOT NULL, updated INTEGER NOT NULL, UNIQUE (account, id)
);
CREATE TABLE IF NOT EXISTS flows (
    n INTEGER PRIMARY KEY, account INTEGER NOT NULL, list INTEGER NOT NULL, id TEXT NOT NULL,
    name TEXT NOT NULL, status TEXT NOT NULL, starts INTEGER NOT NULL DEFAULT 0, created INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS flows_by_list ON flows (list);
CREATE TABLE IF NOT EXISTS segment_flows (
    n INTEGER PRIMARY KEY, account INTEGER NOT NULL, segment INTEGER NOT NULL, id TEXT NOT NULL,
    name TEXT NOT NULL, status TEXT NOT NULL, created INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS flows_by_segment ON segment_flows (segment);
CREATE TABLE IF NOT EXISTS profiles (
    n INTEGER PRIMARY KEY, account INTEGER NOT NULL, id TEXT NOT NULL, email TEXT, phone_number TEXT,
    external_id TEXT, attributes TEXT NOT NULL DEFAULT '{}', created INTEGER NOT NULL,
    updated INTEGER NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS profiles_by_id ON profiles (account, id);
CREATE UNIQUE INDEX IF NOT EXISTS profiles_by_email ON profiles (account, email) WHERE email IS NOT NULL;
CREATE UNIQUE INDEX IF NOT EXISTS profiles_by_phone ON profiles (account, phone_number)
    WHERE phone_number IS NOT NULL;
CREATE UNIQUE INDEX IF NOT EXISTS profiles_by_external_id ON profiles (account, external_id)
    WHERE external_id IS NOT NULL;
CREATE TABLE IF NOT EXISTS members (
    list INTEGER NOT NULL, profile INTEGER NOT NULL, joined INTEGER NOT NULL, PRIMARY KEY (list, profile)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS members_by_joined ON members (list, joined, profile);
CREATE TABLE IF NOT EXISTS consents (
    profile INTEGER NOT NULL, channel TEXT NOT NULL, consent TEXT NOT NULL, method TEXT NOT NULL,
    at INTEGER NOT NULL, PRIMARY KEY (profile, channel)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS suppressions (
    profile INTEGER NOT NULL, list_id TEXT NOT NULL, reason TEXT NOT NULL, at INTEGER NOT NULL,
    PRIMARY KEY (profile, list_id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS suppressions_by_list ON suppressions (list_id);
CREATE TABLE IF NOT EXISTS jobs (
    n INTEGER PRIMARY KEY, account INTEGER NOT NULL, id TEXT NOT NULL, status TEXT NOT NULL, list INTEGER,
    list_id TEXT, total INTEGER NOT NULL, completed INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0, done INTEGER NOT NULL DEFAULT 0, created INTEGER NOT NULL,
    started INTEGER, finished INTEGER,
    due INTEGER NOT NULL, payload TEXT, UNIQUE (account, id)
);
CREATE INDEX IF NOT EXISTS jobs_waiting ON jobs (due) WHERE payload IS NOT NULL;
CREATE TABLE IF NOT EXISTS job_profiles (
    job INTEGER NOT NULL, profile INTEGER NOT NULL, PRIMARY KEY (job, profile)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS job_errors (
    n INTEGER PRIMARY KEY, job INTEGER NOT NULL, id TEXT NOT NULL, code TEXT NOT NULL, title TEXT NOT NULL,
    detail TEXT NOT NULL, pointer TEXT NOT NULL, payload TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS job_errors_by_job ON job_errors (job, n);
CREATE TABLE IF NOT EXISTS sftp_access (
    account INTEGER PRIMARY KEY, keys TEXT NOT NULL, behaviour TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS uploads (
    n INTEGER PRIMARY KEY AUTOINCREMENT, account INTEGER NOT NULL, connection INTEGER NOT NULL,
    path TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'open', status TEXT NOT NULL DEFAULT '',
    bytes INTEGER NOT NULL DEFAULT 0, received INTEGER NOT NULL DEFAULT 0, sha256 TEXT NOT NULL DEFAULT '',
    rows INTEGER NOT NULL DEFAULT 0, ingested INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0,
    dropped INTEGER NOT NULL DEFAULT 0, unlisted INTEGER NOT NULL DEFAULT 0,
    report TEXT NOT NULL DEFAULT '', opened INTEGER NOT NULL, closed INTEGER, finished INTEGER,
    due INTEGER NOT NULL DEFAULT 0, released INTEGER NOT NULL DEFAULT 0,
    lossy INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS uploads_waiting ON uploads (account, closed)
    WHERE status IN ('waiting', 'processing');
CREATE TABLE IF NOT EXISTS sftp_dropped (
    account INTEGER NOT NULL, upload INTEGER NOT NULL, address TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS sftp_dropped_by_account ON sftp_dropped (account);
"""

# The file must outlive the process, not the machine: without the wait for the disk a write takes a
# fraction of the time, and SQLite still keeps it whole when the process is killed.
PRAGMAS = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -16384;
PRAGMA mmap_size = 2147483648;
PRAGMA temp_store = MEMORY;
PRAGMA journal_size_limit = 67108864;
"""


class Store:
    """One writer, and as many readers as there are requests at the same moment."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: queue.LifoQueue[sqlite3.Connection] = queue.LifoQueue()
        self._lock = threading.RLock()
        self._writer = self._connect()
        self._writer.executescript(SCHEMA)

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection that sees what was committed last."""
        try:
            connection = self._idle.get_nowait()
        except queue.Empty:
            connection = self._connect()
        try:
            yield connection
        finally:
            self._idle.put(connection)

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """Lend the only writing connection for one transaction, undone when the block raises."""
        with self._lock:
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
            except BaseException:
                self._writer.execute("ROLLBACK")
                raise
            self._writer.execute("COMMIT")

    def close(self) -> None:
        with self._lock:
            while not self._idle.empty():
                self._idle.get_nowait().close()
            self._writer.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=30, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        connection.executescript(PRAGMAS)
        return connection
