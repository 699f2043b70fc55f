"""Who may be written to: subscribing and unsubscribing, by request or because a person did it."""

import json
import sqlite3
from typing import Any

from simulator import identifiers
from simulator.clock import parse
from simulator.groups import find_list
from simulator.membership import join, leave
from simulator.upsert import Incoming, Taken, upsert
from simulator.wire import Answer, Problem, Refusal, invalid, ok
from simulator.world import Call, World

ROWS = "/data/attributes/profiles/data"


def subscribe(call: Call) -> Answer:
    """Answer `POST /api/profile-subscription-bulk-create-jobs`, and do it at once.

    A double opt-in list takes nobody until they confirm, which nobody here does; `historical_import`
    goes past that.
    """
    attributes = call.body["data"]["attributes"]
    rows = attributes["profiles"]["data"]
    historical = bool(attributes.get("historical_import"))
    _check_subscribe(call, rows, historical=historical)
    with call.world.store.write() as db:
        found = _list(db, call)
        opt_in = found["opt_in_process"] if found else call.account.settings.opt_in_process
        if historical or opt_in == "single_opt_in":
            _subscribe(call, db, rows, found)
    return ok(None, status=202, items=len(rows), applied=True)


def unsubscribe(call: Call) -> Answer:
    """Answer `POST /api/profile-subscription-bulk-delete-jobs`, and do it at once.

    "Profiles not on the given list are globally unsubscribed."
    """
    rows = call.body["data"]["attributes"]["profiles"]["data"]
    with call.world.store.write() as db:
        found = _list(db, call)
        for row in rows:
            for n in _numbers(db, call.account.n, row["attributes"]):
                on_list = found and _is_member(db, found["n"], n)
                opt_out(call.world, db, n, found if on_list else None)
    return ok(None, status=202, items=len(rows), applied=True)


def opt_out(
    world: World, db: sqlite3.Connection, n: int, found: sqlite3.Row | None, *, leaves: bool = True
) -> None:
    """Let profile `n` unsubscribe from the list, or from everything when there is none.

    Leaving the list is part of unsubscribing from it; who unsubscribes from everything stays on lists,
    as Klaviyo's help says: sends skip them.
    """
    now = world.clock.now()
    _set_consent(db, n, "email", "UNSUBSCRIBED", "PREFERENCE_PAGE", now)
    db.execute(
        "INSERT OR REPLACE INTO suppressions (profile, list_id, reason, at) VALUES (?, ?, 'UNSUBSCRIBE', ?)",
        (n, found["id"] if found else "", now),
    )
    if found and leaves:
        leave(db, found["n"], [n])


def _check_subscribe(call: Call, rows: list[dict[str, Any]], *, historical: bool) -> None:
    problems = []
    for place, row in enumerate(rows):
        here = f"{ROWS}/{place}/attributes"
        attributes = row["attributes"]
        for name, detail in identifiers.problems(attributes).items():
            problems.append(Problem(detail, {"pointer": f"{here}/{name}"}))
        channels = attributes["subscriptions"]
        if "sms" in channels and not attributes.get("phone_number"):
            detail = "'phone_number' must not be empty when the sms channel is included in 'subscriptions'."
            problems.append(Problem(detail, {"pointer": f"{here}/phone_number"}))
        problems += _consented_at(call, channels, f"{here}/subscriptions", historical=historical)
    if problems:
        raise Refusal(400, *problems)


def _consented_at(call: Call, channels: dict[str, Any], here: str, *, historical: bool) -> list[Problem]:
    problems = []
    for channel, kinds in channels.items():
        for kind, consent in kinds.items():
            if kind not in ("marketing", "transactional"):
                continue
            given = consent.get("consented_at")
            pointer = {"pointer": f"{here}/{channel}/{kind}/consented_at"}
            if historical and (not given or parse(given) > call.world.clock.now()):
                problems.append(
                    Problem("'consented_at' must be in the past for a historical import.", pointer)
                )
            if given and not historical:
                problems.append(Problem("'consented_at' needs 'historical_import'.", pointer))
    return problems


def _subscribe(
    call: Call, db: sqlite3.Connection, rows: list[dict[str, Any]], found: sqlite3.Row | None
) -> None:
    now = call.world.clock.now()
    names = ("email", "phone_number")
    incoming = [Incoming({name: row["attributes"].get(name) for name in names}) for row in rows]
    taken = upsert(db, call.account.n, incoming, now=now, clears=False)
    numbers = []
    for row, outcome in zip(rows, taken, strict=True):
        if isinstance(outcome, Taken):
            numbers.append(outcome.n)
            for channel in row["attributes"]["subscriptions"].keys() & {"email", "sms"}:
                _set_consent(db, outcome.n, channel, "SUBSCRIBED", "SERVER", now)
            # "Subscribe removes UNSUBSCRIBE, SPAM_REPORT and USER_SUPPRESSED suppressions."
            db.execute("DELETE FROM suppressions WHERE profile = ?", (outcome.n,))
    if found:
        join(call.world, db, found["n"], numbers, precision=call.account.settings.joined_precision)


def _list(db: sqlite3.Connection, call: Call) -> sqlite3.Row | None:
    relationships = call.body["data"].get("relationships") or {}
    linked = (relationships.get("list") or {}).get("data")
    if not linked:
        return None
    try:
        return find_list(db, call.account, linked["id"])
    except Refusal as refusal:
        raise invalid(f"List ID {linked['id']} does not exist.") from refusal


def _numbers(db: sqlite3.Connection, account: int, attributes: dict[str, Any]) -> list[int]:
    found = db.execute(
        "SELECT n FROM profiles WHERE account = ? AND"
        " (email IN (SELECT value FROM json_each(?)) OR phone_number IN (SELECT value FROM json_each(?)))",
        (
            account,
            json.dumps([(attributes.get("email") or "").lower()]),
            json.dumps([attributes.get("phone_number") or ""]),
        ),
    )
    return [row["n"] for row in found.fetchall()]


def _is_member(db: sqlite3.Connection, list_n: int, n: int) -> bool:
    found = db.execute("SELECT 1 FROM members WHERE list = ? AND profile = ?", (list_n, n))
    return found.fetchone() is not None


def _set_consent(db: sqlite3.Connection, n: int, channel: str, consent: str, method: str, now: int) -> None:
    db.execute(
        "INSERT OR REPLACE INTO consents (profile, channel, consent, method, at) VALUES (?, ?, ?, ?, ?)",
        (n, channel, consent, method, now),
    )
