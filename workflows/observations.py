"""What the steps of a run that is over show of speed: points of (units, seconds) for each coefficient."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workflows.coefficients import GUESSES, Points, sane
from workflows.forecasts import ENDPOINTS, FloorSeconds
from workflows.spacing import seconds_each

# A step does not always say how large its import was; a profile with a few fields has about so many bytes.
_USUAL_PROFILE_BYTES = 250
# Beyond it somebody was waited for, or the machine slept.
_LONGEST_OVERHEAD_SECONDS = 600.0
# Jobs found over at the first look may have been over for long.
_FIRST_LOOK_SECONDS = 2.0


@dataclass(frozen=True)
class Past:
    """A step of the first round that is done: `began` and `ended` in seconds of one clock.

    `smooth`: no call of it had to be tried again.
    """

    kind: str
    began: float
    ended: float
    outcome: Mapping[str, Any]
    smooth: bool = True


@dataclass(frozen=True)
class Facts:
    """What the steps do not say themselves: pages read back, people changed, and how long all of it took.

    `seconds` runs from the moment the plan was let pass to the verified end; None when the list was not right
    after the first round.
    """

    pages: int
    changes: int
    seconds: float | None


def observe(steps: Sequence[Past], facts: Facts, *, floor_seconds: FloorSeconds) -> dict[str, Points]:
    """Return what a run shows; names without anything trustworthy are missing."""
    seen = _Seen(steps, floor_seconds)
    found: dict[str, Points] = {
        "create": seen.mean("create"),
        "add": seen.calls("add"),
        "upsert": seen.calls("upsert", requests=seen.rows("upsert") + seen.count("upsert")),
        "remove": seen.calls("remove"),
        "submit": _submit(seen),
        "import": _import(seen),
        "upload": _upload(seen),
        "ingest": _ingest(seen),
    }
    if facts.seconds is not None:
        found["page"] = seen.calls("verify", name="page", requests=facts.pages)
        found["overhead"] = _overhead(seen, facts)
    return {name: kept for name, points in found.items() if (kept := sane(points))}


class _Seen:
    """The steps of a run by their kind."""

    def __init__(self, steps: Sequence[Past], floor_seconds: FloorSeconds) -> None:
        self._steps = steps
        self._floor_seconds = floor_seconds

    def of(self, *kinds: str) -> list[Past]:
        """Return the steps of these kinds, in time; none when one of them did not go smoothly."""
        found = sorted((step for step in self._steps if step.kind in kinds), key=lambda step: step.began)
        return found if all(step.smooth for step in found) else []

    def count(self, kind: str) -> int:
        return len(self.of(kind))

    def rows(self, *kinds: str) -> float:
        return sum(number(step.outcome, "rows") for step in self.of(*kinds))

    def mean(self, kind: str) -> Points:
        return [(1, step.ended - step.began) for step in self.of(kind)]

    def calls(self, kind: str, *, name: str = "", requests: float | None = None) -> Points:
        """Return what one request of a kind took, less what the windows made it wait."""
        steps = self.of(kind)
        made = len(steps) if requests is None else int(requests)
        if not steps or made < 1:
            return []
        return [(1, self.each(name or kind, made, steps[-1].ended - steps[0].began))]

    def each(self, name: str, requests: int, seconds: float) -> float:
        return seconds_each(requests, seconds, lambda count: self._floor_seconds(count, ENDPOINTS[name]))

    def spans(self, parts: Sequence[Sequence[str]]) -> list[tuple[float, float]]:
        """Return from when to when each of these parts was at work; a part is some kinds of steps."""
        found = []
        for kinds in parts:
            if steps := [step for step in self._steps if step.kind in kinds]:
                found.append((min(step.began for step in steps), max(step.ended for step in steps)))
        return found


_PARTS = (
    ("create",),
    ("add",),
    ("upsert",),
    ("import", "update", "jobs"),
    ("upload",),
    ("ingest",),
    ("remove",),
)


def _submit(seen: _Seen) -> Points:
    steps = seen.of("import") or seen.of("update")
    if not steps:
        return []
    each = seen.each("submit", len(steps), steps[-1].ended - steps[0].began)
    return [(sum(_bytes(step) for step in steps) / len(steps), each)]


def _bytes(step: Past) -> float:
    return number(step.outcome, "bytes") or number(step.outcome, "rows") * _USUAL_PROFILE_BYTES


def _import(seen: _Seen) -> Points:
    """Return how long Klaviyo worked on the profiles of the jobs.

    The end comes when all are worked through, or a job's time after the last was handed in, whichever is
    later. Which of the two it was, the shorter reading says: neither took longer than what was seen.
    """
    sent, jobs = seen.of("import", "update"), seen.of("jobs")
    if not sent or not jobs or _were_over_for_long(seen, sent, jobs[-1]):
        return []
    rows = seen.rows("import", "update")
    each = _submit(seen)
    end, first, last = jobs[-1].ended, sent[0].began, sent[-1].ended
    readings = sane(
        [
            (rows, end - first - (each[0][1] if each else 0.0)),
            (rows / len(sent), end - last),
        ]
    )
    guess = GUESSES["import"]
    tight = sorted(readings, key=lambda point: point[1] / guess.seconds(point[0]))[:1]
    return [*_first(jobs[-1]), *tight]


def _were_over_for_long(seen: _Seen, sent: Sequence[Past], jobs: Past) -> bool:
    """Whether the end of the jobs was only noticed after something else, an upload say, that took longer."""
    late = any(
        step.ended > sent[-1].ended for step in seen.of("upload", "ingest") if step.ended <= jobs.began
    )
    return late and jobs.ended - jobs.began < _FIRST_LOOK_SECONDS


def _upload(seen: _Seen) -> Points:
    """Return the mean part, and one much smaller beside it: that shows what connecting takes."""
    steps = [step for step in seen.of("upload") if number(step.outcome, "bytes")]
    if not steps:
        return []
    points = sorted((number(step.outcome, "bytes"), step.ended - step.began) for step in steps)
    # From the first to the last, so that what lies between two parts counts.
    whole = steps[-1].ended - steps[0].began
    mean = (sum(size for size, _ in points) / len(points), whole / len(points))
    return [points[0], mean] if points[0][0] * 2 < mean[0] else [mean]


def _ingest(seen: _Seen) -> Points:
    found: list[tuple[float, float]] = []
    for step in seen.of("ingest"):
        took = number(step.outcome, "seconds") or step.ended - step.began
        found += [*_first(step), (number(step.outcome, "rows"), took)]
    return found


def _first(step: Past) -> Points:
    """Return how many rows were there when any were first seen, and when, if the step says so."""
    told = step.outcome.get("first")
    if not isinstance(told, list) or len(told) != 2:
        return []
    rows, seconds = told
    usable = all(isinstance(each, int | float) and not isinstance(each, bool) for each in told)
    return [(float(rows), float(seconds))] if usable else []


def _overhead(seen: _Seen, facts: Facts) -> Points:
    """Return the time that belongs to no part."""
    if facts.seconds is None:
        return []
    # Where no list is read back, whatever is done instead is named by no forecast: that is overhead.
    parts = [*_PARTS, ("verify",)] if facts.pages else _PARTS
    left = facts.seconds - _covered(seen.spans(parts))
    return [(max(facts.changes, 1), left)] if left <= _LONGEST_OVERHEAD_SECONDS else []


def _covered(spans: Sequence[tuple[float, float]]) -> float:
    """Return how long at least one of the spans lasted."""
    covered, reached = 0.0, float("-inf")
    for began, ended in sorted(spans):
        covered += max(ended - max(began, reached), 0.0)
        reached = max(reached, ended)
    return covered


def number(outcome: Mapping[str, Any], name: str) -> float:
    """Return a number of an outcome, 0 when it has none."""
    value = outcome.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0
