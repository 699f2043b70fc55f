"""Rows from PostgreSQL: one read-only snapshot, one named cursor, on a role that could do no harm anyway."""

import contextlib
import threading
from typing import Any

import psycopg
from psycopg import adapt

from audiences.child import messages
from audiences.child.wire import Wire
from audiences.errors import SourceCode, SourceError

CONNECT_SECONDS = 10
LOCK_MILLISECONDS = 5_000
_LABELS = {
    **dict.fromkeys(("int2", "int4", "int8", "oid"), "integer"),
    **dict.fromkeys(("float4", "float8"), "number"),
    **dict.fromkeys(("timestamp", "timestamptz"), "datetime"),
    **dict.fromkeys(("json", "jsonb"), "json"),
    **dict.fromkeys(("time", "timetz"), "time"),
    "bool": "boolean",
    "numeric": "decimal",
    "date": "date",
}
_READ_AS_PYTHON = ("int2", "int4", "int8", "oid", "float4", "float8", "bool", "bytea")
_SHARP_ROLES = (
    "pg_read_server_files",
    "pg_write_server_files",
    "pg_execute_server_program",
    "pg_write_all_data",
    "pg_maintain",
    "pg_signal_backend",
)
_SHARP = """
    SELECT array_remove(ARRAY[
        CASE WHEN rolsuper THEN 'it is a superuser' END,
        CASE WHEN rolreplication THEN 'it may replicate' END,
        CASE WHEN rolbypassrls THEN 'it bypasses row security' END,
        CASE WHEN rolcreaterole THEN 'it may make roles' END,
        CASE WHEN rolcreatedb THEN 'it may make databases' END,
        (SELECT 'it belongs to ' || min(rolname) FROM pg_roles
          WHERE rolname = ANY(%s) AND pg_has_role(current_user, oid, 'MEMBER'))
    ], NULL) FROM pg_roles WHERE rolname = current_user"""
_TABLES = "c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname !~ '^(pg_|information_schema)'"
_OWNS = (
    """
    SELECT count(*) FILTER (WHERE pg_has_role(current_user, c.relowner, 'USAGE')),
           count(*) FILTER (WHERE has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, TRIGGER'))
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE """
    + _TABLES
)
_COLUMNS = (
    """
    SELECT CASE WHEN n.nspname = 'public' THEN c.relname ELSE n.nspname || '.' || c.relname END,
           array_agg(ARRAY[a.attname::text, format_type(a.atttypid, a.atttypmod)] ORDER BY a.attnum)
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     WHERE """
    + _TABLES
    + " AND has_table_privilege(c.oid, 'SELECT') AND has_schema_privilege(n.oid, 'USAGE')"
    + " GROUP BY 1 ORDER BY 1"
)


class _AsText(adapt.Loader):
    """Hand over what the server wrote: no calendar of ours has to hold it."""

    def load(self, data: Any) -> str:
        return bytes(data).decode("utf-8", "replace")


def read(job: dict[str, Any], wire: Wire) -> None:
    """Run the job's one SELECT in a read-only snapshot and send its rows."""
    with _plain_errors(), contextlib.closing(_connect(job)) as con, _stopped_in_time(con, job["seconds"]):
        _refuse_sharp(con)
        _read_as_text(con)
        with con.cursor(name="rollcall") as cursor:
            # A named cursor is declared for one statement that returns rows; anything else is refused.
            cursor.itersize = wire.batch_rows
            cursor.execute(job["sql"].strip().rstrip(";").encode())
            description = cursor.description or []
            schema = wire.begin([(column.name, _label(con, column.type_code)) for column in description])
            while (rows := cursor.fetchmany(wire.batch_rows)) and wire.send_rows(schema, rows):
                pass


def facts(job: dict[str, Any]) -> dict[str, Any]:
    """Return the version and the readable tables; raise SourceError for a role that could change anything."""
    with _plain_errors(), contextlib.closing(_connect(job)) as con:
        _refuse_sharp(con)
        owned, writable = con.execute(_OWNS).fetchone() or (0, 0)
        if owned or writable:
            raise _too_sharp("it owns tables" if owned else "it may write to tables")
        tables = {name: [list(column) for column in columns] for name, columns in con.execute(_COLUMNS)}
        version = con.execute("SHOW server_version").fetchone()
    warnings = [] if tables else ["This role can read no table: grant it SELECT on what the queries need."]
    return {"version": f"PostgreSQL {version[0] if version else ''}", "tables": tables, "warnings": warnings}


def _connect(job: dict[str, Any]) -> psycopg.Connection:
    milliseconds = int(job["seconds"] * 1000)
    options = {
        "default_transaction_read_only": "on",
        "statement_timeout": milliseconds,
        "lock_timeout": LOCK_MILLISECONDS,
        "idle_in_transaction_session_timeout": milliseconds,
        "DateStyle": "ISO",
        "TimeZone": "UTC",
        "IntervalStyle": "iso_8601",
    }
    given = {name: value for name, value in job["connection"].items() if value not in (None, "")}
    con = psycopg.connect(
        **given,
        connect_timeout=CONNECT_SECONDS,
        application_name="rollcall",
        client_encoding="utf8",
        options=" ".join(f"-c {name}={value}" for name, value in options.items()),
    )
    con.read_only = True
    con.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    return con


def _refuse_sharp(con: psycopg.Connection) -> None:
    row = con.execute(_SHARP, (list(_SHARP_ROLES),)).fetchone()
    if row and row[0]:
        raise _too_sharp(row[0][0])


def _too_sharp(why: str) -> SourceError:
    return SourceError(
        SourceCode.REFUSED,
        f"This PostgreSQL role can do more than read ({why}). "
        "Give Rollcall a role of its own with SELECT on the tables or views it needs.",
    )


def _read_as_text(con: psycopg.Connection) -> None:
    for info in con.adapters.types:
        if info.name not in _READ_AS_PYTHON:
            con.adapters.register_loader(info.oid, _AsText)


def _label(con: psycopg.Connection, oid: int) -> str:
    info = con.adapters.types.get(oid)
    if info is None or (info.array_oid == oid and info.oid != oid):
        return "text"
    return _LABELS.get(info.name, "text")


@contextlib.contextmanager
def _stopped_in_time(con: psycopg.Connection, seconds: float) -> Any:
    # A query can lift its own statement_timeout; it cannot stop this.
    watch = threading.Timer(seconds, con.cancel)
    watch.daemon = True
    watch.start()
    try:
        yield
    finally:
        watch.cancel()


@contextlib.contextmanager
def _plain_errors() -> Any:
    try:
        yield
    except psycopg.Error as error:
        raise _source_error(error) from None


def _source_error(error: psycopg.Error) -> SourceError:
    state = error.sqlstate or ""
    if state == "57014":
        return SourceError(SourceCode.TIMEOUT, "The query took longer than it may.")
    if state in ("42501", "25006"):
        return SourceError(SourceCode.REFUSED, "PostgreSQL: this role may not do what the query asks.")
    if state.startswith("42"):
        said = messages.first_line(error.diag.message_primary or "the query could not be read")
        return SourceError(SourceCode.FAILED, f"PostgreSQL: {said}.")
    if not state or state.startswith(("08", "28", "3D", "53", "57P")):
        why = f" (SQLSTATE {state})" if state else ""
        return SourceError(
            SourceCode.UNAVAILABLE,
            "PostgreSQL could not be reached or did not let us in"
            f"{why}: check host, port, database, user and password.",
        )
    return SourceError(SourceCode.FAILED, f"PostgreSQL could not finish the query (SQLSTATE {state}).")
