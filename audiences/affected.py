"""Narrowing a difference to the rows that an earlier run set aside for one reason; nobody else is touched."""

from dataclasses import replace
from pathlib import Path

from audiences.reconcile import Tally
from audiences.workbench import copy, memory_for, view, workbench


def narrow(tally: Tally, folder: Path, *, outcomes: Path, reason: str) -> Tally:
    """Leave in the files of a difference only the adds and updates of affected rows, and no removal.

    `outcomes` is what became of every row of the earlier run. A row is affected when its person was set aside
    there for `reason`. Where no person could be told, because the address itself was refused, the row at the
    same place counts, unless its person was loaded from another row.

    Whoever else would be added is skipped, whoever else would be updated is unchanged, and members whom the
    query does not name stay on the list. Returns what is left as a tally that closes.
    """
    with workbench(folder, memory_limit_mb=memory_for(outcomes, folder / "adds.parquet")) as con:
        view(con, "outcomes", outcomes)
        for name in ("adds", "updates", "removes", "skipped"):
            view(con, name, folder / f"{name}.parquet")
        con.execute(_AFFECTED, [reason])
        others = f"select row_no, key, profile_id, email from adds a where not {_IS_AFFECTED}"
        # In this order: each is read before it is replaced.
        kept = {
            "skipped": f"select * from skipped union all {others} order by key, profile_id",
            "adds": f"select * from adds a where {_IS_AFFECTED} order by key",
            "updates": f"select * from updates a where {_IS_AFFECTED} order by key",
        }
        counts = {name: copy(con, query, folder / f"{name}.parquet") for name, query in kept.items()}
        copy(con, "select * from removes where false", folder / "removes.parquet")
    return replace(
        tally,
        adds=counts["adds"],
        updates=counts["updates"],
        skipped=tally.skipped + tally.adds - counts["adds"],
        unchanged=tally.unchanged + tally.updates - counts["updates"],
        removes=0,
        surplus_left=tally.surplus_left + tally.removes,
    ).check()


# `places` are those of rows whose person nobody knows: their key was never made.
_AFFECTED = """
    create temp table mine as
    select key, row_no from outcomes where outcome in ('not_loaded', 'rejected') and reason = $1"""
_IS_AFFECTED = """
    (a.key in (select key from mine where key is not null)
     or (a.row_no in (select row_no from mine where key is null)
         and a.key not in (select key from outcomes where key is not null and outcome <> 'not_loaded')))"""
