"""What the columns of a query seem to mean, told from their names and from a few of their values."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from audiences import normalise

EMAIL, PHONE, EXTERNAL_ID = "email", "phone", "external_id"
SAMPLED_ROWS = 200
# A column counts as e-mail or phone when at least this share of its sampled values is one.
ENOUGH = 0.8
_BY_NAME = {
    EMAIL: re.compile(r"(^|_)e_?mail(_?addr(ess)?)?($|_\d+$)"),
    PHONE: re.compile(r"(^|_)(phone|mobile|cell|telephone|tel|msisdn)(_?(no|nr|number))?$"),
    EXTERNAL_ID: re.compile(
        r"^(external|ext|customer|user|member|client|person|contact|account)_?(id|key|no|number)$"
    ),
}
_PERSONAL = re.compile(
    r"(^|_)(first|last|full|given|family|sur|middle|maiden)?_?name$|address|street|zip|postal|postcode|birth|dob$"
    r"|(^|_)(ip|ssn|passport|iban|gender|latitude|longitude|lat|lng)($|_)|e_?mail|phone|mobile|fax"
)


@dataclass(frozen=True, slots=True)
class Column:
    """One column: `type` is a label of the wire's, `meaning` is email, phone, external_id or None."""

    name: str
    type: str
    meaning: str | None
    pii: bool


def describe(schema: pa.Schema, sample: Sequence[pa.RecordBatch]) -> list[Column]:
    """Describe every column from the stream's schema and the first rows."""
    values = {name: _values(name, sample) for name in schema.names}
    return [
        _column(field.name, (field.metadata or {}).get(b"label", b"text").decode(), values[field.name])
        for field in schema
    ]


def _values(name: str, sample: Sequence[pa.RecordBatch]) -> list[object]:
    found: list[object] = []
    for batch in sample:
        found += batch.column(name).slice(0, SAMPLED_ROWS - len(found)).to_pylist()
    return [value for value in found if value is not None]


def _column(name: str, label: str, values: Sequence[object]) -> Column:
    plain = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().replace(" ", "_").replace("-", "_")
    meaning = _meaning(plain, values)
    return Column(name, label, meaning, pii=meaning is not None or bool(_PERSONAL.search(plain)))


def _meaning(plain_name: str, values: Sequence[object]) -> str | None:
    by_name = next((meaning for meaning, name in _BY_NAME.items() if name.search(plain_name)), None)
    emails = sum(_is_email(value) for value in values)
    if values and emails >= ENOUGH * len(values):
        return EMAIL
    if by_name == EMAIL and values and not emails:
        return None
    if by_name:
        return by_name
    phones = sum(_looks_like_phone(value) for value in values)
    return PHONE if values and phones >= ENOUGH * len(values) else None


def _is_email(value: object) -> bool:
    try:
        return isinstance(value, str) and bool(normalise.email(value))
    except normalise.Refused:
        return False


def _looks_like_phone(value: object) -> bool:
    # Without a country only numbers written internationally can be told from other numbers.
    if not isinstance(value, str) or not value.lstrip().startswith("+"):
        return False
    try:
        return bool(normalise.phone(value, None))
    except normalise.Refused:
        return False
