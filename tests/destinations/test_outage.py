"""How long nobody calls an account that fails: not at all at first, then a minute at most."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from destinations import outage


class TestPause:
    def test_slows_nobody_down_for_a_failure_or_two(self):
        assert [outage.pause(failures, 0.0) for failures in (0, 1, 2)] == [None] * 3

    def test_doubles_up_to_a_minute(self):
        seconds = [pause.total_seconds() for n in range(3, 11) if (pause := outage.pause(n, 0.0))]

        assert seconds == [2, 4, 8, 16, 32, 60, 60, 60]

    @given(st.integers(3, 10**9), st.floats(0, 1))
    def test_is_shorter_by_a_quarter_at_most(self, failures: int, chance: float):
        pause, longest = outage.pause(failures, chance), outage.pause(failures, 0.0)

        assert pause is not None
        assert longest is not None
        assert longest * 0.75 - timedelta(microseconds=1) <= pause <= longest


class TestPack:
    @given(st.integers(0, 2**32 - 1))
    def test_comes_back_as_it_was(self, failures: int):
        assert outage.unpack(outage.pack(failures)) == failures

    def test_begins_with_no_failure(self):
        assert outage.unpack(b"") == 0
