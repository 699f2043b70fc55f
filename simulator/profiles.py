"""Answers about single profiles: looking them up, creating, updating and upserting them."""

import json
import sqlite3
from typing import Any

from simulator import identifiers, paging, resources
from simulator.filters import SQL, Condition
from simulator.jobs import PROFILE_BYTES
from simulator.upsert import Failed, Incoming, Outcome, Taken, upsert
from simulator.wire import Answer, Problem, Refusal, bad_parameter, invalid, not_found, ok
from simulator.world import Call

SUPPRESSION = "subscriptions.email.marketing."


def index(call: Call) -> Answer:
    """Answer `GET /api/profiles`."""
    sort = call.request.parameter("sort") or "created"
    column, downwards = _order(sort)
    where, values = ["p.account = ?"], [call.account.n]
    for condition in call.conditions:
        clause, given = _clause(condition)
        where.append(clause)
        values += given
    position = paging.position(call.request, 2)
    if position:
        where.append(f"({column}, p.n) {'<' if downwards else '>'} (?, ?)")
        values += position
    direction = "DESC" if downwards else "ASC"
    with call.world.store.read() as db:
        rows = db.execute(
            f"SELECT {resources.COLUMNS} FROM profiles p WHERE {' AND '.join(where)}"  # noqa: S608 - fixed words
            f" ORDER BY {column} {direction}, p.n {direction} LIMIT ?",
            (*values, call.page_size + 1),
        ).fetchall()
        shown = rows[: call.page_size]
        following = [shown[-1][column.removeprefix("p.")], shown[-1]["n"]] if len(rows) > len(shown) else None
        data = _resources(db, call, shown)
    return ok({"data": data, "links": paging.links(call.request, following)}, items=len(data))


def show_one(call: Call) -> Answer:
    """Answer `GET /api/profiles/{id}`."""
    with call.world.store.read() as db:
        resource = _resource(db, call, _find(db, call, call.params["id"]))
        document: dict[str, Any] = {"data": resource}
        if "lists" in call.request.listed("include"):
            _include_lists(db, call, document)
    return ok(document, items=1)


def create(call: Call) -> Answer:
    """Answer `POST /api/profiles`; a profile that exists already is a 409 that names it."""
    data = call.body["data"]
    _check(data)
    with call.world.store.write() as db:
        outcome = _upsert(db, call, data)
        if not outcome.created:
            raise _conflict(outcome.id)
        resource = _resource(db, call, _find(db, call, outcome.id))
    return ok({"data": resource}, status=201, items=1, applied=True)


def update(call: Call) -> Answer:
    """Answer `PATCH /api/profiles/{id}`; null empties a field, what is absent stays."""
    data = call.body["data"]
    if data["id"] != call.params["id"]:
        raise invalid("The id in the body is not the id in the path.", pointer="/data/id")
    _check(data)
    with call.world.store.write() as db:
        outcome = _upsert(db, call, data)
        resource = _resource(db, call, _find(db, call, outcome.id))
    return ok({"data": resource}, items=1, applied=True)


def create_or_update(call: Call) -> Answer:
    """Answer `POST /api/profile-import`: 201 for a new profile, 200 for one that was known."""
    data = call.body["data"]
    _check(data)
    with call.world.store.write() as db:
        outcome = _upsert(db, call, data)
        resource = _resource(db, call, _find(db, call, outcome.id))
    return ok({"data": resource}, status=201 if outcome.created else 200, items=1, applied=True)


def _check(data: dict[str, Any]) -> None:
    attributes = data["attributes"]
    found = identifiers.problems(attributes)
    phone = attributes.get("phone_number")
    if phone and "phone_number" not in found and not identifiers.is_dialable(phone):
        found["phone_number"] = identifiers.BAD_PHONE
    problems = [Problem(detail, {"pointer": f"/data/attributes/{name}"}) for name, detail in found.items()]
    if not (data.get("id") or any(attributes.get(name) for name in ("email", "phone_number", "external_id"))):
        problems.append(Problem("A profile needs an email, a phone_number or an external_id."))
    if len(json.dumps(data, ensure_ascii=False).encode()) > PROFILE_BYTES:
        problems.append(Problem("A profile must not be larger than 100 KB."))
    if problems:
        raise Refusal(400, *problems)


def _upsert(db: sqlite3.Connection, call: Call, data: dict[str, Any]) -> Taken:
    row = Incoming(data["attributes"], data.get("id"), data.get("meta") or {})
    outcome: Outcome = upsert(db, call.account.n, [row], now=call.world.clock.now(), clears=True)[0]
    if isinstance(outcome, Failed):
        if outcome.other:
            raise _conflict(outcome.other)
        raise not_found("profile", data["id"])
    if outcome is None:
        raise invalid("A profile needs an email, a phone_number or an external_id.")
    return outcome


def _conflict(other: str) -> Refusal:
    return Refusal(
        409,
        Problem(
            "A profile already exists with one of these identifiers.",
            {"pointer": "/data/attributes"},
            "duplicate_profile",
            "Conflict.",
            {"duplicate_profile_id": other},
        ),
    )


def _find(db: sqlite3.Connection, call: Call, profile_id: str) -> sqlite3.Row:
    row = db.execute(
        f"SELECT {resources.COLUMNS} FROM profiles p WHERE p.account = ? AND p.id = ?",  # noqa: S608
        (call.account.n, profile_id),
    ).fetchone()
    if row is None:
        raise not_found("profile", profile_id)
    return row


def _resource(db: sqlite3.Connection, call: Call, row: sqlite3.Row) -> dict[str, Any]:
    return _resources(db, call, [row])[0]


def _resources(db: sqlite3.Connection, call: Call, rows: list[sqlite3.Row]) -> list[dict[str, Any]]:
    wanted = call.request.listed("fields[profile]")
    extra = call.request.listed("additional-fields[profile]")
    return resources.profiles(db, rows, api=call.api, wanted=wanted, extra=extra)


def _include_lists(db: sqlite3.Connection, call: Call, document: dict[str, Any]) -> None:
    rows = db.execute(
        "SELECT l.id, l.name FROM lists l JOIN members m ON m.list = l.n JOIN profiles p ON p.n = m.profile"
        " WHERE l.account = ? AND p.account = l.account AND p.id = ? ORDER BY l.n",
        (call.account.n, call.params["id"]),
    ).fetchall()
    document["data"]["relationships"]["lists"]["data"] = [{"type": "list", "id": row["id"]} for row in rows]
    document["included"] = [
        {
            "type": "list",
            "id": row["id"],
            "attributes": {"name": row["name"]},
            "links": {"self": f"{call.api}/lists/{row['id']}"},
        }
        for row in rows
    ]


def _order(sort: str) -> tuple[str, bool]:
    name = sort.lstrip("-")
    if name not in ("created", "updated", "email", "id"):
        raise bad_parameter(f"The simulator cannot sort profiles by '{name}'.", "sort")
    return f"p.{name}", sort.startswith("-")


def _clause(condition: Condition) -> tuple[str, list[Any]]:
    if condition.field in ("id", "email", "phone_number", "external_id"):
        wanted = [value.lower() if condition.field == "email" else value for value in condition.values]
        clause = f"p.{condition.field} IN (SELECT value FROM json_each(?))"  # noqa: S608
        return clause, [json.dumps(wanted)]
    if condition.field in ("created", "updated"):
        return f"p.{condition.field} {SQL[condition.operator]} ?", [condition.value]
    if condition.field.startswith(SUPPRESSION):
        return _suppressed(condition)
    return "0", []


def _suppressed(condition: Condition) -> tuple[str, list[Any]]:
    """Turn a filter on why, when or where somebody is suppressed into a look at `suppressions`."""
    group, name = condition.field.removeprefix(SUPPRESSION).split(".")
    column = "at" if name == "timestamp" else name
    held = "s.list_id <> ''" if group == "list_suppressions" else "s.list_id = ''"
    clause = (
        f"p.n IN (SELECT s.profile FROM suppressions s"  # noqa: S608 - words of the document
        f" WHERE {held} AND s.{column} {SQL[condition.operator]} ?)"
    )
    return clause, [condition.value]
