"""Holds a request against the OpenAPI document: headers, parameters, page sizes, filter and body."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simulator import filters
from simulator.filters import Condition
from simulator.spec import REVISIONS, Operation, Parameter
from simulator.wire import MEDIA_TYPE, Problem, Refusal, Request, bad_parameter

BODY_BYTES = 5_000_000
ARRAYS = {
    "POST /api/lists/{id}/relationships/profiles": 1_000,
    "DELETE /api/lists/{id}/relationships/profiles": 1_000,
    "POST /api/profile-bulk-import-jobs": 10_000,
    "POST /api/profile-subscription-bulk-create-jobs": 1_000,
    "POST /api/profile-subscription-bulk-delete-jobs": 100,
}
UNKNOWN_MEMBER = re.compile(r"\('([^']+)'(?:, '[^']+')* (?:was|were) unexpected\)")
SHOWN_ERRORS = 20

Deviate = Callable[[str, str], None]


@dataclass(frozen=True)
class Checked:
    """What a request carries: its parsed body, None when there is none, and its filter."""

    body: Any
    conditions: tuple[Condition, ...]


def check(request: Request, operation: Operation, deviate: Deviate) -> Checked:
    """Return what the request carries, read and found to be as documented.

    `deviate(problem, where)` is told of everything the document does not allow; what Klaviyo would
    refuse raises Refusal as well.
    """
    try:
        _check_headers(request, deviate)
        _check_parameters(request, operation)
        conditions = filters.parse(request.parameter("filter"), operation.filters)
        return Checked(_body(request, operation), conditions)
    except Refusal as refusal:
        for problem in refusal.problems:
            deviate(problem.detail, next(iter(problem.source.values()), ""))
        raise


def _check_headers(request: Request, deviate: Deviate) -> None:
    revision = request.headers.get("revision")
    if revision is None:
        raise Refusal(400, Problem("The revision header is required.", {"parameter": "revision"}))
    if revision not in REVISIONS:
        raise Refusal(400, Problem(f"'{revision}' is not a known revision.", {"parameter": "revision"}))
    if MEDIA_TYPE not in request.headers.get("accept", ""):
        deviate(f"the accept header does not name {MEDIA_TYPE}", "accept")


def _check_parameters(request: Request, operation: Operation) -> None:
    names = [name for name, _ in request.query]
    for name, value in request.query:
        parameter = operation.parameters.get(name)
        if parameter is None:
            raise bad_parameter(f"'{name}' is not a valid query parameter for this endpoint.", name)
        if names.count(name) > 1:
            raise bad_parameter(f"'{name}' was given more than once.", name)
        _check_value(parameter, value)


def _check_value(parameter: Parameter, value: str) -> None:
    if parameter.kind == "integer":
        _check_whole_number(parameter, value)
    elif parameter.choices:
        chosen = value.split(",") if parameter.kind == "array" else [value]
        for wrong in set(chosen) - parameter.choices:
            raise bad_parameter(f"'{wrong}' is not a valid value for '{parameter.name}'.", parameter.name)


def _check_whole_number(parameter: Parameter, value: str) -> None:
    lowest, highest = parameter.minimum or 0, parameter.maximum or 0
    if not value.isascii() or not value.isdigit() or not lowest <= int(value) <= highest:
        detail = f"'{parameter.name}' must be a whole number between {lowest} and {highest}."
        raise bad_parameter(detail, parameter.name)


def _body(request: Request, operation: Operation) -> Any:
    if operation.body is None:
        if request.body:
            raise Refusal(400, Problem("This endpoint takes no body."))
        return None
    media_type = request.headers.get("content-type", "").split(";")[0].strip()
    if media_type not in (MEDIA_TYPE, "application/json"):
        detail = f"Unsupported media type '{media_type}' in request."
        raise Refusal(415, Problem(detail, {}, "unsupported_media_type", "Unsupported media type."))
    # What Klaviyo says to a body that is too large is not published; this answer is a guess.
    if len(request.body) > BODY_BYTES:
        detail = f"The request body must not be larger than {BODY_BYTES} bytes."
        raise Refusal(413, Problem(detail, {}, "payload_too_large", "Payload too large."))
    body = _parsed(request.body)
    _check_schema(body, operation)
    _check_count(body, operation)
    return body


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError as error:
        raise Refusal(400, Problem("The payload is not valid JSON.", {"pointer": "/"})) from error


def _check_schema(body: Any, operation: Operation) -> None:
    if operation.body is None or operation.body.is_valid(body):
        return
    problems = []
    for error in operation.body.iter_errors(body):
        problems.append(_problem(error, body))
        if len(problems) == SHOWN_ERRORS:
            break
    raise Refusal(400, *problems)


def _problem(error: Any, body: Any) -> Problem:
    """Say what is wrong without repeating the value, which may be a person's."""
    steps = list(error.instance_path)
    unknown = UNKNOWN_MEMBER.search(error.message)
    if unknown:
        kind = _kind(body, steps)
        detail = f"'{unknown[1]}' is not a valid field for the resource '{kind}'."
        steps.append(unknown[1])
    elif "is a required property" in error.message:
        missing = error.message.split('"')[1]
        detail = f"'{missing}' is a required field."
        steps.append(missing)
    else:
        detail = "The value is not of a type or one of the choices that this field takes."
    return Problem(detail, {"pointer": "/" + "/".join(str(step) for step in steps)})


def _kind(body: Any, steps: list[str | int]) -> str:
    """Return the type of the resource nearest above the place `steps` lead to."""
    kind, node = "request", body
    for step in steps:
        node = node[step]
        if isinstance(node, dict) and isinstance(node.get("type"), str):
            kind = node["type"]
    return kind


def _check_count(body: Any, operation: Operation) -> None:
    most = ARRAYS.get(operation.name)
    if most is None:
        return
    plain = operation.template.endswith("/relationships/profiles")
    rows = body["data"] if plain else body["data"]["attributes"]["profiles"]["data"]
    pointer = "/data" if plain else "/data/attributes/profiles/data"
    if not 1 <= len(rows) <= most:
        raise Refusal(400, Problem(f"Between 1 and {most} profiles are required.", {"pointer": pointer}))
