"""One request to a destination and one answer from it, as values."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Effect = Literal["read", "repeatable", "create"]


@dataclass(frozen=True)
class Call:
    """What to send.

    `endpoint` names the limiter's bucket and the row in the statistics. `effect` says what an answer that
    never came means: `read` changes nothing, `repeatable` may be sent twice, `create` makes another one
    each time. `query` is not encoded yet.
    """

    endpoint: str
    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: dict[str, Any] | None = field(default=None, repr=False)
    effect: Effect = "read"

    @property
    def is_read(self) -> bool:
        return self.effect == "read"


@dataclass(frozen=True)
class Answer:
    """What came back: `data` is the parsed document or None, header names are in lower case."""

    status: int
    data: dict[str, Any] | None = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)


def encode(body: dict[str, Any]) -> bytes:
    """Return the bytes of a body: compact, and other scripts than Latin as they are.

    Raises ValueError for NaN and infinity, which JSON does not know.
    """
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
