"""What a message says: one notice, or several in a digest. Plain text, without people or secrets."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

MOST_TOLD = 40


@dataclass(frozen=True)
class Told:
    """A notice as a message tells it; `url` is complete."""

    title: str
    body: str
    url: str
    at: datetime


@dataclass(frozen=True)
class Letter:
    """`id` is the same each time this is sent, so that who receives it can drop a repeat."""

    id: str
    title: str
    body: str


def letter(told: Sequence[Told], *, id: str, every: str, zone: tzinfo) -> Letter:
    """Write what is sent about `told`, the oldest first; `every` is the URL of the page with all notices.

    Raises ValueError without any.
    """
    if not told:
        raise ValueError("a letter tells at least one notice")
    if len(told) == 1:
        only = told[0]
        return Letter(id, only.title, f"{only.body}\n\n{only.url}".strip())
    lines = [
        f"{each.at.astimezone(zone):%d %b %H:%M}  {each.title}\n  {each.url}" for each in told[:MOST_TOLD]
    ]
    more = len(told) - MOST_TOLD
    if more > 0:
        lines.append(f"and {more:,} more")
    lines.append(f"All notifications: {every}")
    return Letter(id, f"{len(told):,} notifications from Rollcall", "\n\n".join(lines))
