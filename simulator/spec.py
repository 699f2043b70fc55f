"""Knows what Klaviyo's OpenAPI document says of each operation: path, limits, scopes, filters and schemas."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs

DOCUMENT = Path(__file__).parent / "openapi.json"

# 2026-07-15 is the revision of the document; 2026-10-15 is what the official SDK 25.0.0 sends.
REVISIONS = frozenset({"2026-07-15", "2026-10-15"})

SECONDS = {"s": 1, "m": 60, "d": 86_400}


@dataclass(frozen=True)
class Window:
    """At most `quota` requests in `seconds` seconds."""

    seconds: int
    quota: int


@dataclass(frozen=True)
class Parameter:
    name: str
    kind: str
    choices: frozenset[str]
    minimum: int | None
    maximum: int | None
    default: int | None


@dataclass(frozen=True)
class Slower:
    """The windows that count instead when `parameter` asks for `value`."""

    parameter: str
    value: str
    windows: tuple[Window, ...]


@dataclass(frozen=True)
class Operation:
    """One method on one path. `name` is like `GET /api/lists/{id}`."""

    name: str
    method: str
    template: str
    parts: tuple[str, ...]
    windows: tuple[Window, ...]
    slower: tuple[Slower, ...]
    scopes: frozenset[str]
    parameters: dict[str, Parameter]
    filters: dict[str, dict]
    body: jsonschema_rs.Draft202012Validator | None = field(compare=False, default=None)


@dataclass(frozen=True)
class Route:
    operation: Operation
    params: dict[str, str]


class Spec:
    """The operations of one document, found by method and path."""

    def __init__(self, document: dict) -> None:
        schemas = document["components"]["schemas"]
        self._closed = {name: _json_schema(node, closed=True) for name, node in schemas.items()}
        self._open = {name: _json_schema(node, closed=False) for name, node in schemas.items()}
        self.operations: dict[str, Operation] = {}
        self._by_length: dict[int, list[Operation]] = {}
        for template, methods in document["paths"].items():
            for method, node in methods.items():
                operation = self._operation(method.upper(), template, node)
                self.operations[operation.name] = operation
                self._by_length.setdefault(len(operation.parts), []).append(operation)

    def route(self, method: str, path: str) -> Route | None:
        """Return the operation that answers, or None when the path or the method is unknown."""
        for operation, params in self._matching(path):
            if operation.method == method:
                return Route(operation, params)
        return None

    def knows_path(self, path: str) -> bool:
        return any(True for _ in self._matching(path))

    def _matching(self, path: str) -> Iterator[tuple[Operation, dict[str, str]]]:
        parts = tuple(path.strip("/").split("/"))
        for operation in self._by_length.get(len(parts), ()):
            params = _match(operation.parts, parts)
            if params is not None:
                yield operation, params

    def _operation(self, method: str, template: str, node: dict) -> Operation:
        return Operation(
            name=f"{method} {template}",
            method=method,
            template=template,
            parts=tuple(template.strip("/").split("/")),
            windows=_windows(node["x-klaviyo-ratelimit"]),
            slower=tuple(Slower(s["parameter"], s["value"], _windows(s)) for s in node["x-slower"]),
            scopes=frozenset(node.get("x-klaviyo-scopes", ())),
            parameters={p["name"]: _parameter(p) for p in node["parameters"] if p["in"] == "query"},
            filters=node.get("x-klaviyo-filters", {}),
            body=self._body_validator(node),
        )

    def _body_validator(self, node: dict) -> jsonschema_rs.Draft202012Validator | None:
        if "requestBody" not in node:
            return None
        reference = node["requestBody"]["content"]["application/vnd.api+json"]["schema"]["$ref"]
        return self.validator(reference.rsplit("/", 1)[1])

    def validator(self, schema: str, *, closed: bool = True) -> jsonschema_rs.Draft202012Validator:
        """Return a validator for the schema of that name.

        `closed` makes unknown members of an object errors, as Klaviyo does with what it is sent; the
        schemas of answers are written with `allOf` and can only be checked open.
        """
        schemas = self._closed if closed else self._open
        root = {"$ref": f"#/components/schemas/{schema}", "components": {"schemas": schemas}}
        return jsonschema_rs.Draft202012Validator(root)


@cache
def load() -> Spec:
    return Spec(json.loads(DOCUMENT.read_text(encoding="utf-8")))


def _match(template: tuple[str, ...], parts: tuple[str, ...]) -> dict[str, str] | None:
    params = {}
    for wanted, part in zip(template, parts, strict=True):
        if wanted.startswith("{"):
            params[wanted[1:-1]] = part
        elif wanted != part:
            return None
    return params


def _windows(limits: dict[str, Any]) -> tuple[Window, ...]:
    found = []
    for name in ("burst", "steady", "daily"):
        if name in limits:
            quota, unit = limits[name].split("/")
            found.append(Window(SECONDS[unit], int(quota)))
    return tuple(found)


def _parameter(node: dict) -> Parameter:
    schema = node["schema"]
    choices = schema.get("enum") or schema.get("items", {}).get("enum") or ()
    return Parameter(
        name=node["name"],
        kind=schema["type"],
        choices=frozenset(choices),
        minimum=schema.get("minimum"),
        maximum=schema.get("maximum"),
        default=schema.get("default"),
    )


def _json_schema(node: Any, *, closed: bool) -> Any:
    """Turn a schema of OpenAPI 3.0 into JSON Schema: `nullable` becomes a choice."""
    if isinstance(node, list):
        return [_json_schema(item, closed=closed) for item in node]
    if not isinstance(node, dict):
        return node
    nullable = node.get("nullable", False)
    schema: dict[str, Any] = {}
    for key, value in node.items():
        if key == "properties":
            schema[key] = {name: _json_schema(child, closed=closed) for name, child in value.items()}
        elif key != "nullable":
            schema[key] = _json_schema(value, closed=closed)
    if closed and "properties" in schema and "additionalProperties" not in schema:
        schema["additionalProperties"] = False
    return {"anyOf": [schema, {"type": "null"}]} if nullable else schema
