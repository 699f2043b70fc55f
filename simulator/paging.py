"""Cuts answers into pages and makes the cursors that lead from one to the next."""

import base64
import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit

from simulator.wire import Request, bad_parameter


def position(request: Request, size: int) -> list[Any] | None:
    """Return what `page` put into the cursor the request carries, a list of `size` values.

    Raises Refusal (400) for a cursor that was not made here.
    """
    text = _cursor(request)
    if not text:
        return None
    try:
        found = json.loads(base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4)))
    except ValueError as error:
        raise bad_parameter("Invalid cursor provided.", "page[cursor]") from error
    if not isinstance(found, list) or len(found) != size:
        raise bad_parameter("Invalid cursor provided.", "page[cursor]")
    return found


def _cursor(request: Request) -> str:
    """Return the cursor. The official SDK cuts it out of a link with the `=` before it, and only out of a
    link that begins with https; anything else it sends whole."""
    text = request.parameter("page[cursor]") or ""
    return unquote(text).rpartition("page[cursor]")[2].lstrip("=")


def links(request: Request, following: Sequence[Any] | None) -> dict[str, str | None]:
    """Return the links of a page; `following` goes into the cursor of the next one, None at the end."""
    return {
        "self": f"{request.base}{request.target}",
        "next": None if following is None else _next(request, following),
        "prev": None,
    }


def _next(request: Request, following: Sequence[Any]) -> str:
    cursor = base64.urlsafe_b64encode(json.dumps(list(following)).encode()).decode().rstrip("=")
    query = [(name, value) for name, value in request.query if name != "page[cursor]"]
    return f"{request.base}{urlsplit(request.target).path}?{urlencode([*query, ('page[cursor]', cursor)])}"
