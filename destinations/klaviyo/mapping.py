"""Rows to profiles: which fields Klaviyo's profiles have, and how a row becomes one."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from destinations import mapping_problems
from destinations.calls import encode

TYPES = ("text", "number", "boolean", "date", "json")

# ProfileUpsertQueryResourceObject of the OpenAPI document, less `_kx` and `email`, which has its own column.
ATTRIBUTES: dict[str, str] = {
    "phone_number": "Phone number",
    "external_id": "External id",
    "first_name": "First name",
    "last_name": "Last name",
    "organization": "Organization",
    "locale": "Locale",
    "title": "Title",
    "image": "Image address",
}
LOCATION: dict[str, str] = {
    "location.address1": "Address, first line",
    "location.address2": "Address, second line",
    "location.city": "City",
    "location.country": "Country",
    "location.region": "Region",
    "location.zip": "Postcode",
    "location.timezone": "Time zone",
    "location.latitude": "Latitude",
    "location.longitude": "Longitude",
    "location.ip": "IP address",
}
STANDARD: dict[str, str] = ATTRIBUTES | LOCATION
EMAIL = "email"
PROPERTY = "properties."
_NUMBERS = frozenset({"location.latitude", "location.longitude"})
MAX_PROPERTY_CHARS = 255


@dataclass(frozen=True)
class Target:
    """Where one column goes: `name` is a standard attribute, `location.…` or `properties.…`."""

    name: str
    type: str


@dataclass(frozen=True)
class Profile:
    """One row as a resource of an import. `bytes` is its size in the request."""

    row_no: int
    key: str
    resource: dict[str, Any] = field(repr=False)
    bytes: int


def problems(mapping: Sequence[Mapping[str, Any]], *, columns: Iterable[str] | None = None) -> list[str]:
    """Return in sentences why a mapping (of `column`, `target`, `type`) cannot be used; nothing if it can.

    `columns` are those of the query, when it is known.
    """
    return mapping_problems.problems(
        mapping, columns=columns, of_target=_target_problems, takes_one="Each field takes one."
    )


def _target_problems(target: str, kind: str) -> list[str]:
    found = []
    if target == EMAIL:
        # Says which column holds the addresses, for a query with several; they go out as they are.
        if kind != "text":
            found.append(f"The e-mail address is text, not {kind}.")
        return found
    if target.startswith(PROPERTY):
        name = target.removeprefix(PROPERTY)
        if not name.strip() or name != name.strip():
            found.append(f'The property "{name}" needs a name without white space around it.')
        elif len(name) > MAX_PROPERTY_CHARS:
            found.append(f"A property's name has at most {MAX_PROPERTY_CHARS} characters.")
    elif target not in STANDARD:
        found.append(f'Klaviyo\'s profiles have no field "{target}". Use a standard one or "properties.…".')
    if kind not in TYPES:
        found.append(f'"{kind}" is no type. Use one of {", ".join(TYPES)}.')
    elif target in STANDARD and kind not in (("text", "number") if target in _NUMBERS else ("text",)):
        found.append(f'"{target}" takes {"a number" if target in _NUMBERS else "text"}, not {kind}.')
    return found


def targets(mapping: Sequence[Mapping[str, Any]]) -> tuple[Target, ...]:
    """Return the targets of a mapping that has no problems; the address is in every profile anyway."""
    return tuple(Target(entry["target"], entry["type"]) for entry in mapping if entry["target"] != EMAIL)


def profile(row: Mapping[str, Any], fields: Sequence[Target]) -> Profile:
    """Return the profile of a row with `row_no`, `key`, `email` and a column named by each target.

    Empty values are left out: in an import, null does not clear a field.
    """
    attributes: dict[str, Any] = {"email": row["email"]}
    for target in fields:
        value = _value(row.get(target.name), target)
        if value is not None:
            _place(attributes, target.name, value)
    resource = {"type": "profile", "attributes": attributes}
    return Profile(row["row_no"], row["key"], resource, len(encode(resource)))


def _place(attributes: dict[str, Any], name: str, value: Any) -> None:
    group, dot, rest = name.partition(".")
    if dot:
        attributes.setdefault(group, {})[rest] = value
    else:
        attributes[name] = value


def _value(raw: Any, target: Target) -> Any:
    """Return the JSON value of a cell, None for an empty one."""
    if raw is None or raw == "":
        return None
    if target.type == "json":
        return _finite(json.loads(raw) if isinstance(raw, str) else raw)
    if target.type == "boolean":
        return bool(raw)
    if target.type == "number":
        return _number(raw)
    return str(raw)


def _number(raw: Any) -> int | float | None:
    if isinstance(raw, str):
        raw = float(raw)
    if isinstance(raw, Decimal):
        raw = int(raw) if raw == raw.to_integral_value() else float(raw)
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        return int(raw)
    if isinstance(raw, float) and not math.isfinite(raw):
        return None
    return raw


def _finite(value: Any) -> Any:
    # NaN passes Python's JSON reader and no other one.
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {name: _finite(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_finite(inner) for inner in value]
    return value
