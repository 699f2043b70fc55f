"""The stated rule for rows that speak of the same person.

`most_complete` keeps the row with the most filled fields, and among those the smallest row hash, so that
every run chooses the same; `first` and `last` keep that row in the order of the query; `refuse` keeps none.
A row put aside is a `duplicate` when it equals the row that stands for its person in every field that is
sent, or when somebody has said that the order decides, and a `duplicate_conflict` otherwise.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa

from audiences.candidates import NOT_LOADED
from audiences.workbench import copy_to, parquet, quoted

_NOMINATE = """
    CREATE TEMP TABLE nominated AS
    SELECT hash(key) AS hashed FROM {rows} GROUP BY hashed HAVING count(*) > 1"""
_RANK = """
    CREATE TEMP TABLE ranked AS
    SELECT row_no, key, email, row_hash,
           row_number() OVER best AS place, first_value(row_hash) OVER best AS best_hash,
           count(*) OVER (PARTITION BY key) AS twins
      FROM (SELECT row_no, key, email, row_hash, {filled} AS filled FROM {rows}
             WHERE hash(key) IN (SELECT hashed FROM nominated))
    WINDOW best AS (PARTITION BY key ORDER BY {order})"""
_COMPLETE_FIRST = "filled DESC, row_hash, row_no"
_ORDER = {
    "most_complete": _COMPLETE_FIRST,
    "first": "row_no",
    "last": "row_no DESC",
    "refuse": _COMPLETE_FIRST,
}
_BY_ORDER = frozenset({"first", "last"})


def put_aside(
    con: duckdb.DuckDBPyConnection, rows: Path, *, email_column: str, targets: Sequence[str], rule: str
) -> int:
    """Decide which of the rows to put aside; return how many, and leave them in the table `aside`."""
    # A narrow pass over hashes first: most queries have no duplicate, and none should pay for a wide one.
    con.execute(_NOMINATE.format(rows=parquet(rows)))
    filled = " + ".join(f"({quoted(target)} IS NOT NULL)::INTEGER" for target in targets) or "0"
    con.execute(_RANK.format(rows=parquet(rows), filled=filled, order=_ORDER[rule]))
    same = "true" if rule in _BY_ORDER else "row_hash = best_hash"
    aside = "twins > 1" if rule == "refuse" else "place > 1"
    con.execute(
        f"""CREATE TEMP TABLE aside AS SELECT row_no,
            CASE WHEN {same} THEN 'duplicate' ELSE 'duplicate_conflict' END AS reason,
            $1 AS column_name, key, email, NULL::VARCHAR AS value FROM ranked WHERE {aside}""",
        [email_column],
    )
    [(found,)] = con.execute("SELECT count(*) FROM aside").fetchall()
    return int(found)


def refused(con: duckdb.DuckDBPyConnection) -> Iterator[pa.RecordBatch]:
    """Yield the rows put aside, in the shape of the not loaded."""
    reader = con.sql("SELECT row_no, reason, column_name, key, email, value FROM aside ORDER BY row_no")
    for batch in reader.to_arrow_reader(50_000):
        yield batch.cast(NOT_LOADED)


def write_rest(con: duckdb.DuckDBPyConnection, rows: Path, into: Path) -> None:
    """Write the rows that were not put aside."""
    con.execute(
        f"COPY (SELECT * FROM {parquet(rows)} WHERE row_no NOT IN (SELECT row_no FROM aside)) {copy_to(into)}"
    )
