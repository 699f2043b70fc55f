"""Answers who is on a list, page by page, and puts people on and takes them off by their ids."""

import json
import sqlite3

from simulator import paging, resources
from simulator.filters import SQL, Condition
from simulator.groups import find_list
from simulator.membership import join, leave, shown_until
from simulator.wire import Answer, Problem, Refusal, bad_parameter, ok
from simulator.world import Call


def read(call: Call) -> Answer:
    """Answer `GET /api/lists/{id}/profiles`."""
    with call.world.store.read() as db:
        rows, following = _page(db, call)
        data = resources.profiles(
            db,
            rows,
            api=call.api,
            wanted=call.request.listed("fields[profile]"),
            extra=call.request.listed("additional-fields[profile]"),
        )
    return ok({"data": data, "links": paging.links(call.request, following)}, items=len(data))


def read_ids(call: Call) -> Answer:
    """Answer `GET /api/lists/{id}/relationships/profiles`."""
    with call.world.store.read() as db:
        rows, following = _page(db, call)
    data = [{"type": "profile", "id": row["id"]} for row in rows]
    return ok({"data": data, "links": paging.links(call.request, following)}, items=len(data))


def add(call: Call) -> Answer:
    """Answer `POST /api/lists/{id}/relationships/profiles`."""
    with call.world.store.write() as db:
        found = find_list(db, call.account, call.params["id"])
        numbers = _numbers(db, call)
        join(call.world, db, found["n"], numbers, precision=call.account.settings.joined_precision)
    return ok(None, status=204, items=len(call.body["data"]), applied=True)


def remove(call: Call) -> Answer:
    """Answer `DELETE /api/lists/{id}/relationships/profiles`; who is not on the list is passed over."""
    with call.world.store.write() as db:
        found = find_list(db, call.account, call.params["id"])
        leave(db, found["n"], _numbers(db, call))
    return ok(None, status=204, items=len(call.body["data"]), applied=True)


def _numbers(db: sqlite3.Connection, call: Call) -> list[int]:
    """Return the numbers of the profiles in the body. One unknown id refuses the whole call."""
    ids = [row["id"] for row in call.body["data"]]
    found = db.execute(
        "SELECT id, n FROM profiles WHERE account = ? AND id IN (SELECT value FROM json_each(?))",
        (call.account.n, json.dumps(ids)),
    )
    known = dict(found.fetchall())
    unknown = sorted(set(ids) - known.keys())
    if unknown:
        raise Refusal(400, Problem(f"Invalid profile IDs: {', '.join(unknown)}", {"pointer": "/data/"}))
    return list(known.values())


def _page(db: sqlite3.Connection, call: Call) -> tuple[list[sqlite3.Row], list[int] | None]:
    """Return one page of members and where the next one begins, None at the end."""
    found = find_list(db, call.account, call.params["id"])
    downwards = call.request.parameter("sort") == "-joined_group_at"
    sql, values = _query(call, found["n"], downwards=downwards)
    rows = db.execute(sql, (*values, call.page_size + 1)).fetchall()
    if len(rows) <= call.page_size:
        return rows, None
    last = rows[call.page_size - 1]
    return rows[: call.page_size], [last["joined"], last["n"]]


def _query(call: Call, list_n: int, *, downwards: bool) -> tuple[str, list[object]]:
    """Write the query of a page. Named people are looked up first, everyone else in order of joining."""
    where = ["m.list = ?"]
    values: list[object] = [list_n]
    for condition in call.conditions:
        clause, given = _clause(condition)
        where.append(clause)
        values += given
    until = shown_until(call.world, call.account)
    if until is not None:
        where.append("m.joined <= ?")
        values.append(until)
    position = _position(call)
    if position:
        where.append(f"(m.joined, m.profile) {'<' if downwards else '>'} (?, ?)")
        values += position
    by_name = any(condition.field in ("email", "phone_number") for condition in call.conditions)
    tables = "profiles p CROSS JOIN members m" if by_name else "members m CROSS JOIN profiles p"
    if by_name:
        where.append("p.account = ?")
        values.append(call.account.n)
    order = "m.joined DESC, m.profile DESC" if downwards else "m.joined, m.profile"
    sql = (
        f"SELECT {resources.COLUMNS}, m.joined FROM {tables}"  # noqa: S608 - fixed words only
        f" WHERE p.n = m.profile AND {' AND '.join(where)} ORDER BY {order} LIMIT ?"
    )
    return sql, values


def _clause(condition: Condition) -> tuple[str, list[object]]:
    if condition.field == "joined_group_at":
        return f"m.joined {SQL[condition.operator]} ?", [condition.value]
    if condition.field in ("email", "phone_number"):
        wanted = [value.lower() for value in condition.values]
        clause = f"p.{condition.field} IN (SELECT value FROM json_each(?))"  # noqa: S608
        return clause, [json.dumps(wanted)]
    return "0", []


def _position(call: Call) -> list[int] | None:
    found = paging.position(call.request, 2)
    if found and not all(isinstance(value, int) for value in found):
        raise bad_parameter("Invalid cursor provided.", "page[cursor]")
    return found
