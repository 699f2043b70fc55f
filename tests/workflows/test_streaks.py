"""When an orchestration rests: exactly the fifth failure in a row, and nothing that is no failure."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.moves import State
from workflows.streaks import failed, in_a_row, next_probe

FAILED = (State.PAUSED, "invalid_credentials")
SUCCEEDED = (State.SUCCEEDED, "")


class TestFailed:
    @pytest.mark.parametrize(
        ("state", "code", "verdict"),
        [
            (State.SUCCEEDED, "", False),
            (State.SUCCEEDED_WITH_ISSUES, "unconfirmed", False),
            (State.FAILED, "bug", True),
            (State.PAUSED, "max_lists", True),
            (State.CANCELLED, "max_lists", True),
            (State.CANCELLED, "", None),
            (State.PAUSED, "guard", None),
            (State.PAUSED, "plan_ready", None),
            (State.PAUSED, "phone_format", None),
            (State.PAUSED, "rate_limited", None),
            (State.WAITING, "", None),
            (State.QUEUED, "", None),
        ],
    )
    def test_tells_a_failure_from_a_stop_and_from_a_decision(
        self, state: State, code: str, verdict: bool | None
    ):
        assert failed(state, code) is verdict


class TestInARow:
    def test_starts_again_after_a_success(self):
        assert in_a_row([FAILED] * 4 + [SUCCEEDED] + [FAILED] * 9) == 4

    def test_passes_over_what_says_neither(self):
        assert in_a_row([FAILED, (State.CANCELLED, ""), FAILED, (State.PAUSED, "guard"), FAILED]) == 3

    @given(st.lists(st.sampled_from([FAILED, SUCCEEDED, (State.CANCELLED, "")])))
    def test_counts_the_failures_before_the_last_success(self, runs: list[tuple[State, str]]):
        until = runs.index(SUCCEEDED) if SUCCEEDED in runs else len(runs)

        assert in_a_row(runs) == runs[:until].count(FAILED)


class TestNextProbe:
    def test_doubles_from_an_hour_to_a_day(self):
        hours = [next_probe(failures) / timedelta(hours=1) for failures in range(5, 13)]

        assert hours == [1, 2, 4, 8, 16, 24, 24, 24]
