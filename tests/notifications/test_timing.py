"""When a notice leaves, and when too many became one."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from notifications.timing import MOST_AN_HOUR, RETRY_AFTER, Turn, leaving, retry_at, turn

NOON = datetime(2026, 11, 20, 12, 10, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


class TestLeaving:
    def test_is_at_once_unless_a_digest_is_asked_for(self):
        left = leaving(mode="immediate", gathered=False, now=NOON, zone=UTC)

        assert (left.at, left.digest) == (NOON, False)

    @pytest.mark.parametrize(("mode", "gathered"), [("hour", False), ("immediate", True), ("hour", True)])
    def test_is_at_the_next_full_hour_for_a_digest(self, mode, gathered):
        left = leaving(mode=mode, gathered=gathered, now=NOON, zone=UTC)

        assert (left.at, left.digest) == (datetime(2026, 11, 20, 13, tzinfo=UTC), True)

    def test_is_at_eight_in_the_morning_of_the_zone_for_a_day(self):
        left = leaving(mode="day", gathered=False, now=NOON, zone=BERLIN)

        assert left.at == datetime(2026, 11, 21, 7, tzinfo=UTC)

    def test_is_this_morning_while_it_is_still_night(self):
        left = leaving(mode="day", gathered=True, now=NOON.replace(hour=2), zone=BERLIN)

        assert left.at == datetime(2026, 11, 20, 7, tzinfo=UTC)

    def test_keeps_the_hour_when_the_clocks_change(self):
        left = leaving(mode="day", gathered=False, now=datetime(2026, 10, 24, 20, tzinfo=UTC), zone=BERLIN)

        assert left.at.astimezone(BERLIN).hour == 8


class TestTurn:
    def test_takes_one_notice_while_few_come(self):
        assert turn(waiting=3, made=[NOON] * 5, now=NOON) == Turn.ONE

    def test_takes_all_of_a_flood_at_once(self):
        assert turn(waiting=MOST_AN_HOUR + 1, made=[], now=NOON) == Turn.ALL
        assert turn(waiting=16, made=[NOON] * 5, now=NOON) == Turn.ALL

    def test_holds_what_comes_after_the_share_of_an_hour(self):
        made = [NOON - timedelta(minutes=minute) for minute in range(MOST_AN_HOUR)]

        assert turn(waiting=1, made=made, now=NOON) == Turn.HOLD

    def test_goes_on_when_the_hour_is_over(self):
        made = [NOON - timedelta(hours=1)] + [NOON] * (MOST_AN_HOUR - 1)

        assert turn(waiting=1, made=made, now=NOON) == Turn.ONE
        assert turn(waiting=2, made=made, now=NOON) == Turn.ALL


class TestRetryAt:
    def test_waits_longer_each_time_and_gives_up_after_a_day(self):
        waits = [retry_at(attempts, now=NOON) for attempts in range(1, len(RETRY_AFTER) + 2)]

        assert waits[-1] is None
        assert sorted(waits[:-1]) == waits[:-1]
        assert timedelta(hours=22) < sum(RETRY_AFTER, timedelta()) < timedelta(hours=26)
