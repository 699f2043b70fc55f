"""What the schema found, as sentences that a person can act on and that repeat no value."""

import difflib
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from api.configuration.schema import keys_at

_KINDS = {
    "string_type": "must be text (write it in quotes)",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping",
    "model_attributes_type": "must be a mapping",
    "string_too_short": "must not be empty",
    "string_pattern_mismatch": "must be a country as two capital letters, such as DE",
    "missing": "is missing",
}


def sentences(error: ValidationError) -> list[str]:
    """Return one sentence per finding, each beginning with the path to the place."""
    return [_sentence(found["loc"], found) for found in error.errors(include_url=False, include_input=False)]


def path(place: Sequence[str | int]) -> str:
    """Return e.g. `queries › VIP › sql`."""
    return " › ".join(str(part) for part in place if part != "[key]")


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """Return ` Did you mean “sql”?`, or nothing when no known word is near."""
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f" Did you mean “{near[0]}”?" if near else ""


def _sentence(place: tuple[str | int, ...], found: Any) -> str:
    where = path(place) or "the file"
    if place and place[-1] == "[key]":
        return f"{path(place[:-2]) or 'the file'}: a name here is empty, too long or not text; quote it."
    return f"{where}: {_what(place, found)}"


def _what(place: tuple[str | int, ...], found: Any) -> str:
    kind, context = found["type"], found.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown(str(place[-1]), keys_at(place))
    if kind == "literal_error":
        return f"must be one of {context['expected'].replace(' or ', ', ')}."
    if kind == "string_too_long":
        return f"must be at most {context['max_length']} characters long."
    if kind in ("greater_than_equal", "less_than_equal"):
        bound = context.get("ge", context.get("le"))
        return f"must be {'at least' if 'ge' in context else 'at most'} {bound:g}."
    if kind == "value_error":
        return f"{context['error']}."
    return f"{_KINDS.get(kind, 'cannot be read; look at its type')}."


def _unknown(key: str, known: Sequence[str]) -> str:
    meant = did_you_mean(key, known)
    return f"unknown key.{meant}" if meant else f"unknown key. Known here: {', '.join(known)}."
