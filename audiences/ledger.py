"""The ledger: who is on a list as receipts and readings say, by keyed hash and id, without an address.

A row's state is `on` (read on the list), `off` (we took them off; their id is remembered) or `left` (they
left by themselves, and are kept out until they come back by themselves). `row_hash` is of the fields last
confirmed as sent, null when nobody knows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from audiences.workbench import copy, memory_for, parquet, view, workbench

MEMBER = "key varchar, profile_id varchar, email varchar, joined_at varchar"
ROW = "key varchar, profile_id varchar, row_hash varchar, joined_at varchar, state varchar"


def no_members(into: Path) -> None:
    """Write the members of a list that does not exist yet."""
    with workbench(into.parent) as con:
        con.execute(f"create temp table nobody ({MEMBER})")
        copy(con, "select * from nobody", into)


@dataclass(frozen=True)
class Receipt:
    """What was acknowledged of people since the ledger was written: a file of key and profile_id.

    `state` is `on` or `off`. Of several receipts for one person the last one given counts.
    """

    path: Path
    state: str


def note(*, previous: Path | None, receipts: Sequence[Receipt], members: Path, into: Path) -> int:
    """Write the ledger after a reading of the list, and return its rows.

    Whoever was on the list, is gone, and was not taken off by us, left by themselves.
    """
    with workbench(into.parent, memory_limit_mb=memory_for(members)) as con:
        _open_known(con, previous, receipts)
        _open_members(con, members)
        return copy(con, f"{_ON} union all {_KEYLESS} union all {_GONE}", into)


def fold(
    *,
    previous: Path | None,
    candidates: Path,
    members: Path,
    changes: Path,
    into: Path,
    full_profile: bool,
) -> int:
    """Write the ledger at the end of a run, and return its rows: a reading, and what was confirmed as sent.

    `changes` is a folder with the keys of all rounds: adds.parquet, updates.parquet, removes.parquet,
    rejected.parquet and unconfirmed.parquet. Of a row that was refused, or of which nobody knows, the
    profile's fields are unknown.
    """
    with workbench(into.parent, memory_limit_mb=memory_for(candidates, members)) as con:
        _open_known(con, previous, [Receipt(changes / "removes.parquet", "off")])
        _open_members(con, members)
        view(con, "candidates", candidates)
        for name in ("adds", "updates", "rejected", "unconfirmed"):
            view(con, name, changes / f"{name}.parquet")
        con.execute("create view sent as select key from adds union select key from updates")
        con.execute("create view doubted as select key from rejected union select key from unconfirmed")
        on = _ON_AS_SENT if full_profile else _ON
        return copy(con, f"{on} union all {_KEYLESS} union all {_GONE}", into)


def _open_known(con: duckdb.DuckDBPyConnection, previous: Path | None, receipts: Sequence[Receipt]) -> None:
    """Lay the receipts over the ledger: `known` is what was true before the reading."""
    if previous is None:
        con.execute(f"create temp table previous ({ROW})")
    else:
        view(con, "previous", previous)
    con.execute(
        "create temp table acknowledged (seq integer, key varchar, profile_id varchar, state varchar)"
    )
    for seq, receipt in enumerate(receipts):
        con.execute(
            f"insert into acknowledged select {seq}, key, profile_id, ? from {parquet(receipt.path)}"
            " where key is not null",
            [receipt.state],
        )
    con.execute(
        """
        create view known as
        with last as (
            select key, arg_max(profile_id, seq) as profile_id, arg_max(state, seq) as state
            from acknowledged group by key
        )
        select coalesce(p.key, a.key) as key, coalesce(a.profile_id, p.profile_id) as profile_id,
               p.row_hash, p.joined_at, coalesce(a.state, p.state) as state
        from (select * from previous where key is not null) p full join last a on a.key = p.key
        """
    )


def _open_members(con: duckdb.DuckDBPyConnection, members: Path) -> None:
    view(con, "read", members)
    # Of twins, two profiles with one address, the first to join counts.
    con.execute(
        "create view members as select key, min_by(profile_id, joined_at) as profile_id,"
        " min(joined_at) as joined_at from read where key is not null group by key"
    )


_ON = """
    select m.key, m.profile_id, p.row_hash, m.joined_at, 'on' as state
    from members m left join known p on p.key = m.key"""

_ON_AS_SENT = """
    select m.key, m.profile_id,
           case when d.key is not null then null when s.key is not null then c.row_hash
                else p.row_hash end as row_hash,
           m.joined_at, 'on' as state
    from members m
    left join known p on p.key = m.key
    left join sent s on s.key = m.key
    left join doubted d on d.key = m.key
    left join candidates c on c.key = m.key"""

# Profiles without an address are nobody we can know, but the list's own count has them.
_KEYLESS = """
    select key, profile_id, null::varchar as row_hash, joined_at, 'on' as state from read where key is null"""

_GONE = """
    select p.key, p.profile_id, p.row_hash, p.joined_at,
           case when p.state = 'off' then 'off' else 'left' end as state
    from known p where not exists (select 1 from members m where m.key = p.key)"""


def members_from(ledger: Path, joined: Path, into: Path) -> int:
    """Write who is on the list: the ledger's people, and `joined`, who joined since; return how many."""
    with workbench(into.parent) as con:
        view(con, "ledger", ledger)
        view(con, "joined", joined)
        return copy(
            con,
            """
            select key, profile_id, email, joined_at from joined
            union all
            select key, profile_id, null::varchar as email, joined_at from ledger l
            where state = 'on' and not exists (select 1 from joined j where j.profile_id = l.profile_id)
            """,
            into,
        )


def members_after(before: Path, *, removes: Path, still: Path, joined: Path, into: Path) -> int:
    """Write who is on the list after a delivery; return how many.

    `before` less those removed, save the `still` (profile_id) who were found there, and who `joined` since.
    """
    with workbench(into.parent) as con:
        for name, path in (("before", before), ("removes", removes), ("still", still), ("joined", joined)):
            view(con, f"{name}_rows", path)
        return copy(
            con,
            """
            select key, profile_id, email, joined_at from joined_rows
            union all
            select key, profile_id, email, joined_at from before_rows b
            where not exists (select 1 from joined_rows j where j.profile_id = b.profile_id)
              and (not exists (select 1 from removes_rows r where r.profile_id = b.profile_id)
                   or exists (select 1 from still_rows s where s.profile_id = b.profile_id))
            """,
            into,
        )
