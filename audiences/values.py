"""How one value becomes text or a typed field: one rule for child and parent."""

import datetime
import json
import math
import re
from collections.abc import Callable
from decimal import Decimal

MAX_INT64 = 2**63 - 1
MAX_EXACT_IN_DOUBLE = 2**53
MAX_NUMBER_CHARS = 400
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?\Z", re.ASCII)
_TRUE = frozenset(("true", "t", "yes", "y", "1"))
_FALSE = frozenset(("false", "f", "no", "n", "0"))


class WrongType(ValueError):
    """The value is not what the field says it is; the text of this error holds no value."""


def as_text(value: object) -> str:
    """Write any value as text: dates in ISO 8601, whole numbers without `.0`, nested values as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < MAX_EXACT_IN_DOUBLE else repr(value)
    if isinstance(value, Decimal):
        return format(value, "f") if value.is_finite() else str(value)
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode("utf-8", "replace")
    if isinstance(value, dict | list | tuple):
        return as_json(value)
    return str(value)


def as_json(value: object) -> str:
    """Write a nested value as JSON that is the same for the same value."""
    plain = json.dumps(value, default=as_text, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return plain.encode("utf-8", "replace").decode()


def text_field(value: object) -> str | None:
    """Return the text as it is; a blank one is no value."""
    text = as_text(value)
    return text if text and not text.isspace() else None


def number_field(value: object) -> int | float | None:
    """Return a whole number as int, any other as float. Raises WrongType for what is no number."""
    if isinstance(value, Decimal):
        value = as_text(value)
    if isinstance(value, str):
        return _number_of_text(value.strip())
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise WrongType
    return _within_int64(value) if isinstance(value, int) else _plain_float(value)


def _number_of_text(text: str) -> int | float | None:
    if not text:
        return None
    if not _NUMBER.match(text) or len(text) > MAX_NUMBER_CHARS:
        raise WrongType
    # A whole number is read digit by digit: a float would round a long one.
    return _within_int64(int(text)) if text.lstrip("+-").isdigit() else _plain_float(float(text))


def _plain_float(number: float) -> int | float:
    if not math.isfinite(number):
        raise WrongType
    return int(number) if number.is_integer() and abs(number) < MAX_EXACT_IN_DOUBLE else number


def _within_int64(value: int) -> int:
    if abs(value) > MAX_INT64:
        raise WrongType
    return value


def boolean_field(value: object) -> bool | None:
    """Return a truth value written as true/false, t/f, yes/no, y/n or 1/0."""
    if isinstance(value, bool):
        return value
    word = as_text(value).strip().lower()
    if not word:
        return None
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise WrongType


def date_field(value: object) -> str | None:
    """Return a date, or a date with its time, in ISO 8601; a time with an offset becomes UTC."""
    if isinstance(value, datetime.datetime | datetime.date):
        value = value.isoformat()
    if not isinstance(value, str):
        raise WrongType
    text = value.strip()
    if not text:
        return None
    try:
        if len(text) == 10:
            return datetime.date.fromisoformat(text).isoformat()
        moment = datetime.datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            moment = moment.astimezone(datetime.UTC)
    except (ValueError, OverflowError) as error:
        raise WrongType from error
    return moment.isoformat()


def json_field(value: object) -> str | None:
    """Return JSON text in one canonical form; text must already be JSON."""
    if isinstance(value, str):
        if not value.strip():
            return None
        try:
            value = json.loads(value, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise WrongType from error
    return as_json(value)


def _no_constant(name: str) -> object:
    raise ValueError(name)


FIELD_TYPES: dict[str, Callable[[object], object]] = {
    "text": text_field,
    "number": number_field,
    "boolean": boolean_field,
    "date": date_field,
    "json": json_field,
}
