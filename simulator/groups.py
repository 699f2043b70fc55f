"""Lists, segments and the flows a list triggers, and the cap on how many there may be."""

import json
import sqlite3
from typing import Any

from simulator import paging
from simulator.accounts import Account
from simulator.clock import show
from simulator.filters import SQL, Condition
from simulator.membership import count, shown_until
from simulator.wire import Answer, Problem, Refusal, invalid, not_found, ok
from simulator.world import Call, World

TABLES = {"list": "lists", "segment": "segments"}
FLOWS = {"list": "flows", "segment": "segment_flows"}


def find_list(db: sqlite3.Connection, account: Account, list_id: str) -> sqlite3.Row:
    """Return the list with that id. Raises Refusal (404)."""
    return _find(db, account, "list", list_id)


def create_list(world: World, db: sqlite3.Connection, account: Account, name: str, opt_in: str | None) -> str:
    """Make a list and return its id. Names need not be unique. Raises Refusal (400) at the cap."""
    check_cap(db, account)
    list_id, now = world.ids.short(), world.clock.now()
    db.execute(
        "INSERT INTO lists (account, id, name, opt_in_process, created, updated) VALUES (?, ?, ?, ?, ?, ?)",
        (account.n, list_id, name, opt_in or account.settings.opt_in_process, now, now),
    )
    return list_id


def delete_list(db: sqlite3.Connection, list_n: int) -> None:
    """Take a list away; the profiles stay."""
    db.execute("DELETE FROM members WHERE list = ?", (list_n,))
    db.execute("DELETE FROM flows WHERE list = ?", (list_n,))
    db.execute("DELETE FROM lists WHERE n = ?", (list_n,))


def delete_segment(db: sqlite3.Connection, segment_n: int) -> None:
    """Take a segment away; the profiles stay."""
    db.execute("DELETE FROM segment_flows WHERE segment = ?", (segment_n,))
    db.execute("DELETE FROM segments WHERE n = ?", (segment_n,))


def check_cap(db: sqlite3.Connection, account: Account) -> None:
    """Raise Refusal (400) when the account has as many lists and segments as it may.

    What Klaviyo answers here is not published; code and words of this error are a guess.
    """
    total = sum(
        db.execute(f"SELECT count(*) FROM {table} WHERE account = ?", (account.n,)).fetchone()[0]  # noqa: S608
        for table in TABLES.values()
    )
    if total >= account.settings.max_groups:
        raise invalid(
            f"You have reached the maximum number of lists and segments ({account.settings.max_groups})."
        )


def index(call: Call) -> Answer:
    """Answer `GET /api/lists` and `GET /api/segments`."""
    kind = call.operation.template.rsplit("/", 1)[1].removesuffix("s")
    offset = (paging.position(call.request, 1) or [0])[0]
    if not isinstance(offset, int):
        raise Refusal(400, Problem("Invalid cursor provided.", {"parameter": "page[cursor]"}))
    with call.world.store.read() as db:
        rows = _rows(db, call, kind, offset)
    following = [offset + call.page_size] if len(rows) > call.page_size else None
    data = [_shown(call, kind, row) for row in rows[: call.page_size]]
    return ok({"data": data, "links": paging.links(call.request, following)}, items=len(data))


def show_one(call: Call) -> Answer:
    """Answer `GET /api/lists/{id}` and `GET /api/segments/{id}`."""
    kind = _kind(call)
    extra: dict[str, Any] = {}
    with call.world.store.read() as db:
        row = _find(db, call.account, kind, call.params["id"])
        if "profile_count" in call.request.listed(f"additional-fields[{kind}]"):
            extra["profile_count"] = (
                count(db, row["n"], until=shown_until(call.world, call.account))
                if kind == "list"
                else row["profile_count"]
            )
    return ok({"data": _shown(call, kind, row, extra)}, items=1)


def create(call: Call) -> Answer:
    """Answer `POST /api/lists`."""
    attributes = call.body["data"]["attributes"]
    if not attributes["name"].strip():
        raise invalid("This field may not be blank.", pointer="/data/attributes/name")
    with call.world.store.write() as db:
        list_id = create_list(
            call.world, db, call.account, attributes["name"], attributes.get("opt_in_process")
        )
        row = find_list(db, call.account, list_id)
    return ok({"data": _shown(call, "list", row)}, status=201, items=1, applied=True)


def rename(call: Call) -> Answer:
    """Answer `PATCH /api/lists/{id}`."""
    data = call.body["data"]
    if data["id"] != call.params["id"]:
        raise invalid("The id in the body is not the id in the path.", pointer="/data/id")
    with call.world.store.write() as db:
        row = find_list(db, call.account, call.params["id"])
        name = data["attributes"].get("name") or row["name"]
        opt_in = data["attributes"].get("opt_in_process") or row["opt_in_process"]
        db.execute(
            "UPDATE lists SET name = ?, opt_in_process = ?, updated = ? WHERE n = ?",
            (name, opt_in, call.world.clock.now(), row["n"]),
        )
        row = find_list(db, call.account, call.params["id"])
    return ok({"data": _shown(call, "list", row)}, items=1, applied=True)


def delete(call: Call) -> Answer:
    """Answer `DELETE /api/lists/{id}` and `DELETE /api/segments/{id}`."""
    kind = _kind(call)
    with call.world.store.write() as db:
        found = _find(db, call.account, kind, call.params["id"])
        (delete_list if kind == "list" else delete_segment)(db, found["n"])
    return ok(None, status=204, items=1, applied=True)


def flow_triggers(call: Call) -> Answer:
    """Answer `GET …/{id}/flow-triggers` of a list or segment: the flows that begin when someone joins."""
    kind = _kind(call)
    table = FLOWS[kind]
    with call.world.store.read() as db:
        found = _find(db, call.account, kind, call.params["id"])
        rows = db.execute(f"SELECT * FROM {table} WHERE {kind} = ? ORDER BY n", (found["n"],)).fetchall()  # noqa: S608 - one of two fixed names
    wanted = call.request.listed("fields[flow]")
    data = [_flow(row, call.api, wanted) for row in rows]
    return ok({"data": data, "links": paging.links(call.request, None)}, items=len(data))


def _kind(call: Call) -> str:
    """Return whether a call is about a `list` or a `segment`."""
    return call.operation.template.split("/")[2].removesuffix("s")


def _find(db: sqlite3.Connection, account: Account, kind: str, wanted: str) -> sqlite3.Row:
    row = db.execute(
        f"SELECT * FROM {TABLES[kind]} WHERE account = ? AND id = ?",  # noqa: S608 - one of two fixed names
        (account.n, wanted),
    ).fetchone()
    if row is None:
        raise not_found(kind, wanted)
    return row


def _rows(db: sqlite3.Connection, call: Call, kind: str, offset: int) -> list[sqlite3.Row]:
    where, values = ["account = ?"], [call.account.n]
    for condition in call.conditions:
        clause, given = _clause(condition)
        where.append(clause)
        values += given
    sort = call.request.parameter("sort") or "n"
    order = f"{sort.lstrip('-')} {'DESC' if sort.startswith('-') else 'ASC'}, n"
    return db.execute(
        f"SELECT * FROM {TABLES[kind]} WHERE {' AND '.join(where)}"  # noqa: S608 - sort is one of the document's
        f" ORDER BY {order} LIMIT ? OFFSET ?",
        (*values, call.page_size + 1, offset),
    ).fetchall()


def _clause(condition: Condition) -> tuple[str, list[Any]]:
    if condition.field in ("name", "id"):
        clause = f"{condition.field} IN (SELECT value FROM json_each(?))"  # noqa: S608
        return clause, [json.dumps(condition.values)]
    if condition.field in ("created", "updated"):
        return f"{condition.field} {SQL[condition.operator]} ?", [condition.value]
    # All segments of the simulator are active, and nobody has given any of them a star.
    true = condition.field == "is_active"
    return ("1" if true in condition.values else "0"), []


def _shown(call: Call, kind: str, row: sqlite3.Row, extra: dict[str, Any] | None = None) -> dict[str, Any]:
    attributes: dict[str, Any] = {
        "name": row["name"],
        "created": show(row["created"]),
        "updated": show(row["updated"]),
    }
    if kind == "list":
        attributes["opt_in_process"] = row["opt_in_process"]
    else:
        definition: dict[str, Any] = {"condition_groups": []}
        attributes |= {
            "definition": definition,
            "is_active": True,
            "is_processing": False,
            "is_starred": False,
        }
    attributes |= extra or {}
    wanted = call.request.listed(f"fields[{kind}]")
    if wanted:
        attributes = {name: value for name, value in attributes.items() if name in wanted}
    here = f"{call.api}/{TABLES[kind]}/{row['id']}"
    return {
        "type": kind,
        "id": row["id"],
        "attributes": attributes,
        "relationships": {
            name: {"links": {"self": f"{here}/relationships/{name}", "related": f"{here}/{name}"}}
            for name in ("profiles", "tags", "flow-triggers")
        },
        "links": {"self": here},
    }


def _flow(row: sqlite3.Row, api: str, wanted: frozenset[str]) -> dict[str, Any]:
    attributes = {
        "name": row["name"],
        "status": row["status"],
        "archived": False,
        "created": show(row["created"]),
        "updated": show(row["created"]),
        # The document knows no word of its own for a segment.
        "trigger_type": "Added to List",
    }
    here = f"{api}/flows/{row['id']}"
    return {
        "type": "flow",
        "id": row["id"],
        "attributes": {name: value for name, value in attributes.items() if not wanted or name in wanted},
        "relationships": {
            name: {"links": {"self": f"{here}/relationships/{name}", "related": f"{here}/{name}"}}
            for name in ("flow-actions", "tags")
        },
        "links": {"self": here},
    }
