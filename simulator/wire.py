"""What goes over the wire: a request as read, an answer as it will be sent, and Klaviyo's form of error."""

import json
import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

MEDIA_TYPE = "application/vnd.api+json"
DOCS = "https://developers.klaviyo.com/en/docs/rate_limits_and_error_handling"


@dataclass(frozen=True)
class Request:
    """`headers` has lower-case names; `base` is the scheme and host the client used, for links."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    base: str
    path: str = field(init=False)
    query: tuple[tuple[str, str], ...] = field(init=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.target)
        object.__setattr__(self, "path", unquote(parts.path).rstrip("/"))
        object.__setattr__(self, "query", tuple(parse_qsl(parts.query, keep_blank_values=True)))

    def parameter(self, name: str) -> str | None:
        return next((value for key, value in self.query if key == name), None)

    def listed(self, name: str) -> frozenset[str]:
        """Return the values of a parameter that takes several, separated by commas."""
        return frozenset((self.parameter(name) or "").split(",")) - {""}


@dataclass(frozen=True)
class Answer:
    """`items` is how many rows the call carried or brought back; `applied` whether it changed something."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    items: int = 0
    applied: bool = False


@dataclass(frozen=True)
class Problem:
    """One entry of `errors`. `source` is `{"pointer": …}` or `{"parameter": …}`."""

    detail: str
    source: dict[str, str] = field(default_factory=lambda: {"pointer": "/data"})
    code: str = "invalid"
    title: str = "Invalid input."
    meta: dict[str, Any] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)


class Refusal(Exception):
    """Klaviyo would not do this: `problems` says why, `status` how it would be said."""

    def __init__(
        self, status: int, *problems: Problem, headers: dict[str, str] | None = None, typed: bool = True
    ) -> None:
        super().__init__(f"{status}: {problems[0].code}")
        self.status = status
        self.problems = problems
        self.headers = headers or {}
        self.typed = typed

    def answer(self) -> Answer:
        body = json.dumps({"errors": [_error(self.status, problem) for problem in self.problems]})
        headers = {"Content-Type": MEDIA_TYPE, **self.headers} if self.typed else dict(self.headers)
        return Answer(self.status, body.encode(), headers)


def _error(status: int, problem: Problem) -> dict[str, Any]:
    return {
        "id": str(uuid.uuid4()),
        "status": status,
        "code": problem.code,
        "title": problem.title,
        "detail": problem.detail,
        "source": problem.source,
        "links": problem.links,
        "meta": problem.meta,
    }


def ok(document: dict | None, *, status: int = 200, items: int = 0, applied: bool = False) -> Answer:
    """Return an answer in JSON:API; no document means an empty body."""
    if document is None:
        return Answer(status, items=items, applied=applied)
    body = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
    return Answer(status, body, {"Content-Type": MEDIA_TYPE}, items, applied)


def invalid(detail: str, *, pointer: str = "/data") -> Refusal:
    return Refusal(400, Problem(detail, {"pointer": pointer}))


def bad_parameter(detail: str, parameter: str) -> Refusal:
    return Refusal(400, Problem(detail, {"parameter": parameter}))


def not_found(kind: str, wanted: str) -> Refusal:
    article = "An" if kind[0] in "aeiou" else "A"
    detail = f"{article} {kind} with id {wanted} does not exist."
    return Refusal(404, Problem(detail, {"pointer": "/data/id"}, "not_found", "Not found."))
