"""The pace in the database, shared by workers."""

import threading
from datetime import timedelta

import pytest
from django.db import connection

from destinations.clock import SystemClock
from destinations.errors import HoldOn
from destinations.limiter import Limiter
from destinations.models import Limit
from destinations.windows import Windows

WINDOWS = {
    "lists.add": Windows(10, 150),
    "lists.find": Windows(75, 750),
    "lists.create": Windows(10, 150, 150),
}
SECONDS = timedelta(seconds=1)


def limiter(clock, account: str = "A1") -> Limiter:
    return Limiter(account, clock, windows=WINDOWS)


def book_all(clock, endpoint: str, count: int):
    """Book one after the other, however long it takes."""
    booked = []
    while len(booked) < count:
        slot = limiter(clock).reserve(endpoint, max_wait=100 * SECONDS)[0]
        booked.append(slot)
    return booked


@pytest.mark.django_db
class TestReserve:
    def test_lets_a_burst_go_at_once_and_then_paces_it(self, clock):
        booked = book_all(clock, "lists.add", 11)

        assert booked[:10] == [clock.now()] * 10
        assert booked[10] == clock.now() + 1.15 * SECONDS

    def test_counts_the_minute(self, clock):
        booked = book_all(clock, "lists.add", 151)

        assert booked[150] == clock.now() + 60.15 * SECONDS

    def test_books_nothing_when_the_turn_is_too_far_away(self, clock):
        book_all(clock, "lists.add", 150)
        before = bytes(Limit.objects.get().ring)

        with pytest.raises(HoldOn) as caught:
            limiter(clock).reserve("lists.add", max_wait=20 * SECONDS)

        assert caught.value.until == clock.now() + 60.15 * SECONDS
        assert caught.value.cause == "steady"
        assert bytes(Limit.objects.get().ring) == before

    def test_books_several_and_only_those_that_are_near(self, clock):
        assert len(limiter(clock).reserve("lists.add", 25, max_wait=2 * SECONDS)) == 20

    def test_names_the_day_when_its_lists_are_used_up(self, clock):
        limiter(clock).reserve("lists.create", 150, max_wait=100 * SECONDS)
        clock.sleep(3600)

        with pytest.raises(HoldOn) as caught:
            limiter(clock).reserve("lists.create", max_wait=100 * SECONDS)

        assert caught.value.cause == "daily"

    def test_keeps_accounts_and_endpoints_apart(self, clock):
        book_all(clock, "lists.add", 150)

        assert limiter(clock, "A2").reserve("lists.add", max_wait=SECONDS) == [clock.now()]
        assert limiter(clock).reserve("lists.find", max_wait=SECONDS) == [clock.now()]


@pytest.mark.django_db
class TestGiveBack:
    def test_lets_a_slot_that_was_not_used_be_booked_again(self, clock):
        pace = limiter(clock)
        booked = [slot for _ in range(75) for slot in pace.reserve("lists.find", 10, max_wait=20 * SECONDS)]
        with pytest.raises(HoldOn):
            pace.reserve("lists.find", max_wait=20 * SECONDS)

        pace.give_back("lists.find", booked[-10:])

        assert len(pace.reserve("lists.find", 20, max_wait=20 * SECONDS)) == 10


@pytest.mark.django_db
class TestPenalise:
    def test_stops_everybody_for_as_long_as_told(self, clock):
        limiter(clock).penalise("lists.add", clock.now() + 30 * SECONDS)

        with pytest.raises(HoldOn) as caught:
            limiter(clock).reserve("lists.add", max_wait=20 * SECONDS)

        assert caught.value.until == clock.now() + 30 * SECONDS
        assert caught.value.cause == "penalty"
        assert limiter(clock).reserve("lists.add", max_wait=40 * SECONDS) == [clock.now() + 30 * SECONDS]

    def test_never_shortens_a_penalty(self, clock):
        limiter(clock).penalise("lists.add", clock.now() + 30 * SECONDS)
        limiter(clock).penalise("lists.add", clock.now() + 5 * SECONDS)

        assert Limit.objects.get().penalty_until == clock.now() + 30 * SECONDS


@pytest.mark.django_db
class TestNote:
    def test_slows_down_when_others_spend_the_allowance(self, clock):
        limiter(clock).reserve("lists.add", max_wait=SECONDS)
        headers = {"ratelimit-limit": "150", "ratelimit-remaining": "0", "ratelimit-reset": "40"}

        limiter(clock).note("lists.add", headers, sent=clock.now())

        assert limiter(clock).reserve("lists.add", max_wait=50 * SECONDS) == [clock.now() + 41.15 * SECONDS]

    def test_writes_nothing_when_there_is_no_news(self, clock, django_assert_num_queries):
        limiter(clock).reserve("lists.add", max_wait=SECONDS)
        headers = {"ratelimit-limit": "150", "ratelimit-remaining": "149", "ratelimit-reset": "60"}

        with django_assert_num_queries(1):
            limiter(clock).note("lists.add", headers, sent=clock.now())


@pytest.mark.django_db(transaction=True)
class TestWorkers:
    def test_never_book_more_than_the_windows_allow(self):
        slots, problems = [], []

        def work():
            try:
                mine = Limiter("A1", SystemClock(), windows=WINDOWS)
                for _ in range(10):
                    slots.extend(mine.reserve("lists.add", 2, max_wait=100 * SECONDS))
            except Exception as problem:
                problems.append(problem)
            finally:
                connection.close()

        workers = [threading.Thread(target=work) for _ in range(6)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(60)

        slots.sort()
        assert problems == []
        assert len(slots) == 120
        spans = [later - earlier for earlier, later in zip(slots, slots[10:], strict=False)]
        assert min(spans) >= 1.15 * SECONDS


@pytest.mark.django_db
class TestOutage:
    def test_slows_nobody_down_for_two_failures(self, clock):
        for _ in range(2):
            limiter(clock).failed(chance=0.0)

        assert limiter(clock).reserve("lists.add", max_wait=SECONDS)

    def test_lets_one_at_a_time_try_after_the_third(self, clock):
        for _ in range(3):
            limiter(clock).failed(chance=0.0)
        with pytest.raises(HoldOn) as early:
            limiter(clock).reserve("lists.find", max_wait=SECONDS)
        assert early.value.cause == "outage"

        clock.sleep(6)

        assert limiter(clock).reserve("lists.find", max_wait=SECONDS)
        with pytest.raises(HoldOn):
            limiter(clock).reserve("lists.add", max_wait=SECONDS)

    def test_is_over_with_the_first_answer(self, clock):
        for _ in range(9):
            limiter(clock).failed(chance=0.0)
        clock.sleep(61)
        trying = limiter(clock)
        trying.reserve("lists.find", max_wait=SECONDS)

        trying.worked()

        assert limiter(clock).reserve("lists.add", max_wait=SECONDS)

    def test_concerns_one_account_alone(self, clock):
        for _ in range(9):
            limiter(clock).failed(chance=0.0)

        assert limiter(clock, "A2").reserve("lists.add", max_wait=SECONDS)
