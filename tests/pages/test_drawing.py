"""Bars and charts are right in numbers before they are drawn."""

from datetime import date, timedelta

from workflows.drawing import bar, runs_chart
from workflows.figures import DayOfRuns


def ends(parts) -> float:
    return sum(float(part.width.rstrip("%")) for part in parts)


class TestBar:
    def test_fills_its_width_when_the_parts_are_all_there_is(self):
        assert round(ends(bar([("ok", "Added", 3), ("bad", "Removed", 1)]))) == 100

    def test_leaves_room_for_what_is_still_to_come(self):
        assert bar([("run", "Sent", 25)], whole=100)[0].width == "25.00%"

    def test_shows_one_among_a_million(self):
        parts = bar([("ok", "Added", 1_000_000), ("warn", "Refused", 1)])

        assert float(parts[1].width.rstrip("%")) > 0.5
        assert ends(parts) < 100.1

    def test_draws_nothing_of_nothing(self):
        assert bar([("ok", "Added", 0)]) == []


class TestRunsChart:
    def test_stacks_each_day_within_the_axes(self):
        days = [DayOfRuns(date(2026, 11, 1) + timedelta(days=n), n, 1, 0, 0) for n in range(14)]

        chart = runs_chart(days)

        assert len(chart.rects) == 27
        assert all(12 <= float(rect.y) <= 66 for rect in chart.rects)
        assert "105 in all" in chart.told

    def test_stands_a_fortnight_without_runs(self):
        days = [DayOfRuns(date(2026, 11, 1) + timedelta(days=n), 0, 0, 0, 0) for n in range(14)]

        assert runs_chart(days).rects == ()
