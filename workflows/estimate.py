"""How long a plan will take, from the limits alone, with the arithmetic in words."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

# What an import takes at Klaviyo beyond the requests. Klaviyo states no figure: this is a cautious guess
# until it is learned from each account's own imports.
IMPORT_TAIL_SECONDS = 5.0

LABELS = {
    "imports.create": ("import job", "import jobs"),
    "lists.add": ("call that adds by id", "calls that add by id"),
    "lists.remove": ("call that removes", "calls that remove"),
    "lists.members": ("page read back", "pages read back"),
}


@dataclass(frozen=True)
class Estimate:
    """`seconds` from the first request to the last; `arithmetic` is one sentence a kind of call."""

    seconds: float
    arithmetic: tuple[str, ...]


def estimate(
    calls: Mapping[str, int],
    *,
    floor_seconds: Callable[[int, str], float],
    made: Mapping[str, int] | None = None,
) -> Estimate:
    """Return the time `calls` (endpoint to number of requests) need, one kind after the other.

    `floor_seconds(requests, endpoint)` is the least time the published windows allow. `made` are requests
    this workflow has sent already: they have used up a part of the windows.
    """
    before = made or {}
    total = 0.0
    sentences = []
    for endpoint, requests in calls.items():
        if not requests:
            continue
        done = before.get(endpoint, 0)
        seconds = floor_seconds(done + requests, endpoint) - floor_seconds(done, endpoint)
        if endpoint == "imports.create":
            seconds += IMPORT_TAIL_SECONDS
        total += seconds
        one, many = LABELS.get(endpoint, (endpoint, endpoint))
        sentences.append(f"{requests:,} {one if requests == 1 else many}: {duration(seconds)}")
    return Estimate(seconds=round(total, 1), arithmetic=tuple(sentences))


def duration(seconds: float) -> str:
    """Say a length of time as a person would: “under a second”, “8 s”, “13 min 20 s”, “2 h 05 min”."""
    if seconds < 1:
        return "under a second"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
