"""What became of every row: exactly one outcome each, and sums that must close."""

from pathlib import Path
from typing import Any

import duckdb

from audiences.errors import SumsDoNotClose
from audiences.workbench import copy, memory_for, view, workbench

OUTCOMES = ("added", "updated", "unchanged", "kept_out", "skipped", "unknown")
PARTS = ("adds", "updates", "removes", "kept_out", "skipped", "rejected", "unconfirmed")


def write(*, rows: int, candidates: Path, not_loaded: Path, changes: Path) -> dict[str, Any]:
    """Write `outcomes.parquet` into `changes` and return the counts.

    `changes` holds, over all rounds, adds, updates, removes, kept_out, skipped (each with key), rejected
    (key, code) and unconfirmed (key). `rows` is what the query gave. `not_loaded` and `rejected` count by
    reason. A person who left is kept out whatever else was tried; who was refused is
    rejected; who was sent and never seen is unknown.

    Raises SumsDoNotClose.
    """
    with workbench(changes, memory_limit_mb=memory_for(candidates)) as con:
        view(con, "candidates", candidates)
        view(con, "refused_rows", not_loaded)
        for name in PARTS:
            view(con, name, changes / f"{name}.parquet")
        copy(con, _OUTCOMES, changes / "outcomes.parquet")
        view(con, "outcomes", changes / "outcomes.parquet")
        _check(con, rows)
        return _counts(con)


_OUTCOMES = """
    select c.row_no, c.key,
           case when k.key is not null then 'kept_out'
                when r.key is not null then 'rejected'
                when u.key is not null then 'unknown'
                when s.key is not null then 'skipped'
                when a.key is not null then 'added'
                when d.key is not null then 'updated'
                else 'unchanged' end as outcome,
           case when k.key is null then r.code end as reason
    from candidates c
    left join kept_out k on k.key = c.key
    left join rejected r on r.key = c.key
    left join unconfirmed u on u.key = c.key
    left join skipped s on s.key = c.key
    left join adds a on a.key = c.key
    left join updates d on d.key = c.key
    union all
    select row_no, key, 'not_loaded', reason from refused_rows
"""


def _check(con: duckdb.DuckDBPyConnection, rows: int) -> None:
    found = con.execute("select count(*), count(distinct row_no) from outcomes").fetchone()
    if found != (rows, rows):
        told, different = found or (0, 0)
        raise SumsDoNotClose(
            f"The query gave {rows:,} rows; {different:,} of them have an outcome, {told:,} outcomes in all."
        )


def _counts(con: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    by_outcome = dict(con.execute("select outcome, count(*) from outcomes group by outcome").fetchall())
    reasons = "select reason, count(*) from outcomes where outcome = '{}' group by reason order by reason"
    removed = con.execute("select count(*) from removes").fetchone()
    counts: dict[str, Any] = {name: by_outcome.get(name, 0) for name in OUTCOMES}
    counts["not_loaded"] = dict(con.execute(reasons.format("not_loaded")).fetchall())
    counts["rejected"] = dict(con.execute(reasons.format("rejected")).fetchall())
    counts["removed"] = removed[0] if removed else 0
    return counts
