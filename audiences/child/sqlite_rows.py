"""Rows from a SQLite file, opened read-only, with an authorizer that lets a SELECT read and nothing more."""

import contextlib
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from audiences.child import messages
from audiences.child.wire import Wire, label_of_values
from audiences.errors import SourceCode, SourceError

MAX_VALUE_BYTES = 16 << 20
STEPS_BETWEEN_LOOKS = 100_000
_FUNCTIONS = frozenset(
    """
    abs avg ceil ceiling char changes coalesce concat concat_ws count cume_dist date datetime
    degrees dense_rank exp first_value floor format glob group_concat hex ifnull iif instr json
    json_array json_array_length json_each json_extract json_group_array json_group_object
    json_insert json_object json_patch json_quote json_remove json_replace json_set json_tree
    json_type json_valid julianday lag last_value lead length like likelihood likely ln log log10
    log2 lower ltrim max median min mod nth_value ntile nullif octet_length percent_rank percentile
    pi pow power printf quote radians random rank replace round row_number rtrim sign soundex sqrt
    strftime string_agg substr substring subtype sum time timediff total trim trunc typeof unhex
    unicode unixepoch unlikely upper regexp -> ->> sin cos tan asin acos atan atan2
    """.split()  # noqa: SIM905 - a list of words reads better so
)
_SYSTEM_TABLES = ("sqlite_master", "sqlite_schema", "sqlite_temp_master", "sqlite_temp_schema")
_SQLITE_RECURSIVE = 33


def read(job: dict[str, Any], wire: Wire) -> None:
    """Run the job's one SELECT and send its rows."""
    with contextlib.closing(_connect(job)) as con, _plain_errors():
        con.set_authorizer(_authorize)
        con.set_progress_handler(_past(time.monotonic() + job["seconds"]), STEPS_BETWEEN_LOOKS)
        cursor = con.execute(job["sql"])
        if cursor.description is None:
            raise SourceError(SourceCode.REFUSED, "A query is one SELECT statement, and nothing else.")
        rows = cursor.fetchmany(wire.batch_rows)
        columns = list(zip(*rows, strict=True)) or [()] * len(cursor.description)
        labels = [label_of_values(values) for values in columns]
        schema = wire.begin(
            # SQLite types values, not columns: all is text on the way, and the label says what it looks like.
            [
                (column[0], _wire_label(label))
                for column, label in zip(cursor.description, labels, strict=True)
            ]
        )
        while rows and wire.send_rows(schema, rows):
            rows = cursor.fetchmany(wire.batch_rows)


def facts(job: dict[str, Any]) -> dict[str, Any]:
    """Return the version, and the tables and views with their columns."""
    with contextlib.closing(_connect(job)) as con, _plain_errors():
        named = con.execute(
            "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') "
            "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY 1"
        ).fetchall()
        tables = {
            name: [list(row) for row in con.execute("SELECT name, type FROM pragma_table_info(?)", (name,))]
            for (name,) in named
        }
    return {"version": f"SQLite {sqlite3.sqlite_version}", "tables": tables, "warnings": []}


def _wire_label(label: str) -> str:
    return {"integer": "decimal", "number": "decimal", "boolean": "text"}.get(label, label)


def _connect(job: dict[str, Any]) -> sqlite3.Connection:
    path = Path(job["paths"][0])
    try:
        return _opened(path, "mode=ro")
    except sqlite3.Error:
        # A database in WAL mode cannot be opened read-only in a folder that must not be written to. When no
        # log lies beside it, nobody is writing, and it can be read as it stands.
        if path.exists() and not path.with_name(f"{path.name}-wal").exists():
            with contextlib.suppress(sqlite3.Error):
                return _opened(path, "immutable=1")
    raise SourceError(
        SourceCode.UNAVAILABLE, "The SQLite file could not be opened: is it there, whole and not in use?"
    )


def _opened(path: Path, how: str) -> sqlite3.Connection:
    con = sqlite3.connect(f"file:{quote(str(path))}?{how}", uri=True, timeout=5, isolation_level=None)
    try:
        con.text_factory = lambda data: data.decode("utf-8", "replace")
        con.execute("PRAGMA query_only=ON")
        con.execute("PRAGMA trusted_schema=OFF")
        con.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        con.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES)
        con.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except sqlite3.Error:
        con.close()
        raise
    return con


def _authorize(
    action: int, first: str | None, second: str | None, database: str | None, inner: str | None
) -> int:
    if action in (sqlite3.SQLITE_SELECT, _SQLITE_RECURSIVE):
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_READ and (first or "").lower() not in _SYSTEM_TABLES:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_FUNCTION and (second or "").lower() in _FUNCTIONS:
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY


def _past(deadline: float) -> Callable[[], int]:
    return lambda: int(time.monotonic() > deadline)


@contextlib.contextmanager
def _plain_errors() -> Any:
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise _source_error(error) from None
    except sqlite3.Warning:
        raise SourceError(SourceCode.REFUSED, "A query is one SELECT statement, and nothing else.") from None


def _source_error(error: sqlite3.DatabaseError) -> SourceError:
    text = str(error)
    if "not authorized" in text or "prohibited" in text or "one statement at a time" in text:
        return SourceError(SourceCode.REFUSED, "A query is one SELECT over the tables of its source.")
    if text == "interrupted":
        return SourceError(SourceCode.TIMEOUT, "The query took longer than it may.")
    if text.startswith(("no such", "near ", "ambiguous", "wrong number", "misuse", "incomplete")):
        return SourceError(SourceCode.FAILED, f"SQLite: {messages.first_line(text)}.")
    return SourceError(SourceCode.FAILED, f"SQLite could not finish the query ({type(error).__name__}).")
