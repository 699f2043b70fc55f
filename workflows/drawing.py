"""Bars and charts in numbers: the template draws them as SVG, whose widths are attributes."""

from collections.abc import Sequence
from dataclasses import dataclass

from workflows.figures import DayOfRuns

LEAST_SHARE = 0.006  # of the width: anything that is there can be seen
AXIS_LEFT, CHART_WIDTH = 30.0, 300.0
BASE, TOP = 66.0, 12.0
BAR_GAP = 0.4  # of a day's width
STEPS = (1, 2, 4, 10, 20, 40, 100, 200, 400, 1_000, 2_000, 4_000, 10_000)


@dataclass(frozen=True)
class Part:
    """One coloured stretch of a bar, in percent of its width."""

    tone: str
    label: str
    number: int
    start: str
    width: str


def bar(parts: Sequence[tuple[str, str, int]], *, whole: int | None = None) -> list[Part]:
    """Lay (tone, label, number) side by side; `whole` is what the full width stands for.

    A part of zero is left out; a small one keeps a width that can be seen.
    """
    present = [part for part in parts if part[2] > 0]
    total = max(whole or 0, sum(number for _, _, number in present))
    if not total:
        return []
    shares = [max(number / total, LEAST_SHARE) for _, _, number in present]
    excess = max(sum(shares), 1.0)
    drawn, start = [], 0.0
    for (tone, label, number), share in zip(present, shares, strict=True):
        width = share / excess * 100
        drawn.append(Part(tone, label, number, f"{start:.2f}%", f"{width:.2f}%"))
        start += width
    return drawn


@dataclass(frozen=True)
class Rect:
    tone: str
    x: str
    y: str
    width: str
    height: str


@dataclass(frozen=True)
class Mark:
    """A line of the grid or a label under a day, at `at`."""

    at: str
    text: str
    anchor: str = "middle"


@dataclass(frozen=True)
class Chart:
    rects: tuple[Rect, ...]
    grid: tuple[Mark, ...]
    labels: tuple[Mark, ...]
    told: str


def runs_chart(days: Sequence[DayOfRuns]) -> Chart:
    """Stack the runs of each day; `told` says the chart in a sentence."""
    highest = max((day.total for day in days), default=0)
    ceiling = next((step for step in STEPS if step >= highest), highest) or 1
    slot = (CHART_WIDTH - AXIS_LEFT) / len(days)
    rects = [
        rect
        for number, day in enumerate(days)
        for rect in _stack(day, AXIS_LEFT + number * slot, slot * (1 - BAR_GAP), ceiling)
    ]
    ticks = sorted({0, ceiling // 2, ceiling})
    grid = [Mark(f"{_height(tick, ceiling):.1f}", f"{tick:,}") for tick in ticks]
    total, stuck = sum(day.total for day in days), sum(day.stuck for day in days)
    told = f"Runs on each of the last {len(days)} days: {total:,} in all, {stuck:,} of them stuck or stopped"
    return Chart(tuple(rects), tuple(grid), tuple(_day_labels(days, slot)), told)


def _stack(day: DayOfRuns, x: float, width: float, ceiling: int) -> list[Rect]:
    drawn, low = [], 0
    for tone, number in (("ok", day.verified), ("warn", day.issues), ("bad", day.stuck), ("run", day.live)):
        if number:
            top, bottom = _height(low + number, ceiling), _height(low, ceiling)
            drawn.append(
                Rect(tone, f"{x:.1f}", f"{top:.1f}", f"{width:.1f}", f"{max(bottom - top - 0.6, 0.8):.1f}")
            )
            low += number
    return drawn


def _height(number: float, ceiling: int) -> float:
    return BASE - (BASE - TOP) * number / ceiling


def _day_labels(days: Sequence[DayOfRuns], slot: float) -> list[Mark]:
    middle = slot * (1 - BAR_GAP) / 2
    places = sorted({0, len(days) // 2, len(days) - 1})
    labels = []
    for place in places:
        day, x = days[place].day, AXIS_LEFT + place * slot
        last = place == len(days) - 1 and place > 0
        at = CHART_WIDTH if last else x if place == 0 else x + middle
        anchor = "end" if last else "start" if place == 0 else "middle"
        labels.append(Mark(f"{at:.1f}", f"{day.day} {day:%b}", anchor))
    return labels
