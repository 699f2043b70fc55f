"""Rows from files and DuckDB databases.

Files are copied into a database in the job's own folder before the query runs, and only those it names: a
view over the files would need DuckDB's access to them, and what DuckDB may read there it may also write. Then
everything is attached read-only and the door is locked. Copying costs about as much as reading a file twice.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from audiences.child import messages
from audiences.child.wire import Wire, label_of_type, wire_column
from audiences.errors import SourceCode, SourceError

# The part of the process's memory that DuckDB may plan with; the rest is for what it does not count.
DUCKDB_SHARE = 0.6
_READERS = {
    ".parquet": "read_parquet({path}, union_by_name=true)",
    ".json": "read_json({path}, union_by_name=true)",
    ".jsonl": "read_json({path}, union_by_name=true)",
    ".ndjson": "read_json({path}, union_by_name=true)",
}
_LOCK = (
    "SET autoinstall_known_extensions=false",
    "SET autoload_known_extensions=false",
    "SET allow_community_extensions=false",
    "SET allow_persistent_secrets=false",
    "SET python_enable_replacements=false",
    "SET enable_external_access=false",
    "SET lock_configuration=true",
)
_ABOUT_THE_QUERY = (
    duckdb.CatalogException,
    duckdb.BinderException,
    duckdb.ParserException,
    duckdb.SyntaxException,
)


def read(job: dict[str, Any], wire: Wire) -> None:
    """Run the job's one SELECT and send its rows."""
    con = connect(job)
    try:
        statement = _only_select(con, job["sql"])
        open_and_lock(con, job, con.get_table_names(job["sql"]))
        _stream(con, statement, wire)
    except duckdb.Error as error:
        raise _source_error(error, job) from None
    finally:
        con.close()


def facts(job: dict[str, Any]) -> dict[str, Any]:
    """Return the version, and the tables with their columns, having opened each once."""
    con = connect(job)
    try:
        if job["kind"] == "files":
            tables = {name: _described(con, f"SELECT * FROM {_reader(job, name)}") for name in job["files"]}
        else:
            _attach(con, job, set())
            named = con.execute(
                "SELECT table_name FROM information_schema.tables WHERE table_catalog = 'source' ORDER BY 1"
            ).fetchall()
            tables = {name: _described(con, f"FROM {_quoted(name)}") for (name,) in named}
    except duckdb.Error as error:
        raise _source_error(error, job) from None
    finally:
        con.close()
    return {"version": f"DuckDB {duckdb.__version__}", "tables": tables, "warnings": []}


def open_and_lock(con: duckdb.DuckDBPyConnection, job: dict[str, Any], names: Iterable[str]) -> None:
    """Attach the source, copying the named tables of files, and shut every way out of it for good."""
    plain = {name.split(".")[-1].strip('"').lower() for name in names}
    _attach(con, job, plain)
    for setting in _LOCK:
        con.execute(setting)


def connect(job: dict[str, Any]) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect(
        ":memory:",
        config={
            "memory_limit": f"{int(job['memory_mb'] * DUCKDB_SHARE)}MB",
            "threads": job["threads"],
            "temp_directory": str(Path(job["folder"]) / "spill"),
            "max_temp_directory_size": f"{job['spill_mb']}MB",
            "preserve_insertion_order": False,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        },
    )
    con.execute("SET enable_progress_bar=false")
    con.execute("SET TimeZone='UTC'")
    return con


def _only_select(con: duckdb.DuckDBPyConnection, sql: str) -> Any:
    """Return the statement as DuckDB itself reads it: no other parser's opinion counts here."""
    statements = con.extract_statements(sql)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise SourceError(SourceCode.REFUSED, "A query is one SELECT statement, and nothing else.")
    return statements[0]


def _attach(con: duckdb.DuckDBPyConnection, job: dict[str, Any], names: set[str]) -> None:
    path = job["paths"][0] if job["kind"] == "duckdb" else _copied(con, job, names)
    con.execute(f"ATTACH {_literal(path)} AS source (READ_ONLY)")
    con.execute("USE source")


def _copied(con: duckdb.DuckDBPyConnection, job: dict[str, Any], names: set[str]) -> str:
    path = str(Path(job["folder"]) / "tables.duckdb")
    con.execute(f"ATTACH {_literal(path)} AS copying")
    for name in job["files"]:
        if name.lower() in names:
            con.execute(f"CREATE TABLE copying.{_quoted(name)} AS SELECT * FROM {_reader(job, name, con)}")
    con.execute("CHECKPOINT copying")
    con.execute("DETACH copying")
    return path


def _reader(job: dict[str, Any], name: str, con: duckdb.DuckDBPyConnection | None = None) -> str:
    path = job["files"][name]
    ending = next((end for end in Path(path).suffixes[::-1] if end not in (".gz", ".zst")), "")
    if ending in _READERS:
        return _READERS[ending].format(path=_literal(path))
    columns = _text_columns(con, path) if con is not None else []
    types = ", ".join(f"{_literal(column)}: 'VARCHAR'" for column in columns)
    given = f", types={{{types}}}" if types else ""
    return f"read_csv({_literal(path)}, union_by_name=true, sample_size=-1{given})"


def _text_columns(con: duckdb.DuckDBPyConnection, path: str) -> list[str]:
    """Name the columns of a CSV file that look like numbers and are not: 02134 would lose its zero."""
    sniffed = con.execute(
        f"DESCRIBE SELECT * FROM read_csv({_literal(path)}, union_by_name=true, sample_size=-1)"
    ).fetchall()
    numeric = [column for column, kind, *_ in sniffed if kind in ("BIGINT", "DOUBLE", "HUGEINT")]
    if not numeric:
        return []
    tests = ", ".join(
        f"bool_or(regexp_matches({_quoted(column)}, '^\\s*(\\+|[+-]?0[0-9])'))" for column in numeric
    )
    as_text = f"read_csv({_literal(path)}, union_by_name=true, all_varchar=true)"
    [found] = con.execute(f"SELECT {tests} FROM {as_text}").fetchall()
    return [column for column, is_text in zip(numeric, found, strict=True) if is_text]


def _described(con: duckdb.DuckDBPyConnection, sql: str) -> list[list[str]]:
    return [[name, kind] for name, kind, *_ in con.execute(f"DESCRIBE {sql}").fetchall()]


def _stream(con: duckdb.DuckDBPyConnection, statement: Any, wire: Wire) -> None:
    reader = con.sql(statement).to_arrow_reader(wire.batch_rows)
    schema = wire.begin([(field.name, label_of_type(field.type)) for field in reader.schema])
    for batch in reader:
        columns = [
            wire_column(column, field.type) for column, field in zip(batch.columns, schema, strict=True)
        ]
        if not wire.send(pa.RecordBatch.from_arrays(columns, schema=schema)):
            return


def _source_error(error: duckdb.Error, job: dict[str, Any]) -> SourceError:
    kind = type(error).__name__.removesuffix("Exception")
    if isinstance(error, _ABOUT_THE_QUERY):
        return SourceError(SourceCode.FAILED, f"DuckDB: {messages.first_line(str(error))}")
    if isinstance(error, duckdb.PermissionException):
        return SourceError(SourceCode.REFUSED, "A query reads the tables of its source, and nothing else.")
    if isinstance(error, duckdb.OutOfMemoryException):
        limit = f"{job['memory_mb']} MB of memory"
        return SourceError(SourceCode.FAILED, f"The query needs more than the {limit} it is given.")
    if isinstance(error, duckdb.IOException):
        return SourceError(
            SourceCode.UNAVAILABLE, "The source could not be opened: is the file there, whole and not in use?"
        )
    return SourceError(SourceCode.FAILED, f"DuckDB could not finish the query ({kind} error).")


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
