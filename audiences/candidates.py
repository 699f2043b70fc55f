"""The rule that turns rows as found into candidates: one clean, typed, keyed row, or a reason why not."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pyarrow as pa

from audiences import normalise
from audiences.errors import ColumnGone
from audiences.keys import Keyer
from audiences.values import FIELD_TYPES, MAX_EXACT_IN_DOUBLE, WrongType, as_text

PHONE_TARGET = "phone_number"
DUPLICATE_RULES = ("most_complete", "first", "last", "refuse")
MAX_KEPT_CHARS = 320
FIXED = (("row_no", pa.int64()), ("key", pa.string()), ("row_hash", pa.string()), ("email", pa.string()))
NOT_LOADED = pa.schema(
    [
        ("row_no", pa.int64()),
        ("reason", pa.string()),
        ("column_name", pa.string()),
        ("key", pa.string()),
        ("email", pa.string()),
        ("value", pa.string()),
    ]
)
_ARROW = {"boolean": pa.bool_(), "number": pa.float64()}


@dataclass(frozen=True, slots=True)
class Field:
    """A column that becomes a field: `target` is the destination's path, `type` a key of `FIELD_TYPES`."""

    column: str
    target: str
    type: str = "text"


@dataclass(frozen=True, slots=True)
class CandidateSpec:
    """Which columns make a candidate; `email` names the column of the address."""

    email: str
    fields: tuple[Field, ...] = ()
    default_country: str | None = None
    duplicates: str = "most_complete"

    def __post_init__(self) -> None:
        if self.duplicates not in DUPLICATE_RULES:
            raise ValueError(f"duplicates is one of {', '.join(DUPLICATE_RULES)}")
        targets = [each.target for each in self.fields]
        taken = {name for name, _ in FIXED}
        if len(set(targets)) < len(targets) or taken & set(targets):
            raise ValueError("every target is filled by one column, and the address only by its own")
        if any(each.type not in FIELD_TYPES for each in self.fields):
            raise ValueError(f"the type of a field is one of {', '.join(FIELD_TYPES)}")


@dataclass(slots=True)
class Refusals:
    """Rows that will not be sent, column by column as `NOT_LOADED` has them.

    `value` is what stood in the refused column, so that a way out can be tried on it.
    """

    row_no: list[int] = field(default_factory=list)
    reason: list[str] = field(default_factory=list)
    column_name: list[str | None] = field(default_factory=list)
    key: list[str | None] = field(default_factory=list)
    email: list[str | None] = field(default_factory=list)
    value: list[str | None] = field(default_factory=list)

    def batch(self) -> pa.RecordBatch:
        columns = (self.row_no, self.reason, self.column_name, self.key, self.email, self.value)
        return pa.RecordBatch.from_arrays(
            [pa.array(values, kind) for values, kind in zip(columns, NOT_LOADED.types, strict=True)],
            schema=NOT_LOADED,
        )


class Cleaner:
    """Cleans batches of one query. Raises ColumnGone when the spec does not fit."""

    def __init__(self, spec: CandidateSpec, columns: pa.Schema, keyer: Keyer) -> None:
        self._email = _index_of(spec.email, columns)
        self._fields = [
            (_index_of(each.column, columns), each, _converter(each, spec)) for each in spec.fields
        ]
        self._names = {index: each.column for index, each, _ in self._fields}
        kinds = [_arrow_type(each, columns.field(index).type) for index, each, _ in self._fields]
        self._key = keyer.key_of_clean
        # Sorted by target, so that a mapping written in another order does not change every row.
        self._order = sorted(range(len(spec.fields)), key=lambda place: spec.fields[place].target)
        self._row_hash = keyer.row_hasher([spec.fields[place].target for place in self._order])
        targets = [each.target for each in spec.fields]
        self.schema = pa.schema([*FIXED, *zip(targets, kinds, strict=True)])

    def clean(self, batch: pa.RecordBatch, first_row_no: int) -> tuple[pa.RecordBatch, Refusals]:
        """Return the good rows in `schema`, and the others with their reasons."""
        raw_emails = batch.column(self._email).to_pylist()
        emails, bad = _cleaned(raw_emails, normalise.email, email=True)
        refused = {place: (reason, self._email) for place, reason in bad.items()}
        values = []
        for (index, _, convert), kind in zip(self._fields, self.schema.types[len(FIXED) :], strict=True):
            cleaned, bad = _cleaned(batch.column(index).to_pylist(), convert)
            if kind == pa.float64():
                bad |= _inexact(cleaned)
            for place, reason in bad.items():
                refused.setdefault(place, (reason, index))
            values.append(cleaned)
        refusals = self._refusals(refused, batch, emails, first_row_no)
        return self._candidates(emails, values, refused, first_row_no), refusals

    def _refusals(
        self,
        refused: dict[int, tuple[str, int]],
        batch: pa.RecordBatch,
        emails: Sequence[str | None],
        first_row_no: int,
    ) -> Refusals:
        found = Refusals()
        for place in sorted(refused):
            reason, index = refused[place]
            email = emails[place]
            found.row_no.append(first_row_no + place)
            found.reason.append(reason)
            # By the name the data template knows it under, which may differ in case.
            found.column_name.append(self._names.get(index, batch.schema.names[index]))
            found.key.append(self._key(email) if email is not None else None)
            found.email.append(_kept(batch, self._email, place))
            found.value.append(_kept(batch, index, place))
        return found

    def _candidates(
        self,
        emails: list[Any],
        values: list[list[Any]],
        refused: Mapping[int, object],
        first_row_no: int,
    ) -> pa.RecordBatch:
        numbers: Sequence[int] = range(first_row_no, first_row_no + len(emails))
        if refused:
            kept = [place for place in range(len(emails)) if place not in refused]
            emails = [emails[place] for place in kept]
            values = [[column[place] for place in kept] for column in values]
            numbers = [first_row_no + place for place in kept]
        hashed = [values[place] for place in self._order]
        rows = zip(*hashed, strict=True) if hashed else [()] * len(emails)
        key, row_hash = self._key, self._row_hash
        arrays = [numbers, [key(email) for email in emails], [row_hash(row) for row in rows], emails, *values]
        return pa.RecordBatch.from_arrays(
            [pa.array(column, kind) for column, kind in zip(arrays, self.schema.types, strict=True)],
            schema=self.schema,
        )


def _kept(batch: pa.RecordBatch, index: int, place: int) -> str | None:
    """What stood in a cell, cut to what is worth keeping of it."""
    raw = batch.column(index)[place].as_py()
    return None if raw is None else as_text(raw)[:MAX_KEPT_CHARS]


def _index_of(name: str, columns: pa.Schema) -> int:
    for same in (lambda other: other == name, lambda other: other.lower() == name.lower()):
        found = [index for index, other in enumerate(columns.names) if same(other)]
        if found:
            return found[0]
    raise ColumnGone(name, tuple(columns.names))


def _converter(each: Field, spec: CandidateSpec) -> Callable[[object], object]:
    if each.target == PHONE_TARGET:
        return partial(_phone_field, default_country=spec.default_country)
    return FIELD_TYPES[each.type]


def _phone_field(value: object, default_country: str | None) -> str | None:
    if isinstance(value, str) and not normalise.trimmed(value):
        return None
    return normalise.phone(value, default_country)


def _arrow_type(each: Field, found: pa.DataType) -> pa.DataType:
    if each.target == PHONE_TARGET:
        return pa.string()
    if each.type == "number" and found == pa.int64():
        return pa.int64()
    return _ARROW.get(each.type, pa.string())


def _cleaned(
    values: Sequence[object], convert: Callable[[object], object], *, email: bool = False
) -> tuple[list, dict[int, str]]:
    """Convert a column; what cannot be is None in the list and has its reason in the dict."""
    cleaned: list[object] = []
    bad: dict[int, str] = {}
    for place, value in enumerate(values):
        try:
            cleaned.append(None if value is None and not email else convert(value))
        except normalise.Refused as refused:
            cleaned.append(None)
            bad[place] = refused.reason
        except WrongType:
            cleaned.append(None)
            bad[place] = normalise.VALUE_TYPE
    return cleaned, bad


def _inexact(values: Sequence[object]) -> dict[int, str]:
    """Find whole numbers that a double would change: another number must not be sent in silence."""
    return {
        place: normalise.VALUE_TYPE
        for place, value in enumerate(values)
        if type(value) is int and abs(value) > MAX_EXACT_IN_DOUBLE
    }
