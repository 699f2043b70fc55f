"""The ledger: who is on a list as receipts and readings say, by keyed hash and id, without an address.

A row's state is `on` (read on the list), `off` (we took them off; their id is remembered) or `left` (they
left by themselves, and are kept out until they come back by themselves). `row_hash` is of the fields last
confirmed as sent, null when nobody knows.
"""

from pathlib import Path

import duckdb

from audiences.workbench import copy, memory_for, view, workbench

MEMBER = "key varchar, profile_id varchar, email varchar, joined_at varchar"
ROW = "key varchar, profile_id varchar, row_hash varchar, joined_at varchar, state varchar"


def no_members(into: Path) -> None:
    """Write the members of a list that does not exist yet."""
    with workbench(into.parent) as con:
        con.execute(f"create temp table nobody ({MEMBER})")
        copy(con, "select * from nobody", into)


def fold(
    *,
    previous: Path | None,
    candidates: Path,
    members: Path,
    changes: Path,
    into: Path,
    full_profile: bool,
) -> int:
    """Write the next ledger from a finished reading, and return its rows.

    `members` is the list as read at the end. `changes` is a folder with the keys that were added, updated,
    removed, kept out and rejected over all rounds: adds.parquet, updates.parquet, removes.parquet,
    kept_out.parquet and rejected.parquet. Whoever was on the list, is gone, and was not taken off by us, left
    by themselves.
    """
    with workbench(into.parent, memory_limit_mb=memory_for(candidates, members)) as con:
        _open(con, previous, candidates, members, changes)
        sent = "c.row_hash" if full_profile else "p.row_hash"
        return copy(con, f"{_on(sent)} union all {_gone()} union all {_strangers_removed()}", into)


def _open(
    con: duckdb.DuckDBPyConnection, previous: Path | None, candidates: Path, members: Path, changes: Path
) -> None:
    if previous is None:
        con.execute(f"create temp table previous ({ROW})")
    else:
        view(con, "previous", previous)
    view(con, "candidates", candidates)
    view(con, "read", members)
    # Profiles without an address are not people we can know; of twins, the first to join counts.
    con.execute(
        "create view members as select key, min_by(profile_id, joined_at) as profile_id,"
        " min(joined_at) as joined_at from read where key is not null group by key"
    )
    for name in ("adds", "updates", "removes", "kept_out", "rejected"):
        view(con, name, changes / f"{name}.parquet")
    con.execute("create view sent as select key from adds union select key from updates")


def _on(sent: str) -> str:
    """People who are on the list now; of a refused row nobody knows what the profile holds."""
    return f"""
        select m.key, m.profile_id,
               case when s.key is null then p.row_hash when r.key is null then {sent} end as row_hash,
               m.joined_at, 'on' as state
        from members m
        left join previous p on p.key = m.key
        left join sent s on s.key = m.key
        left join rejected r on r.key = m.key
        left join candidates c on c.key = m.key
    """


def _gone() -> str:
    """People the ledger knew who are not on the list now."""
    return """
        select p.key, p.profile_id, p.row_hash, p.joined_at,
               case when r.key is not null then 'off' when p.state = 'on' then 'left' else p.state end
                   as state
        from previous p
        left join (select distinct key from removes where key is not null) r on r.key = p.key
        where not exists (select 1 from members m where m.key = p.key)
    """


def _strangers_removed() -> str:
    """People we took off whom the ledger never knew."""
    return """
        select r.key, any_value(r.profile_id) as profile_id, null::varchar as row_hash,
               null::varchar as joined_at, 'off' as state
        from removes r
        where r.key is not null
          and not exists (select 1 from members m where m.key = r.key)
          and not exists (select 1 from previous p where p.key = r.key)
        group by r.key
    """


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
