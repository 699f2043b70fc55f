"""Finds the profile a row is about, or makes one, and lays the row's values over what is known."""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from simulator.identifiers import is_dialable
from simulator.ids import profile_id, time_prefix
from simulator.resources import PLAIN

# "Profile ID > External ID > Email > Phone", from the help centre's page on identity resolution.
IDENTIFIERS = ("external_id", "email", "phone_number")


@dataclass(frozen=True)
class Incoming:
    """A profile as it was sent: `attributes` and `meta` are those of the resource, `id` may be missing."""

    attributes: dict[str, Any]
    id: str | None = None
    meta: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Taken:
    """The row is now profile number `n`."""

    n: int
    id: str
    created: bool


@dataclass(frozen=True)
class Failed:
    """The row changed nothing. `other` is the id of the profile that stands in the way, if any."""

    code: str
    title: str
    detail: str
    other: str | None = None


Outcome = Taken | Failed | None


@dataclass
class _Person:
    n: int
    id: str
    identifiers: dict[str, str | None]
    kept: dict[str, Any]
    new: bool = False
    renamed: bool = False
    changed: bool = False


def upsert(
    db: sqlite3.Connection, account: int, rows: Sequence[Incoming], *, now: int, clears: bool
) -> list[Outcome]:
    """Create or update a profile for each row, in order; a later row sees what an earlier one did.

    `clears` tells whether null empties a field (the single upsert) or is passed over (the bulk import).
    The outcome is None for a row that has no identifier left once a number that is too short is dropped.
    """
    people = _People(db, account, rows, now)
    outcomes = [people.settle(row, clears=clears) for row in rows]
    people.save()
    return outcomes


class _People:
    """The profiles a set of rows may be about, by each of their identifiers."""

    def __init__(self, db: sqlite3.Connection, account: int, rows: Sequence[Incoming], now: int) -> None:
        self._db, self._account, self._now = db, account, now
        self._prefix = time_prefix(now)
        self._next = db.execute("SELECT coalesce(max(n), 0) + 1 FROM profiles").fetchone()[0]
        self._all: dict[int, _Person] = {}
        self._by: dict[str, dict[str, _Person]] = {name: {} for name in ("id", *IDENTIFIERS)}
        self._load("id", [row.id for row in rows])
        for name in IDENTIFIERS:
            self._load(name, [_identifier(row.attributes, name) for row in rows])

    def settle(self, row: Incoming, *, clears: bool) -> Outcome:
        wanted = {name: _identifier(row.attributes, name) for name in IDENTIFIERS}
        if row.id is None and not any(wanted.values()):
            return None
        person = self._by["id"].get(row.id) if row.id else self._first(wanted)
        if person is None and row.id:
            return Failed("not_found", "Not found.", f"A profile with id {row.id} does not exist.")
        owners = [self._by[name].get(value) for name, value in wanted.items() if value]
        other = next((owner for owner in owners if owner and person and owner is not person), None)
        if other:
            detail = "A profile already exists with one of these identifiers."
            return Failed("duplicate_profile", "Conflict.", detail, other.id)
        if person is None:
            person = self._create()
        self._rename(person, row.attributes, wanted, clears=clears)
        person.changed |= lay_over(person.kept, row, clears=clears)
        return Taken(person.n, person.id, person.new)

    def save(self) -> None:
        """Write what changed. Old identifiers go first, so that two rows may swap theirs."""
        changed = [p for p in self._all.values() if p.new or p.renamed or p.changed]
        self._db.executemany(
            "UPDATE profiles SET email = NULL, phone_number = NULL, external_id = NULL WHERE n = ?",
            [(p.n,) for p in changed if p.renamed and not p.new],
        )
        self._db.executemany(
            "INSERT INTO profiles"
            " (n, account, id, email, phone_number, external_id, attributes, created, updated)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [(p.n, self._account, p.id, *_columns(p), self._now, self._now) for p in changed if p.new],
        )
        self._db.executemany(
            "UPDATE profiles SET email = ?, phone_number = ?, external_id = ?, attributes = ?, updated = ?"
            " WHERE n = ?",
            [(*_columns(p), self._now, p.n) for p in changed if not p.new],
        )

    def _first(self, wanted: dict[str, str | None]) -> _Person | None:
        found = (self._by[name].get(value) for name, value in wanted.items() if value)
        return next((person for person in found if person), None)

    def _create(self) -> _Person:
        n, self._next = self._next, self._next + 1
        empty: dict[str, str | None] = dict.fromkeys(IDENTIFIERS)
        person = _Person(n, profile_id(self._prefix, n), empty, {}, new=True)
        self._all[n] = person
        self._by["id"][person.id] = person
        return person

    def _rename(
        self, person: _Person, given: dict[str, Any], wanted: dict[str, str | None], *, clears: bool
    ) -> None:
        for name, value in wanted.items():
            emptied = clears and name in given and given[name] is None
            if value == person.identifiers[name] or (value is None and not emptied):
                continue
            old = person.identifiers[name]
            if old is not None:
                self._by[name].pop(old, None)
            if value is not None:
                self._by[name][value] = person
            person.identifiers[name] = value
            person.renamed = True

    def _load(self, name: str, values: Iterable[str | None]) -> None:
        wanted = json.dumps([value for value in values if value])
        found = self._db.execute(
            "SELECT n, id, external_id, email, phone_number, attributes FROM profiles"  # noqa: S608 - fixed names
            f" WHERE account = ? AND {name} IN (SELECT value FROM json_each(?))",
            (self._account, wanted),
        )
        for row in found.fetchall():
            self._keep(row)

    def _keep(self, row: sqlite3.Row) -> None:
        if row["n"] in self._all:
            return
        identifiers = {name: row[name] for name in IDENTIFIERS}
        person = _Person(row["n"], row["id"], identifiers, json.loads(row["attributes"]))
        self._all[person.n] = person
        self._by["id"][person.id] = person
        for name, value in identifiers.items():
            if value is not None:
                self._by[name][value] = person


def lay_over(kept: dict[str, Any], row: Incoming, *, clears: bool) -> bool:
    """Put the row's values into `kept` and tell whether that changed anything; absent ones stay."""
    changed = False
    for name in PLAIN:
        if name in row.attributes:
            changed |= _put(kept, name, row.attributes[name], clears=clears)
    for group in ("location", "properties"):
        given = row.attributes.get(group)
        if given:
            target = kept.setdefault(group, {})
            for name, value in given.items():
                changed |= _put(target, name, value, clears=clears)
    patch = row.meta.get("patch_properties")
    if patch:
        _patch(kept.setdefault("properties", {}), patch)
        changed = True
    return changed


def _put(target: dict[str, Any], name: str, value: Any, *, clears: bool) -> bool:
    if value is None:
        return clears and target.pop(name, None) is not None
    if name in target and target[name] == value:
        return False
    target[name] = value
    return True


def _patch(properties: dict[str, Any], patch: dict[str, Any]) -> None:
    for name, value in (patch.get("append") or {}).items():
        properties[name] = _as_list(properties.get(name)) + _as_list(value)
    for name, value in (patch.get("unappend") or {}).items():
        gone = _as_list(value)
        properties[name] = [item for item in _as_list(properties.get(name)) if item not in gone]
    for name in _as_list(patch.get("unset")):
        properties.pop(name, None)


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]


def _identifier(attributes: dict[str, Any], name: str) -> str | None:
    """Return an identifier as Klaviyo keeps it: addresses in lower case, numbers that are too short gone."""
    value = attributes.get(name)
    if not value:
        return None
    if name == "email":
        return value.lower()
    if name == "phone_number" and not is_dialable(value):
        return None
    return value


def _columns(person: _Person) -> tuple[str | None, str | None, str | None, str]:
    who = person.identifiers
    return who["email"], who["phone_number"], who["external_id"], json.dumps(person.kept, ensure_ascii=False)
