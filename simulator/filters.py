"""Reads Klaviyo's filters, e.g. `any(email,["a@example.org"]),less-than(joined_group_at,2026-01-01)`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from simulator import clock
from simulator.wire import Refusal, bad_parameter

TOKEN = re.compile(
    r"""\s*(?:
    (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<mark>[(),\[\]])
    | (?P<word>[^\s(),\[\]"']+)
    )""",
    re.VERBOSE,
)
SQL = {
    "equals": "=",
    "greater-than": ">",
    "greater-or-equal": ">=",
    "less-than": "<",
    "less-or-equal": "<=",
}


@dataclass(frozen=True)
class Text:
    """A quoted literal."""

    value: str


@dataclass(frozen=True)
class Condition:
    """`value` is text, a list of texts, a moment in microseconds or a truth value, as the field demands."""

    operator: str
    field: str
    value: Any

    @property
    def values(self) -> list[Any]:
        return self.value if isinstance(self.value, list) else [self.value]


def parse(text: str | None, allowed: dict[str, dict]) -> tuple[Condition, ...]:
    """Return the conditions, all of which must hold.

    `allowed` is `x-klaviyo-filters` of the operation. Raises Refusal (400) for anything Klaviyo would
    not read, for example an unquoted text or a quoted time.
    """
    if text is None:
        return ()
    try:
        found = _conditions(list(_tokens(text)))
    except (ValueError, IndexError, StopIteration) as error:
        raise _wrong() from error
    return tuple(_typed(condition, allowed) for condition in found)


def _tokens(text: str) -> Iterator[str | Text]:
    position = 0
    while position < len(text.rstrip()):
        match = TOKEN.match(text, position)
        if match is None:
            raise ValueError("not a token")
        position = match.end()
        if match["string"]:
            yield Text(re.sub(r"\\(.)", r"\1", match["string"][1:-1]))
        else:
            yield match["mark"] or match["word"]


def _conditions(tokens: list[str | Text]) -> list[Condition]:
    found = []
    position = 0
    while True:
        if tokens[position] == "and":
            inner, position = _until_closed(tokens, position + 1)
            found += _conditions(inner)
        else:
            condition, position = _condition(tokens, position)
            found.append(condition)
        if position == len(tokens):
            return found
        _expect(tokens, position, ",")
        position += 1


def _until_closed(tokens: list[str | Text], start: int) -> tuple[list[str | Text], int]:
    _expect(tokens, start, "(")
    depth, position = 1, start
    while depth:
        position += 1
        depth += (tokens[position] == "(") - (tokens[position] == ")")
    return tokens[start + 1 : position], position + 1


def _condition(tokens: list[str | Text], position: int) -> tuple[Condition, int]:
    operator, field = tokens[position], tokens[position + 2]
    if isinstance(operator, Text) or isinstance(field, Text):
        raise ValueError("an operator and a field are not quoted")
    _expect(tokens, position + 1, "(")
    _expect(tokens, position + 3, ",")
    value, position = _value(tokens, position + 4)
    _expect(tokens, position, ")")
    return Condition(operator, field, value), position + 1


def _value(tokens: list[str | Text], position: int) -> tuple[Any, int]:
    if tokens[position] != "[":
        if tokens[position] in ("(", ")", ",", "]"):
            raise ValueError("a value is missing")
        return tokens[position], position + 1
    values: list[str | Text] = []
    while tokens[position] != "]":
        values.append(tokens[position + 1])
        position += 2
        if tokens[position] not in (",", "]"):
            raise ValueError("a list is not closed")
    return values, position + 1


def _expect(tokens: list[str | Text], position: int, mark: str) -> None:
    if tokens[position] != mark:
        raise ValueError(f"{mark} is missing")


def _typed(condition: Condition, allowed: dict[str, dict]) -> Condition:
    if condition.field not in allowed:
        raise bad_parameter(f"'{condition.field}' is not a field that can be filtered.", "filter")
    rule = allowed[condition.field]
    operators = {name for names in rule["operators"].values() for name in names}
    if condition.operator not in operators:
        raise bad_parameter(f"'{condition.operator}' cannot be used on '{condition.field}'.", "filter")
    if (condition.operator == "any") != isinstance(condition.value, list):
        raise _wrong()
    try:
        values = [_literal(value, rule["value"]) for value in condition.values]
    except (ValueError, KeyError) as error:
        raise _wrong() from error
    return Condition(
        condition.operator, condition.field, values if condition.operator == "any" else values[0]
    )


def _literal(value: str | Text, rule: dict) -> Any:
    if rule.get("format") == "date-time":
        if isinstance(value, Text):
            raise ValueError("a time is not quoted")
        return clock.parse(value)
    if rule["type"] == "boolean":
        return {"true": True, "false": False}[value if isinstance(value, str) else ""]
    if not isinstance(value, Text):
        raise ValueError("a text must be quoted")
    if "enum" in rule and value.value not in rule["enum"]:
        raise ValueError("not one of the values")
    return value.value


def _wrong() -> Refusal:
    return bad_parameter("Invalid filter provided", "filter")
