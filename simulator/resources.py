"""Shows profiles in the full form of Klaviyo's answers, or only the fields that were asked for."""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from simulator.clock import show, show_precisely

PLAIN = ("first_name", "last_name", "organization", "locale", "title", "image")
LOCATION = (
    "address1",
    "address2",
    "city",
    "country",
    "latitude",
    "longitude",
    "region",
    "zip",
    "timezone",
    "ip",
)
PREDICTIONS = (
    "historic_clv",
    "predicted_clv",
    "total_clv",
    "historic_number_of_orders",
    "predicted_number_of_orders",
    "average_days_between_orders",
    "average_order_value",
    "churn_probability",
    "expected_date_of_next_order",
    "ranked_channel_affinity",
)
COLUMNS = "p.n, p.id, p.email, p.phone_number, p.external_id, p.attributes, p.created, p.updated"


def profiles(
    db: sqlite3.Connection,
    rows: Sequence[sqlite3.Row],
    *,
    api: str,
    wanted: frozenset[str],
    extra: frozenset[str],
) -> list[dict[str, Any]]:
    """Return JSON:API resources for rows of `COLUMNS`, with `joined` where they are members of something.

    `wanted` is `fields[profile]`, empty for all; `extra` is `additional-fields[profile]`.
    """
    consents = _subscriptions(db, [row["n"] for row in rows]) if "subscriptions" in extra else {}
    shown = []
    for row in rows:
        attributes = _attributes(row, wanted)
        if "subscriptions" in extra:
            attributes["subscriptions"] = consents[row["n"]]
        if "predictive_analytics" in extra:
            attributes["predictive_analytics"] = dict.fromkeys(PREDICTIONS)
        shown.append(_resource(row["id"], _picked(attributes, wanted) if wanted else attributes, api))
    return shown


def _resource(profile_id: str, attributes: dict[str, Any], api: str) -> dict[str, Any]:
    here = f"{api}/profiles/{profile_id}"
    return {
        "type": "profile",
        "id": profile_id,
        "attributes": attributes,
        "relationships": {
            name: {"links": {"self": f"{here}/relationships/{name}", "related": f"{here}/{name}"}}
            for name in ("lists", "segments", "push-tokens")
        },
        "links": {"self": f"{here}"},
    }


def _attributes(row: sqlite3.Row, wanted: frozenset[str]) -> dict[str, Any]:
    attributes: dict[str, Any] = {
        "email": row["email"],
        "phone_number": row["phone_number"],
        "external_id": row["external_id"],
    }
    if not wanted or wanted - {"email", "phone_number", "external_id", "joined_group_at"}:
        attributes |= _remembered(row)
    if "joined" in row.keys():  # noqa: SIM118 - a row has keys but is not a mapping
        attributes["joined_group_at"] = show_precisely(row["joined"])
    return attributes


def _remembered(row: sqlite3.Row) -> dict[str, Any]:
    kept = json.loads(row["attributes"])
    location = kept.get("location") or {}
    return {
        **{name: kept.get(name) for name in PLAIN},
        "created": show(row["created"]),
        "updated": show(row["updated"]),
        "last_event_date": None,
        "location": {name: location.get(name) for name in LOCATION},
        "properties": kept.get("properties") or {},
    }


def _picked(attributes: dict[str, Any], wanted: Iterable[str]) -> dict[str, Any]:
    """Return only the wanted attributes; `location.city` asks for one member of one."""
    picked: dict[str, Any] = {}
    for path in wanted:
        *above, name = path.split(".")
        source: Any = attributes
        for step in above:
            source = source.get(step, {}) if isinstance(source, dict) else {}
        if isinstance(source, dict) and name in source:
            target = picked
            for step in above:
                target = target.setdefault(step, {})
            target[name] = source[name]
    return picked


def _subscriptions(db: sqlite3.Connection, numbers: list[int]) -> dict[int, dict[str, Any]]:
    wanted = json.dumps(numbers)
    found = {n: _never_subscribed() for n in numbers}
    given = db.execute("SELECT * FROM consents WHERE profile IN (SELECT value FROM json_each(?))", (wanted,))
    for row in given:
        _consent(found[row["profile"]], row)
    held_back = db.execute(
        "SELECT * FROM suppressions WHERE profile IN (SELECT value FROM json_each(?)) ORDER BY at", (wanted,)
    )
    for row in held_back:
        _suppress(found[row["profile"]]["email"]["marketing"], row)
    return found


def _consent(subscriptions: dict[str, Any], row: sqlite3.Row) -> None:
    channel = subscriptions[row["channel"]]["marketing"]
    moment = show(row["at"])
    channel |= {
        "consent": row["consent"],
        "consent_timestamp": moment,
        "last_updated": moment,
        "method": row["method"],
    }
    channel[f"can_receive_{row['channel']}_marketing"] = (
        row["consent"] != "UNSUBSCRIBED" if row["channel"] == "email" else row["consent"] == "SUBSCRIBED"
    )


def _suppress(marketing: dict[str, Any], row: sqlite3.Row) -> None:
    entry = {"reason": row["reason"], "timestamp": show(row["at"])}
    if row["list_id"]:
        marketing["list_suppressions"].append({"list_id": row["list_id"], **entry})
    else:
        marketing["suppression"].append(entry)
        marketing["can_receive_email_marketing"] = False


def _never_subscribed() -> dict[str, Any]:
    def silent(can_receive: str, possible: bool) -> dict[str, Any]:
        return {
            can_receive: possible,
            "consent": "NEVER_SUBSCRIBED",
            "consent_timestamp": None,
            "last_updated": None,
            "method": None,
            "method_detail": "",
        }

    email = silent("can_receive_email_marketing", True) | {
        "custom_method_detail": None,
        "double_optin": None,
        "suppression": [],
        "list_suppressions": [],
    }
    push = {"can_receive_push_marketing": False, "consent": "NEVER_SUBSCRIBED", "consent_timestamp": None}
    return {
        "email": {"marketing": email},
        "sms": {
            "marketing": silent("can_receive_sms_marketing", False),
            "transactional": silent("can_receive_sms_transactional", False),
        },
        "mobile_push": {"marketing": push},
    }
