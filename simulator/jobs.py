"""Answers about bulk import jobs: taking them in, all or nothing, and telling how they stand."""

import json
import sqlite3
from typing import Any

from simulator import identifiers, paging, resources
from simulator.accounts import Account
from simulator.clock import SECOND, show
from simulator.groups import find_list
from simulator.wire import Answer, Problem, Refusal, bad_parameter, invalid, not_found, ok
from simulator.world import Call

ROWS = "/data/attributes/profiles/data"
PROFILE_BYTES = 100_000
KEPT_DAYS = 7
SHOWN_PROBLEMS = 100


def create(call: Call) -> Answer:
    """Answer `POST /api/profile-bulk-import-jobs`. One row that is wrong refuses them all."""
    rows = call.body["data"]["attributes"]["profiles"]["data"]
    problems = _problems(rows)
    if problems:
        raise Refusal(400, *(problems if call.account.settings.pointers else [Problem("Invalid input.")]))
    with call.world.store.write() as db:
        found = _list(db, call)
        job_n = _insert(db, call, found, rows=len(rows))
        job = db.execute("SELECT * FROM jobs WHERE n = ?", (job_n,)).fetchone()
    call.world.importer.submitted(job_n, rows)
    return ok({"data": _shown(call, job)}, status=202, items=len(rows), applied=True)


def index(call: Call) -> Answer:
    """Answer `GET /api/profile-bulk-import-jobs`."""
    where = ["account = ?"]
    values: list[object] = [call.account.n]
    for condition in call.conditions:
        where.append("status IN (SELECT value FROM json_each(?))")
        values.append(json.dumps(condition.values))
    upwards = call.request.parameter("sort") == "created_at"
    after = _after(call)
    if after is not None:
        where.append("n > ?" if upwards else "n < ?")
        values.append(after)
    order = "ASC" if upwards else "DESC"
    with call.world.store.read() as db:
        rows = db.execute(
            f"SELECT * FROM jobs WHERE {' AND '.join(where)} ORDER BY n {order} LIMIT ?",  # noqa: S608
            (*values, call.page_size + 1),
        ).fetchall()
    shown, following = _cut(call, rows)
    data = [_shown(call, row) for row in shown]
    return ok({"data": data, "links": paging.links(call.request, following)}, items=len(data))


def show_one(call: Call) -> Answer:
    """Answer `GET /api/profile-bulk-import-jobs/{job_id}`."""
    with call.world.store.read() as db:
        job = _find(db, call.account, call.params["job_id"])
    document: dict[str, Any] = {"data": _shown(call, job)}
    if "lists" in call.request.listed("include"):
        linked = _lists(call, job)
        document["data"]["relationships"]["lists"]["data"] = [
            {"type": "list", "id": row["id"]} for row in linked
        ]
        document["included"] = [_list_resource(call, row) for row in linked]
    return ok(document, items=1)


def errors(call: Call) -> Answer:
    """Answer `GET /api/profile-bulk-import-jobs/{id}/import-errors`."""
    with call.world.store.read() as db:
        job = _find(db, call.account, call.params["id"])
        rows = db.execute(
            "SELECT * FROM job_errors WHERE job = ? AND n > ? ORDER BY n LIMIT ?",
            (job["n"], _after(call) or 0, call.page_size + 1),
        ).fetchall()
    shown, following = _cut(call, rows)
    wanted = call.request.listed("fields[import-error]")
    data = [_import_error(row, wanted) for row in shown]
    return ok({"data": data, "links": paging.links(call.request, following)}, items=len(data))


def profiles(call: Call) -> Answer:
    """Answer `GET /api/profile-bulk-import-jobs/{id}/profiles` and `…/relationships/profiles`."""
    with call.world.store.read() as db:
        job = _find(db, call.account, call.params["id"])
        rows = db.execute(
            f"SELECT {resources.COLUMNS} FROM job_profiles j CROSS JOIN profiles p ON p.n = j.profile"  # noqa: S608
            " WHERE j.job = ? AND j.profile > ? ORDER BY j.profile LIMIT ?",
            (job["n"], _after(call) or 0, call.page_size + 1),
        ).fetchall()
        shown, following = _cut(call, rows)
        if "/relationships/" in call.operation.template:
            data: list[dict[str, Any]] = [{"type": "profile", "id": row["id"]} for row in shown]
        else:
            wanted = call.request.listed("fields[profile]")
            extra = call.request.listed("additional-fields[profile]")
            data = resources.profiles(db, shown, api=call.api, wanted=wanted, extra=extra)
    return ok({"data": data, "links": paging.links(call.request, following)}, items=len(data))


def lists(call: Call) -> Answer:
    """Answer `GET /api/profile-bulk-import-jobs/{id}/lists` and `…/relationships/lists`."""
    with call.world.store.read() as db:
        job = _find(db, call.account, call.params["id"])
    linked = _lists(call, job)
    if "/relationships/" in call.operation.template:
        data: list[dict[str, Any]] = [{"type": "list", "id": row["id"]} for row in linked]
    else:
        data = [_list_resource(call, row) for row in linked]
    return ok({"data": data, "links": paging.links(call.request, None)}, items=len(data))


def _problems(rows: list[dict[str, Any]]) -> list[Problem]:
    found: list[Problem] = []
    for place, row in enumerate(rows):
        attributes = row["attributes"]
        here = f"{ROWS}/{place}/attributes"
        for name, detail in identifiers.problems(attributes).items():
            found.append(Problem(detail, {"pointer": f"{here}/{name}"}))
        if not (
            row.get("id") or any(attributes.get(name) for name in ("email", "phone_number", "external_id"))
        ):
            found.append(
                Problem("A profile needs an email, a phone_number or an external_id.", {"pointer": here})
            )
        if _is_too_large(row):
            found.append(Problem("A profile must not be larger than 100 KB.", {"pointer": f"{ROWS}/{place}"}))
        if len(found) >= SHOWN_PROBLEMS:
            break
    return found


def _is_too_large(row: dict[str, Any]) -> bool:
    """Tell whether a profile passes 100 KB, encoding only those that are not plainly far below."""
    attributes = row["attributes"]
    groups = [attributes, attributes.get("location") or {}, attributes.get("properties") or {}]
    length = 0
    for group in groups:
        for name, value in group.items():
            kind = type(value)
            if kind is str:
                length += len(value)
            elif kind in (list, dict) and name not in ("location", "properties"):
                length += PROFILE_BYTES
            length += len(name) + 32
    # A character takes up to six bytes once it is written as JSON.
    if length * 6 < PROFILE_BYTES:
        return False
    return len(json.dumps(row, ensure_ascii=False).encode()) > PROFILE_BYTES


def _list(db: sqlite3.Connection, call: Call) -> sqlite3.Row | None:
    relationships = call.body["data"].get("relationships") or {}
    wanted = [entry["id"] for entry in (relationships.get("lists") or {}).get("data") or []]
    if not wanted:
        return None
    if len(wanted) > 1:
        raise invalid("Profiles can be imported into one list at a time.")
    try:
        return find_list(db, call.account, wanted[0])
    except Refusal as refusal:
        raise invalid(f"List ID {wanted[0]} does not exist.") from refusal


def _insert(db: sqlite3.Connection, call: Call, found: sqlite3.Row | None, *, rows: int) -> int:
    now = call.world.clock.now()
    cursor = db.execute(
        "INSERT INTO jobs (account, id, status, list, list_id, total, created, due, payload)"
        " VALUES (?, ?, 'queued', ?, ?, ?, ?, ?, ?)",
        (
            call.account.n,
            call.world.ids.long(now),
            found["n"] if found else None,
            found["id"] if found else None,
            rows,
            now,
            now + int(call.account.settings.lag_seconds * SECOND),
            call.request.body.decode(),
        ),
    )
    return cursor.lastrowid or 0


def _find(db: sqlite3.Connection, account: Account, job_id: str) -> sqlite3.Row:
    job = db.execute("SELECT * FROM jobs WHERE account = ? AND id = ?", (account.n, job_id)).fetchone()
    if job is None:
        raise not_found("profile-bulk-import-job", job_id)
    return job


def _after(call: Call) -> int | None:
    found = paging.position(call.request, 1)
    if found and not isinstance(found[0], int):
        raise bad_parameter("Invalid cursor provided.", "page[cursor]")
    return found[0] if found else None


def _cut(call: Call, rows: list[sqlite3.Row]) -> tuple[list[sqlite3.Row], list[int] | None]:
    """Return a page of rows that were read in order of `n`, and where the next one begins."""
    if len(rows) <= call.page_size:
        return rows, None
    return rows[: call.page_size], [rows[call.page_size - 1]["n"]]


def _shown(call: Call, job: sqlite3.Row) -> dict[str, Any]:
    finished = job["finished"]
    attributes = {
        "status": job["status"],
        "created_at": show(job["created"]),
        "total_count": job["total"],
        "completed_count": job["completed"],
        "failed_count": job["failed"],
        "completed_at": show(finished),
        "expires_at": show(job["created"] + KEPT_DAYS * 86_400 * SECOND),
        "started_at": show(job["started"]),
    }
    wanted = call.request.listed("fields[profile-bulk-import-job]")
    here = f"{call.api}/profile-bulk-import-jobs/{job['id']}"
    relationships: dict[str, Any] = {
        name: {"links": {"self": f"{here}/relationships/{name}", "related": f"{here}/{name}"}}
        for name in ("lists", "profiles")
    }
    relationships["import-errors"] = {"links": {"related": f"{here}/import-errors"}}
    return {
        "type": "profile-bulk-import-job",
        "id": job["id"],
        "attributes": {name: value for name, value in attributes.items() if not wanted or name in wanted},
        "relationships": relationships,
        "links": {"self": here},
    }


def _lists(call: Call, job: sqlite3.Row) -> list[sqlite3.Row]:
    with call.world.store.read() as db:
        return db.execute("SELECT * FROM lists WHERE n = ?", (job["list"],)).fetchall()


def _list_resource(call: Call, row: sqlite3.Row) -> dict[str, Any]:
    return {
        "type": "list",
        "id": row["id"],
        "attributes": {
            "name": row["name"],
            "created": show(row["created"]),
            "updated": show(row["updated"]),
            "opt_in_process": row["opt_in_process"],
        },
        "links": {"self": f"{call.api}/lists/{row['id']}"},
    }


def _import_error(row: sqlite3.Row, wanted: frozenset[str]) -> dict[str, Any]:
    attributes = {
        "code": row["code"],
        "title": row["title"],
        "detail": row["detail"],
        "source": {"pointer": row["pointer"]},
        "original_payload": json.loads(row["payload"]),
    }
    return {
        "type": "import-error",
        "id": row["id"],
        "attributes": {name: value for name, value in attributes.items() if not wanted or name in wanted},
    }
