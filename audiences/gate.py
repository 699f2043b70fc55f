"""The first look at a query: is it one read-only SELECT that uses nothing but data and known functions?

Early, kind words for a person who writes a query, and never the only wall: the child process is the real one.
"""

import logging
from collections.abc import Iterable

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from audiences.gate_functions import (
    ALLOWED_BY_NAME,
    REFUSED_THOUGH_KNOWN,
    TABLE_FUNCTIONS_BY_NAME,
)

# sqlglot logs whole statements when it falls back, and a statement may hold an address.
logging.getLogger("sqlglot").disabled = True

MAX_SQL_CHARS = 100_000
READS_ONLY = "Only a SELECT can be used here: a query may read, and nothing else."
SYSTEM_SCHEMAS = frozenset(
    (
        "information_schema",
        "pg_catalog",
        "pg_toast",
        "mysql",
        "performance_schema",
        "sys",
        "system",
        "snowflake",
        "account_usage",
    )
)
SYSTEM_PREFIXES = (
    "sqlite_",
    "duckdb_",
    "pragma_",
    "svv_",
    "stv_",
    "stl_",
    "svl_",
    "all_tables",
    "dba_",
    "v$",
)
FILE_ENDINGS = (
    *(".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson", ".parquet", ".arrow", ".feather", ".xlsx"),
    *(".avro", ".orc", ".gz", ".zst", ".db", ".duckdb", ".sqlite"),
)
_WRITES = (exp.DML, exp.DDL, exp.Into, exp.Lock, exp.Command)
_TABLES = (
    *(exp.Subquery, exp.GenerateSeries, exp.ExplodingGenerateSeries),
    *(exp.Unnest, exp.Explode, exp.Posexplode, exp.Flatten),
)
_PARAMETERS = (exp.Placeholder, exp.Parameter, exp.SessionParameter)


def objections(sql: str, dialect: str) -> list[str]:
    """Return every reason to refuse this statement, as plain sentences; an empty list lets it pass.

    `dialect` is a name of sqlglot's: `duckdb`, `sqlite`, `postgres`, `mysql`, …
    """
    early = _before_parsing(sql)
    if early:
        return [early]
    try:
        parsed = [each for each in sqlglot.parse(sql, dialect=dialect) if each is not None]
    except (SqlglotError, RecursionError, ValueError) as error:
        return [_unreadable(error)]
    statements = [each for each in parsed if not isinstance(each, exp.Semicolon)]
    if len(statements) != 1:
        return [f"A query is one statement; this is {len(statements)}."]
    if not isinstance(statements[0], exp.Query):
        return [READS_ONLY]
    return _without_repeats(_found_in(statements[0], dialect))


def _before_parsing(sql: str) -> str | None:
    if not sql.strip():
        return "The query is empty."
    if len(sql) > MAX_SQL_CHARS:
        return f"The query is longer than {MAX_SQL_CHARS:,} characters."
    if "\x00" in sql:
        return "The query holds a NUL character, which no database reads."
    if "/*!" in sql:
        return "Comments that start with /*! are run by MySQL as statements; remove them."
    return None


def _unreadable(error: Exception) -> str:
    places = getattr(error, "errors", None) or [{}]
    line, column = places[0].get("line"), places[0].get("col")
    if line and column:
        return f"The query could not be read: it stops making sense at line {line}, column {column}."
    return "The query could not be read as SQL of this source."


def _found_in(statement: exp.Query, dialect: str) -> Iterable[str]:
    own_names = {cte.alias_or_name.lower() for cte in statement.find_all(exp.CTE)}
    for node in statement.walk():
        if isinstance(node, _WRITES):
            yield READS_ONLY
        elif isinstance(node, _PARAMETERS):
            yield "A query has no parameters: write the values into it."
        elif isinstance(node, exp.Table):
            yield from _table_objections(node, dialect, own_names)
        elif isinstance(node, exp.Lateral):
            yield from _table_function_objections(node.this)
        elif isinstance(node, exp.Func):
            yield from _function_objections(node, dialect)


def _table_objections(table: exp.Table, dialect: str, own_names: set[str]) -> Iterable[str]:
    if table.args.get("rows_from") or not isinstance(table.this, exp.Identifier):
        yield from _table_function_objections(table.this)
        return
    name = table.name.lower()
    schemas = {part.name.lower() for part in table.parts[:-1]}
    if schemas & SYSTEM_SCHEMAS or (_is_system_name(name, dialect) and name not in own_names):
        yield f'"{_short(table.name)}" belongs to the database itself; a query reads only your own tables.'
    if _is_path(table):
        yield "A query reads tables by name, never a file, folder, stage or address."


def _is_system_name(name: str, dialect: str) -> bool:
    if dialect in ("postgres", "redshift") and name.startswith("pg_"):
        return True
    return name.startswith(SYSTEM_PREFIXES)


def _is_path(table: exp.Table) -> bool:
    quoted = ".".join(part.name for part in table.parts).lower()
    return quoted.endswith(FILE_ENDINGS) or any(sign in quoted for sign in ("/", "\\", "*", "?", "@"))


def _table_function_objections(function: object) -> Iterable[str]:
    if isinstance(function, _TABLES):
        return
    name = _function_name(function) if isinstance(function, exp.Func) else ""
    if name in TABLE_FUNCTIONS_BY_NAME:
        return
    if name:
        yield f"{name}() cannot be used as a table."
    else:
        yield "A query reads tables by name, never a file, folder, stage or address."


def _function_objections(function: exp.Func, dialect: str) -> Iterable[str]:
    name = _function_name(function)
    if isinstance(function, exp.Anonymous | exp.AnonymousAggFunc):
        known = ALLOWED_BY_NAME["all"] | ALLOWED_BY_NAME.get(dialect, frozenset()) | TABLE_FUNCTIONS_BY_NAME
        if name not in known:
            yield f"{name}() is not on the list of functions a query may use."
    elif type(function).__name__ in REFUSED_THOUGH_KNOWN:
        yield f"{name}() is not on the list of functions a query may use."


def _function_name(function: exp.Func) -> str:
    if isinstance(function, exp.Anonymous | exp.AnonymousAggFunc):
        return _short(str(function.name or function.this)).lower()
    return _short(function.sql_name()).lower()


def _short(name: str) -> str:
    return name if len(name) <= 60 else f"{name[:57]}…"


def _without_repeats(sentences: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(sentences))
