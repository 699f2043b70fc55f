"""Estimates: arithmetic a person can follow, and a choice that can be explained."""

import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from destinations.klaviyo.limits import floor_seconds
from tests.workflows.histories import times, work
from workflows.coefficients import Coefficients, Line
from workflows.durations import duration
from workflows.estimate import Forecast, NotFeasible, Work, choose, file_forecast, forecasts
from workflows.forecasts import MOST_SINGLE

LARGE = work(300_000, removes=4_000, members=4_000)


def told(planned: Work, way: str, coefficients: Coefficients | None = None) -> Forecast:
    found = forecasts(planned, coefficients or Coefficients(), floor_seconds=floor_seconds)
    return next(each for each in found if each.way == way)


def chosen(planned: Work, wanted: str = "auto", coefficients: Coefficients | None = None):
    return choose(
        forecasts(planned, coefficients or Coefficients(), floor_seconds=floor_seconds), wanted=wanted
    )


class TestArithmetic:
    def test_of_import_jobs_names_each_part(self):
        guess = "no history yet, a cautious guess"

        assert told(LARGE, "import").arithmetic == (
            f"30 import jobs: 25 s ({guess})",
            "Klaviyo begins after 6 s and works through 300,000 profiles at about 500 a second, "
            f"from the last job on: 9 min 41 s ({guess})",
            f"4 calls that remove: 1 s ({guess})",
            f"3,000 pages read back: 4 min 00 s ({guess})",
            f"Everything in between: 9 s ({guess})",
        )

    def test_of_sftp_names_each_part(self):
        guess = "no history yet, a cautious guess"

        assert told(LARGE, "sftp").arithmetic[:2] == (
            f"21.0 MB of CSV in 6 files, uploaded at about 2.0 MB a second: 22 s ({guess})",
            "Klaviyo reads the files after 2 min 00 s and takes in 300,000 rows at about 2,000 a second: "
            f"4 min 30 s ({guess})",
        )

    def test_says_how_many_runs_it_knows(self):
        known = Coefficients({"remove": Line(0, 0.5, runs=1), "overhead": Line(2, 0, runs=3)})

        found = told(work(0, removes=2_500), "by_id", known).arithmetic

        assert found[0] == "3 calls that remove: 2 s (from 1 earlier run)"
        assert found[-1] == "Everything in between: 2 s (from 3 earlier runs)"

    def test_says_when_the_limits_alone_decide(self):
        quick = Coefficients({"page": Line(0, 0.001, runs=1)})

        found = told(work(0, known=300_000), "by_id", quick).arithmetic

        assert "3,000 pages read back: 3 min 09 s (as fast as Klaviyo allows)" in found

    def test_counts_what_is_left_of_windows_that_were_used(self):
        planned = work(0, known=1_000, members=50_000)

        before = forecasts(planned, floor_seconds=floor_seconds)[0]
        after = forecasts(planned, floor_seconds=floor_seconds, made={"lists.members": 750})[0]

        assert after.seconds - before.seconds > 40

    def test_forgets_requests_made_long_before(self):
        seconds = [told(LARGE, "sftp").seconds]
        made = {"lists.members": 745, "lists.remove": 149}
        seconds += [
            each.seconds
            for each in forecasts(LARGE, floor_seconds=floor_seconds, made=made)
            if each.way == "sftp"
        ]

        assert seconds[0] == seconds[1]

    def test_sends_updates_and_unfit_rows_as_jobs_whatever_the_way(self):
        planned = Work(
            new=1_000,
            updates=500,
            import_requests=1,
            update_requests=1,
            json_bytes=150_000,
            csv_bytes=70_000,
            csv_parts=1,
            unfit=3,
            unfit_requests=1,
        )

        sentences = " ".join(told(planned, "sftp").arithmetic)

        assert sentences.count("1 import job:") == 2
        assert "works through 503 profiles" in sentences
        assert "takes in 997 rows" in sentences

    def test_is_nothing_for_a_plan_without_changes(self):
        assert told(work(0, members=300_000), "by_id") == Forecast("by_id", 0.0)

    def test_of_a_file_is_its_upload(self):
        found = file_forecast(work(300_000))

        assert [sentence.split(":")[0] for sentence in found.arithmetic] == [
            "21.0 MB of CSV in 6 files, uploaded at about 2.0 MB a second",
            "Everything in between",
        ]

    @settings(deadline=None)
    @given(
        new=st.integers(0, 400_000),
        known=st.integers(0, 50_000),
        removes=st.integers(0, 50_000),
        updates=st.integers(0, 50_000),
        made=st.dictionaries(st.sampled_from(["lists.members", "imports.create"]), st.integers(0, 5_000)),
    )
    def test_adds_up(self, new, known, removes, updates, made):
        planned = work(new, known=known, removes=removes, updates=updates)

        for each in forecasts(planned, floor_seconds=floor_seconds, made=made):
            if each.feasible:
                parts = sum(seconds_of(sentence) for sentence in each.arithmetic)
                assert math.isclose(parts, each.seconds, abs_tol=len(each.arithmetic) + each.seconds / 60)
                assert each.seconds >= 0

    @settings(deadline=None)
    @given(new=st.integers(1, 200_000), factor=st.floats(1.1, 4))
    def test_is_never_shorter_for_more_people(self, new, factor):
        small, large = work(new, removes=new // 10), times(factor, work(new, removes=new // 10))

        for way in ("import", "sftp"):
            assert told(large, way).seconds >= told(small, way).seconds


def seconds_of(sentence: str) -> float:
    """Read the length of time back that a sentence gives, to the second or, from an hour on, the minute."""
    words = sentence.rpartition(" (")[0].rpartition(": ")[2]
    if words == "under a second":
        return 0.5
    units = {"h": 3600, "min": 60, "s": 1}
    return sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+) (h|min|s)", words))


class TestChoose:
    @pytest.mark.parametrize(
        ("planned", "path", "way"),
        [
            (LARGE, "sftp", "sftp"),
            (work(50_000), "api", "import"),
            (work(20), "api", "single"),
            (work(21), "api", "import"),
            (work(1, members=2_000_000), "api", "single"),
            (work(0, known=50_000, removes=4_000), "api", "by_id"),
            (work(0), "api", "by_id"),
        ],
    )
    def test_takes_the_fastest_without_any_history(self, planned, path, way):
        found = chosen(planned)

        assert (found.path, found.way) == (path, way)

    def test_explains_itself(self):
        assert chosen(LARGE).why == "By SFTP 9 min 03 s, by import jobs 14 min 17 s."
        assert chosen(work(0, removes=3)).why == "Nobody is new."
        assert chosen(LARGE, "api").why == (
            "The data template asks for the API alone. By import jobs 14 min 17 s, by SFTP 9 min 03 s."
        )

    def test_keeps_the_losers_with_their_times(self):
        found = chosen(LARGE)

        assert {each.way: each.feasible for each in found.others} == {"single": False, "import": True}
        assert [each.why_not for each in found.others] == [f"More than {MOST_SINGLE} people are new.", ""]

    def test_keeps_to_the_api_when_sftp_cannot_be(self):
        problem = "The destination has no SFTP credential."
        planned = Work(**{**vars(LARGE), "csv_parts": 0, "sftp_problem": problem})

        found = chosen(planned)

        assert found.path == "api"
        assert problem in [each.why_not for each in found.others]

    def test_says_what_stands_against_sftp_when_it_is_wanted(self):
        planned = Work(**{**vars(LARGE), "sftp_problem": "first_name cannot go by SFTP."})

        with pytest.raises(NotFeasible) as caught:
            chosen(planned, "sftp")

        assert caught.value.message == "The data template asks for SFTP. first_name cannot go by SFTP."

    def test_obeys_a_data_template_that_asks_for_sftp(self):
        assert chosen(work(3), "sftp").path == "sftp"

    def test_needs_no_file_when_nobody_is_new(self):
        planned = Work(removes=10, sftp_problem="The destination has no SFTP credential.")

        assert chosen(planned, "sftp").path == "api"

    def test_gives_up_answers_for_rows_only_for_a_real_gain(self):
        slower, faster = Forecast("import", 125.0), Forecast("sftp", 100.0)

        assert choose([slower, faster]).path == "api"
        assert "SFTP gains too little" in choose([slower, faster]).why
        assert choose([Forecast("import", 125.1), faster]).path == "sftp"

    @settings(deadline=None)
    @given(st.floats(1, 1e6), st.floats(1, 1e6), st.floats(1, 10))
    def test_never_turns_to_the_api_because_it_got_slower(self, api, sftp, factor):
        before = choose([Forecast("import", api), Forecast("sftp", sftp)])
        after = choose([Forecast("import", api * factor), Forecast("sftp", sftp)])

        assert (before.path, after.path) != ("sftp", "api")

    @settings(deadline=None)
    @given(st.lists(st.tuples(st.sampled_from(["single", "import"]), st.floats(0, 1e6)), min_size=1))
    def test_is_as_fast_as_any_way_of_the_api(self, ways):
        found = choose([Forecast(way, seconds) for way, seconds in ways])

        assert found.seconds == min(seconds for _, seconds in ways)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "under a second"), (8, "8 s"), (59.6, "1 min 00 s"), (800, "13 min 20 s"), (7500, "2 h 05 min")],
)
def test_duration_speaks_as_a_person_would(seconds: float, words: str):
    assert duration(seconds) == words
