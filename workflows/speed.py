"""The chart of how many people Klaviyo accepted a second, beside what it allows and when it asked to wait."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import F
from django.utils import timezone

from destinations import registry
from workflows.models import Attempt, Workflow

MOST_CALLS = 2_000
SLOTS = 48
LEFT, RIGHT, TOP, BASE = 44.0, 760.0, 26.0, 162.0
# A limit further up than this would flatten the line to nothing.
LIMIT_WITHIN = 4.0
MOST_MARKS = 6
LABEL_WIDTH = 120.0


@dataclass(frozen=True)
class Call:
    """One call that was answered, with the `people` it carried; `wait_seconds` is what Klaviyo asked for."""

    endpoint: str
    began: datetime
    ended: datetime
    people: int
    accepted: bool
    asked_to_wait: bool
    wait_seconds: int | None = None


@dataclass(frozen=True)
class Label:
    at: str
    text: str
    anchor: str = "middle"


@dataclass(frozen=True)
class Wait:
    """A moment when Klaviyo asked to wait; its words stand beside it only where there is room."""

    x: str
    y: str
    text: str
    label_x: str
    anchor: str


@dataclass(frozen=True)
class SpeedChart:
    """Lines in the units of a 760 by 190 drawing. `limit` is None when it lies far above the line."""

    line: str
    area: str
    last_x: str
    last_y: str
    is_live: bool
    grid: Sequence[Label]
    labels: Sequence[Label]
    waits: Sequence[Wait]
    limit: Label | None
    limit_told: str
    batches: str
    told: str


def speed_chart(workflow: Workflow, *, now: datetime) -> SpeedChart | None:
    """Draw the accepted calls of `workflow`; None while fewer than two carried people."""
    calls = _calls(workflow)
    accepted = [call for call in calls if call.accepted and call.people]
    if len(accepted) < 2:
        return None
    end = now if workflow.is_open and accepted[-1].ended > now - timedelta(minutes=5) else calls[-1].ended
    return draw(calls, end=end, limit=_limit(workflow, accepted), is_live=workflow.is_open)


def _calls(workflow: Workflow) -> list[Call]:
    """The last calls, the oldest first."""
    rows = (
        Attempt.objects.filter(step__workflow=workflow, ended_at__isnull=False)
        .order_by("-pk")
        .values_list("endpoint", "intent_at", "ended_at", "items", "outcome", "code", F("answer__headers"))[
            :MOST_CALLS
        ]
    )
    found = [
        Call(endpoint, began, ended, items, outcome == "ok", code == "throttled", _wait(headers))
        for endpoint, began, ended, items, outcome, code, headers in rows
    ]
    return found[::-1]


def _wait(headers: object) -> int | None:
    if not isinstance(headers, dict):
        return None
    told = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
    return int(told) if str(told).isdigit() else None


def _limit(workflow: Workflow, accepted: Sequence[Call]) -> float | None:
    """People a second that the limit of the busiest endpoint lets through, at the size its calls had."""
    plugin = registry.PLUGINS[workflow.orchestration.template.destination.plugin]
    windows = {endpoint.name: endpoint.windows for endpoint in plugin.endpoints}
    sizes: dict[str, list[int]] = {}
    for call in accepted:
        if call.endpoint in windows and windows[call.endpoint].steady:
            sizes.setdefault(call.endpoint, []).append(call.people)
    if not sizes:
        return None
    name = max(sizes, key=lambda each: sum(sizes[each]))
    return windows[name].steady / 60 * sum(sizes[name]) / len(sizes[name])


def draw(calls: Sequence[Call], *, end: datetime, limit: float | None, is_live: bool) -> SpeedChart:
    """Lay out the chart of `calls`, the oldest first, up to `end`."""
    accepted = [call for call in calls if call.accepted and call.people]
    # How fast the first went nobody can say: it is what the others are timed from.
    begin = accepted[0].ended
    seconds = max((end - begin).total_seconds(), 1.0)
    rates = people_a_second(accepted[1:], begin=begin, seconds=seconds)
    highest = max(rates)
    fits = limit is not None and limit <= highest * LIMIT_WITHIN
    ceiling = _round_up(max(highest, limit or 0) * 1.1 if fits else highest * 1.1)
    points = [(_x(number / (SLOTS - 1)), _y(rate, ceiling)) for number, rate in enumerate(rates)]
    line = "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    sizes = {call.people for call in accepted}
    each = f"batches of {max(sizes):,}" if max(sizes) > 1 else "one call for each person"
    return SpeedChart(
        line=line,
        area=f"{line} L{RIGHT:.1f} {BASE} L{LEFT} {BASE}Z",
        last_x=f"{points[-1][0]:.1f}",
        last_y=f"{points[-1][1]:.1f}",
        is_live=is_live,
        grid=[Label(f"{_y(tick, ceiling):.1f}", _short(tick)) for tick in (0, ceiling / 2, ceiling)],
        labels=_moments(begin, seconds, is_live=is_live),
        waits=_waits(calls, begin, seconds, points),
        limit=Label(f"{_y(limit, ceiling):.1f}", f"Klaviyo’s limit, about {_short(limit)}")
        if fits and limit
        else None,
        limit_told="" if fits or limit is None else f"Klaviyo’s limit, about {_short(limit)}, lies far above",
        batches=each,
        told=_told(accepted, calls, seconds),
    )


def people_a_second(accepted: Sequence[Call], *, begin: datetime, seconds: float) -> list[float]:
    """Return the rate in each of `SLOTS` slots; the people of a call count from the answer before to its own.

    The sum of all slots times their length is the number of people.
    """
    width = seconds / SLOTS
    rates = [0.0] * SLOTS
    before = begin
    for call in accepted:
        start = max((before - begin).total_seconds(), 0.0)
        stop = min(max((call.ended - begin).total_seconds(), start + 0.001), max(seconds, start + 0.001))
        for slot in range(int(start / width), min(int(stop / width), SLOTS - 1) + 1):
            overlap = min(stop, (slot + 1) * width) - max(start, slot * width)
            rates[min(slot, SLOTS - 1)] += call.people * max(overlap, 0.0) / (stop - start) / width
        before = max(before, call.ended)
    return rates


def _x(share: float) -> float:
    return LEFT + (RIGHT - LEFT) * min(max(share, 0.0), 1.0)


def _y(rate: float, ceiling: float) -> float:
    return BASE - (BASE - TOP) * min(rate / ceiling, 1.0)


def _round_up(rate: float) -> float:
    """The next number that reads well on an axis."""
    size = 1.0
    while size * 10 < rate:
        size *= 10
    while size > rate and size > 0.01:
        size /= 10
    return next(size * factor for factor in (1, 2, 4, 5, 6, 8, 10, 20) if size * factor >= rate)


def _short(number: float) -> str:
    """Write 12_500 as “12.5 k”."""
    if number >= 10_000:
        return f"{number / 1_000:,.1f}".removesuffix(".0") + " k"
    return f"{number:,.0f}" if number >= 10 or number == int(number) else f"{number:.1f}"


def _moments(begin: datetime, seconds: float, *, is_live: bool) -> list[Label]:
    marks = []
    for number in range(5):
        share = number / 4
        at = timezone.localtime(begin + timedelta(seconds=seconds * share))
        text = "now" if is_live and number == 4 else f"{at:%H:%M:%S}" if seconds < 600 else f"{at:%H:%M}"
        anchor = "start" if number == 0 else "end" if number == 4 else "middle"
        marks.append(Label(f"{_x(share):.1f}", text, anchor))
    return marks


def _waits(
    calls: Sequence[Call], begin: datetime, seconds: float, points: Sequence[tuple[float, float]]
) -> list[Wait]:
    asked = [call for call in calls if call.asked_to_wait]
    drawn: list[Wait] = []
    free_from = LEFT
    for call in asked[-MOST_MARKS:]:
        share = max((call.ended - begin).total_seconds() / seconds, 0.0)
        x = _x(share)
        y = points[min(int(share * (SLOTS - 1)), SLOTS - 1)][1]
        text = f"asked to wait {call.wait_seconds:,} s" if call.wait_seconds else "asked to wait"
        to_the_left = x + LABEL_WIDTH > RIGHT
        start = x - LABEL_WIDTH if to_the_left else x
        has_room = start >= free_from
        free_from = start + LABEL_WIDTH if has_room else free_from
        drawn.append(
            Wait(
                f"{x:.1f}",
                f"{y:.1f}",
                text if has_room else "",
                f"{x - 9 if to_the_left else x + 9:.1f}",
                "end" if to_the_left else "start",
            )
        )
    return drawn


def _told(accepted: Sequence[Call], calls: Sequence[Call], seconds: float) -> str:
    people = sum(call.people for call in accepted)
    asked = sum(call.asked_to_wait for call in calls)
    pauses = f"; Klaviyo asked to wait {asked:,} time{'' if asked == 1 else 's'}" if asked else ""
    return f"People accepted a second: about {_short(people / seconds)} on average{pauses}"
