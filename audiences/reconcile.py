"""The difference between who should be on a list and who is: one join, each person in one part."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import duckdb

from audiences.workbench import copy, memory_for, view, workbench

Mode = Literal["mirror", "add_only", "remove_only"]


@dataclass(frozen=True)
class Tally:
    """How many people each part holds. `surplus_left` are members whom the mode leaves on the list."""

    candidates: int
    members: int
    adds: int
    removes: int
    updates: int
    unchanged: int
    kept_out: int
    skipped: int
    surplus_left: int

    def check(self) -> "Tally":
        """Return itself. Raises ValueError when a candidate or a member is in no part, or in two."""
        wanted = self.adds + self.updates + self.unchanged + self.kept_out + self.skipped
        listed = self.updates + self.unchanged + self.removes + self.surplus_left
        if wanted != self.candidates or listed != self.members:
            raise ValueError(
                f"the difference does not add up: {wanted} of {self.candidates} candidates, "
                f"{listed} of {self.members} members"
            )
        return self


def reconcile(
    *,
    candidates: Path,
    members: Path,
    ledger: Path | None,
    into: Path,
    mode: Mode,
    full_profile: bool,
    memory_limit_mb: int | None = None,
) -> Tally:
    """Write adds, updates, removes, kept_out and skipped as Parquet files into `into`, ordered by key.

    `adds` and `updates` have every column of the candidates and `profile_id` (null in adds unless the
    ledger remembers it); `removes` and `kept_out` have key, profile_id and email. A person the ledger knows
    as on the list who is no longer among the members has left by themselves: kept out, never put back.

    Raises ValueError when the parts do not add up.
    """
    with workbench(into, memory_limit_mb=memory_limit_mb or memory_for(candidates, members)) as con:
        _open(con, candidates, members, ledger)
        _join(con, full_profile=full_profile)
        if _met_twins(con):
            con.execute(_WITHOUT_TWINS)
            _join(con, full_profile=full_profile)
        _decide(con, mode)
        tally = _tally(con)
        _write(con, into)
    return tally.check()


def _open(con: duckdb.DuckDBPyConnection, candidates: Path, members: Path, ledger: Path | None) -> None:
    view(con, "candidates", candidates)
    view(con, "listed", members)
    view(con, "members", members)
    if ledger is not None:
        view(con, "ledger", ledger)
        return
    con.execute(
        "create view ledger as select null::varchar as key, null::varchar as profile_id,"
        " null::varchar as row_hash, null::varchar as state where false"
    )


def _join(con: duckdb.DuckDBPyConnection, *, full_profile: bool) -> None:
    """Keep one narrow row for each person who is not simply unchanged."""
    hashes = "l.row_hash is distinct from c.row_hash" if full_profile else "false"
    with_ledger = "left join ledger l on l.key = c.key" if full_profile else ""
    con.execute(
        f"""
        create or replace temp table differing as
        select c.row_no, coalesce(c.key, m.key) as key, m.profile_id, m.email,
               c.key is not null as wanted, m.profile_id is not null as listed
        from candidates c full join members m on c.key = m.key {with_ledger}
        where c.key is null or m.profile_id is null or {hashes}
        """
    )


def _met_twins(con: duckdb.DuckDBPyConnection) -> bool:
    """Whether a candidate met two profiles: the sums tell, and a search beforehand costs a fifth more."""
    wanted, listed = (_one(con, f"select count(*) from {name}") for name in ("candidates", "listed"))
    alone = _one(con, "select count(*) from differing where not listed")
    surplus = _one(con, "select count(*) from differing where not wanted")
    return wanted - alone != listed - surplus


# A second profile with the same key is the same person: it is left on the list, never joined twice.
_WITHOUT_TWINS = """
    create or replace view members as select * from listed
    qualify key is null or row_number() over (partition by key order by joined_at, profile_id) = 1"""


def _decide(con: duckdb.DuckDBPyConnection, mode: Mode) -> None:
    missing = {"mirror": "add", "add_only": "add", "remove_only": "skip"}[mode]
    surplus = {"mirror": "remove", "add_only": "leave", "remove_only": "remove"}[mode]
    changed = "unchanged" if mode == "remove_only" else "update"
    con.execute(
        f"""
        create temp table part as
        select d.*, l.profile_id as remembered,
               case when wanted and listed then '{changed}'
                    when listed then '{surplus}'
                    when '{missing}' = 'add' and l.state in ('on', 'left') then 'keep_out'
                    else '{missing}' end as outcome
        from differing d left join ledger l on d.wanted and not d.listed and l.key = d.key
        """
    )


def _tally(con: duckdb.DuckDBPyConnection) -> Tally:
    found = dict(con.execute("select outcome, count(*) from part group by outcome").fetchall())
    candidates = _one(con, "select count(*) from candidates")
    members = _one(con, "select count(*) from listed")
    twins = members - _one(con, "select count(*) from members")
    adds, kept_out, skipped = (found.get(name, 0) for name in ("add", "keep_out", "skip"))
    updates, removes, left = (found.get(name, 0) for name in ("update", "remove", "leave"))
    return Tally(
        candidates=candidates,
        members=members,
        adds=adds,
        removes=removes,
        updates=updates,
        unchanged=candidates - adds - kept_out - skipped - updates,
        kept_out=kept_out,
        skipped=skipped,
        surplus_left=left + twins,
    )


def _one(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = con.execute(sql).fetchone()
    return int(row[0]) if row else 0


def _write(con: duckdb.DuckDBPyConnection, into: Path) -> None:
    rows = "from candidates c join part p on p.row_no = c.row_no"
    copy(
        con,
        f"select c.*, p.remembered as profile_id {rows} where p.outcome = 'add' order by c.key",
        into / "adds.parquet",
    )
    copy(
        con,
        f"select c.*, p.profile_id {rows} where p.outcome = 'update' order by c.key",
        into / "updates.parquet",
    )
    parts = {"removes": "remove", "kept_out": "keep_out", "skipped": "skip"}
    for name, outcome in parts.items():
        people = "select row_no, key, coalesce(profile_id, remembered) as profile_id, email from part"
        copy(con, f"{people} where outcome = '{outcome}' order by key, profile_id", into / f"{name}.parquet")
