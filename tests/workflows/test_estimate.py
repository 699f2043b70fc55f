"""Estimates: arithmetic a person can follow."""

import pytest

from workflows.estimate import IMPORT_TAIL_SECONDS, duration, estimate


class TestEstimate:
    def test_adds_up_what_each_kind_of_call_takes(self):
        told = estimate({"imports.create": 100, "lists.remove": 10}, floor_seconds=lambda n, _: n / 10)

        assert told.seconds == 10 + IMPORT_TAIL_SECONDS + 1
        assert told.arithmetic == ("100 import jobs: 15 s", "10 calls that remove: 1 s")

    def test_counts_what_is_left_of_windows_that_were_used(self):
        told = estimate(
            {"lists.members": 700}, floor_seconds=lambda n, _: 60.0 * (n // 750), made={"lists.members": 100}
        )

        assert told.seconds == 60

    def test_says_nothing_of_calls_that_are_not_made(self):
        assert estimate({"lists.add": 0}, floor_seconds=lambda n, _: 9).arithmetic == ()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "under a second"), (8, "8 s"), (59.6, "1 min 00 s"), (800, "13 min 20 s"), (7500, "2 h 05 min")],
)
def test_duration_speaks_as_a_person_would(seconds: float, words: str):
    assert duration(seconds) == words
