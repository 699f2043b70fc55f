"""The pace, against servers that count in fixed windows."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from destinations.klaviyo.limits import ENDPOINTS, floor_seconds
from destinations.windows import (
    Allowance,
    Pace,
    Windows,
    allowance,
    from_ms,
    pack,
    to_ms,
    unpack,
)

MEDIUM = Windows(10, 150)
MINUTE = 60_000


class Server:
    """Counts requests in fixed windows that begin on the clock, or with the first request of each."""

    def __init__(self, windows: Windows, *, aligned: bool, phase_ms: int = 0) -> None:
        self.windows = windows
        self.aligned = aligned
        self.phase_ms = phase_ms
        self.opened: dict[str, int] = {}
        self.used: dict[str, int] = {}

    def takes(self, at: int) -> bool:
        for name, _, seconds in self.windows.pairs():
            length = seconds * 1000
            begun = self.opened.get(name)
            if begun is None or at >= begun + length:
                self.opened[name] = at - (at - self.phase_ms) % length if self.aligned else at
                self.used[name] = 0
        if any(self.used[name] >= limit for name, limit, _ in self.windows.pairs()):
            return False
        for name, _, _ in self.windows.pairs():
            self.used[name] += 1
        return True


def run(windows: Windows, requests: int, *, aligned: bool, seed: int, jitter_ms: int) -> tuple[int, float]:
    """Send as the pace allows; return how many were refused and the seconds from first to last send."""
    rng = random.Random(seed)
    server = Server(windows, aligned=aligned, phase_ms=rng.randrange(MINUTE))
    pace, now = Pace(windows), 1_000_000_000
    sends = []
    for _ in range(requests):
        now = pace.next_slot(now)[0]
        pace.book(now)
        sends.append(now)
    arrivals = sorted(send + 200 + rng.randrange(jitter_ms + 1) for send in sends)
    refused = sum(not server.takes(arrival) for arrival in arrivals)
    return refused, (sends[-1] - sends[0]) / 1000


class TestPace:
    @pytest.mark.parametrize("aligned", [True, False], ids=["clock-aligned", "opened-by-request"])
    @pytest.mark.parametrize("seed", range(5))
    def test_is_never_refused_and_keeps_to_the_floor(self, aligned, seed):
        refused, seconds = run(MEDIUM, 400, aligned=aligned, seed=seed, jitter_ms=140)

        assert refused == 0
        assert seconds <= 1.05 * floor_seconds(400, "lists.add")

    @given(
        burst=st.integers(1, 80),
        factor=st.integers(2, 15),
        requests=st.integers(1, 900),
        aligned=st.booleans(),
        seed=st.integers(0, 10_000),
    )
    def test_is_never_refused_whatever_the_windows(self, burst, factor, requests, aligned, seed):
        refused, _ = run(Windows(burst, burst * factor), requests, aligned=aligned, seed=seed, jitter_ms=149)

        assert refused == 0

    def test_keeps_to_the_allowance_of_a_day(self):
        pace = Pace(ENDPOINTS["lists.create"].windows)
        now = 0
        for _ in range(150):
            now = pace.next_slot(now)[0]
            pace.book(now)

        slot, cause = pace.next_slot(now)

        assert cause == "daily"
        assert slot == pace.sends[0] + 86_400_000 + 150

    @pytest.mark.parametrize("sends", [[], [1_800_000_000_000, 1_800_000_000_115, 1_800_000_059_999]])
    def test_survives_being_packed(self, sends):
        pace = Pace(
            MEDIUM, sends, foreign=7, foreign_at=1_800_000_000_000, budget=-2, budget_until=1_800_000_060_000
        )

        assert unpack(pack(pace), MEDIUM) == pace
        assert len(pack(pace)) <= 32 + 4 * len(sends)

    def test_begins_with_nothing(self):
        assert unpack(b"", MEDIUM) == Pace(MEDIUM)

    def test_rounds_moments_up(self):
        moment = datetime(2026, 1, 2, 3, 4, 5, 1, tzinfo=UTC)

        assert from_ms(to_ms(moment)) == moment.replace(microsecond=1000)


class TestAllowance:
    def test_reads_a_plain_number_as_the_steady_window(self):
        headers = {"ratelimit-limit": "150", "ratelimit-remaining": "40", "ratelimit-reset": "12"}

        assert allowance(headers, MEDIUM) == Allowance(150, 40, 12.0, 60)

    def test_reads_the_window_in_force_from_a_list(self):
        headers = {
            "ratelimit-limit": "10, 10;w=1, 150;w=60",
            "ratelimit-remaining": "3",
            "ratelimit-reset": "1",
        }

        assert allowance(headers, MEDIUM) == Allowance(10, 3, 1.0, 1)

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"ratelimit-limit": "soon", "ratelimit-remaining": "1", "ratelimit-reset": "1"},
            {"ratelimit-limit": "150", "ratelimit-remaining": "151", "ratelimit-reset": "1"},
            {"ratelimit-limit": "700", "ratelimit-remaining": "1", "ratelimit-reset": "1"},
            {"ratelimit-limit": "150", "ratelimit-remaining": "1", "ratelimit-reset": "inf"},
            {"ratelimit-limit": "10, 150;w=60", "ratelimit-remaining": "1", "ratelimit-reset": "1"},
        ],
    )
    def test_is_none_when_the_headers_say_nothing_usable(self, headers):
        assert allowance(headers, MEDIUM) is None


def every_second(windows: Windows, count: int) -> Pace:
    pace = Pace(windows)
    for second in range(count):
        pace.book(second * 1000)
    return pace


class TestClamp:
    def test_learns_nothing_while_we_are_alone(self):
        pace = every_second(MEDIUM, 10)

        assert not pace.clamp(Allowance(150, 140, 50.0, 60), sent=9_000, now=10_000)
        assert pace.foreign == 0

    def test_keeps_free_what_others_are_likely_to_spend(self):
        pace = every_second(MEDIUM, 10)

        assert pace.clamp(Allowance(150, 130, 50.0, 60), sent=9_000, now=10_000)

        # They spent 10 of the first sixth of the minute, so 60 of all of it.
        assert pace.foreign == 60

    def test_never_gives_up_more_than_a_share(self):
        pace = Pace(MEDIUM)

        pace.clamp(Allowance(150, 50, 50.0, 60), sent=0, now=10_000)

        assert pace.foreign == 90

    def test_waits_for_the_window_when_others_spent_all_of_it(self):
        pace = Pace(MEDIUM)

        pace.clamp(Allowance(150, 0, 30.0, 60), sent=100_000, now=100_000)

        assert pace.next_slot(100_000) == (70_000 + MINUTE + 1150, "steady")

    def test_sends_no_more_than_the_server_has_left(self):
        pace = Pace(MEDIUM)
        pace.clamp(Allowance(150, 3, 30.0, 60), sent=100_000, now=100_000)

        slots = []
        for _ in range(4):
            slots.append(pace.next_slot(100_000)[0])
            pace.book(slots[-1])

        assert slots[:3] == [100_000] * 3
        assert slots[3] > 130_000

    def test_leaves_room_in_every_second_while_others_are_at_work(self):
        pace = Pace(MEDIUM, foreign=10)
        for _ in range(7):
            pace.book(1000)

        assert pace.next_slot(1000) == (2150, "burst")

    def test_forgets_others_who_have_stopped(self):
        pace = Pace(MEDIUM, foreign=64, foreign_at=0)

        pace.clamp(Allowance(150, 150, 60.0, 60), sent=0, now=2 * MINUTE)
        assert pace.foreign == 16
        pace.clamp(Allowance(150, 150, 60.0, 60), sent=0, now=20 * MINUTE)
        assert pace.foreign == 0

    def test_ignores_the_window_of_a_second(self):
        assert not Pace(MEDIUM).clamp(Allowance(10, 0, 1.0, 1), sent=0, now=5_000)


class TestFloorSeconds:
    @pytest.mark.parametrize(
        ("requests", "endpoint", "seconds"),
        [
            (0, "lists.add", 0),
            (1, "lists.add", 0),
            (10, "lists.add", 0),
            (11, "lists.add", 1),
            (400, "lists.add", 129),
            (1000, "lists.members", 63),
            (16, "lists.count", 60),
            (151, "lists.create", timedelta(days=1).total_seconds()),
        ],
    )
    def test_is_the_time_both_windows_leave(self, requests, endpoint, seconds):
        assert floor_seconds(requests, endpoint) == seconds


class TestShare:
    @pytest.mark.parametrize("share", [10, 50, 99])
    def test_keeps_our_pace_below_it_and_leaves_the_day_alone(self, share: int):
        windows = Windows(10, 150, 150, share=share)
        pace, now, sends = Pace(windows), 1_000_000_000, []
        for _ in range(60):
            now = pace.next_slot(now)[0]
            pace.book(now)
            sends.append(now)

        steady = 150 * share // 100
        assert all(later - sends[n] >= MINUTE for n, later in enumerate(sends[steady:]))
        assert windows.ours("daily", 150) == 150

    def test_yields_to_others_beyond_it(self):
        pace = Pace(Windows(10, 150, share=50), foreign=120, foreign_at=1_000_000_000)

        assert pace._ours("steady", 150) == 30

    def test_is_reckoned_with_in_the_least_time(self):
        assert floor_seconds(150, "lists.add", 50) > floor_seconds(150, "lists.add") * 1.9

    def test_leaves_one_request_at_least(self):
        assert Windows(1, 15, share=10).ours("burst", 1) == 1
