"""Lists, segments and flows as people make, change and delete them in Klaviyo by hand."""

import sqlite3
from typing import Any

from simulator.accounts import Account, Unknown
from simulator.clock import parse
from simulator.groups import create_list, delete_list
from simulator.membership import count
from simulator.world import World

STATUSES = ("draft", "manual", "live")


def find_list(db: sqlite3.Connection, account: Account, id_or_name: str) -> sqlite3.Row:
    """Return a list by its id, or the oldest one of that name. Raises Unknown."""
    row = db.execute(
        "SELECT * FROM lists WHERE account = ? AND (id = ? OR name = ?) ORDER BY id = ? DESC, n LIMIT 1",
        (account.n, id_or_name, id_or_name, id_or_name),
    ).fetchone()
    if row is None:
        raise Unknown("no such list")
    return row


def new_list(
    world: World, account: Account, *, name: str, opt_in_process: str | None = None
) -> dict[str, Any]:
    """Make a list, even beside one of the same name. Raises Refusal at the cap."""
    with world.store.write() as db:
        return {"id": create_list(world, db, account, name, opt_in_process), "name": name}


def change_list(
    world: World, account: Account, *, list: str, name: str | None = None, updated: str | None = None
) -> dict[str, Any]:
    """Give a list another name; `updated` is when it was changed last (ISO), which is now otherwise."""
    moment = parse(updated) if updated else world.clock.now()
    with world.store.write() as db:
        found = find_list(db, account, list)
        changed = (name or found["name"], moment, found["n"])
        db.execute("UPDATE lists SET name = ?, updated = ? WHERE n = ?", changed)
    return {"id": found["id"], "name": name or found["name"]}


def drop_list(world: World, account: Account, *, list: str) -> dict[str, Any]:
    with world.store.write() as db:
        found = find_list(db, account, list)
        delete_list(db, found["n"])
    return {"id": found["id"]}


def all_lists(world: World, account: Account) -> dict[str, Any]:
    with world.store.read() as db:
        rows = db.execute(
            "SELECT n, id, name, opt_in_process FROM lists WHERE account = ? ORDER BY n", (account.n,)
        ).fetchall()
        shown = [
            {
                "id": row["id"],
                "name": row["name"],
                "opt_in_process": row["opt_in_process"],
                "members": count(db, row["n"]),
            }
            for row in rows
        ]
    return {"lists": shown}


def new_segments(
    world: World, account: Account, *, name: str, count: int = 1, profile_count: int = 0
) -> dict:
    """Make segments, past the cap if need be: `name`, `name 2`, `name 3` and so on."""
    now = world.clock.now()
    names = [name if i == 0 else f"{name} {i + 1}" for i in range(count)]
    with world.store.write() as db:
        db.executemany(
            "INSERT INTO segments (account, id, name, profile_count, created, updated)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            [(account.n, world.ids.short(), each, profile_count, now, now) for each in names],
        )
    return {"created": count}


def all_segments(world: World, account: Account) -> dict[str, Any]:
    with world.store.read() as db:
        rows = db.execute(
            "SELECT id, name, profile_count FROM segments WHERE account = ? ORDER BY n", (account.n,)
        ).fetchall()
    return {"segments": [dict(row) for row in rows]}


def fill_lists(world: World, account: Account, *, total: int, name: str = "Old list") -> dict[str, Any]:
    """Make empty lists until lists and segments together number `total`."""
    now = world.clock.now()
    with world.store.write() as db:
        have = sum(
            db.execute(f"SELECT count(*) FROM {table} WHERE account = ?", (account.n,)).fetchone()[0]  # noqa: S608
            for table in ("lists", "segments")
        )
        missing = max(total - have, 0)
        db.executemany(
            "INSERT INTO lists (account, id, name, opt_in_process, created, updated)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            [
                (account.n, world.ids.short(), f"{name} {i + 1}", account.settings.opt_in_process, now, now)
                for i in range(missing)
            ],
        )
    return {"created": missing}


def set_flow(world: World, account: Account, *, list: str, name: str, status: str = "live") -> dict[str, Any]:
    """Make a flow that begins when someone joins the list, or change the status of the one of that name."""
    if status not in STATUSES:
        raise ValueError(f"a flow is one of {', '.join(STATUSES)}")
    with world.store.write() as db:
        found = find_list(db, account, list)
        known = db.execute(
            "SELECT n, id FROM flows WHERE list = ? AND name = ?", (found["n"], name)
        ).fetchone()
        if known:
            db.execute("UPDATE flows SET status = ? WHERE n = ?", (status, known["n"]))
            return {"id": known["id"]}
        flow_id = world.ids.short()
        db.execute(
            "INSERT INTO flows (account, list, id, name, status, created) VALUES (?, ?, ?, ?, ?, ?)",
            (account.n, found["n"], flow_id, name, status, world.clock.now()),
        )
    return {"id": flow_id}


def set_segment_flow(
    world: World, account: Account, *, segment: str, name: str, status: str = "live"
) -> dict[str, Any]:
    """Make a flow that begins when someone comes into the oldest segment of that name or id."""
    with world.store.write() as db:
        found = db.execute(
            "SELECT n FROM segments WHERE account = ? AND (id = ? OR name = ?) ORDER BY n LIMIT 1",
            (account.n, segment, segment),
        ).fetchone()
        if found is None:
            raise Unknown("no such segment")
        flow_id = world.ids.short()
        db.execute(
            "INSERT INTO segment_flows (account, segment, id, name, status, created)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (account.n, found["n"], flow_id, name, status, world.clock.now()),
        )
    return {"id": flow_id}


def flows(world: World, account: Account) -> dict[str, Any]:
    """Return every flow, and for how many people it would have begun while it was live."""
    with world.store.read() as db:
        rows = db.execute(
            "SELECT f.id, f.name, f.status, f.starts, l.id AS list FROM flows f JOIN lists l ON l.n = f.list"
            " WHERE f.account = ? ORDER BY f.n",
            (account.n,),
        ).fetchall()
    return {"flows": [dict(row) for row in rows]}
