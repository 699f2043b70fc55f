"""How often somebody may try."""

from datetime import UTC, datetime, timedelta

import pytest

from accounts import throttle
from accounts.models import SignInAttempt

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HOME, STRANGER = "192.0.2.1", "203.0.113.9"


@pytest.mark.django_db
class TestAdmit:
    def test_turns_the_sixth_try_at_an_account_away_until_a_minute_has_passed(self):
        for second in range(5):
            assert throttle.admit("ada", HOME, now=NOON + timedelta(seconds=second))

        assert throttle.admit("ada", HOME, now=NOON + timedelta(seconds=59)) is None
        assert throttle.admit("ada", HOME, now=NOON + timedelta(seconds=60))

    def test_does_not_count_a_try_that_was_turned_away(self):
        for _ in range(5):
            throttle.admit("ada", HOME, now=NOON)
        for second in range(60):
            throttle.admit("ada", HOME, now=NOON + timedelta(seconds=second))

        assert throttle.admit("ada", HOME, now=NOON + timedelta(seconds=61))

    def test_knows_an_account_however_it_is_written(self):
        for name in ("ada", "ADA", " ada", "Ada ", "aDa"):
            assert throttle.admit(name, HOME, now=NOON)

        assert throttle.admit("ada", HOME, now=NOON) is None

    def test_turns_the_21st_try_from_a_network_away_whatever_the_account(self):
        admitted = [throttle.admit(f"person {n}", HOME, now=NOON) for n in range(21)]

        assert [bool(ticket) for ticket in admitted] == [True] * 20 + [False]

    def test_locks_nobody_out_for_what_a_stranger_does(self):
        for _ in range(100):
            throttle.admit("ada", STRANGER, now=NOON)

        assert throttle.admit("ada", HOME, now=NOON)

    def test_takes_back_a_try_that_succeeded(self):
        for _ in range(30):
            ticket = throttle.admit("ada", HOME, now=NOON)
            assert ticket
            throttle.forgive(ticket)

    def test_stores_neither_name_nor_address_and_forgets_after_a_minute(self):
        throttle.admit("ada@example.org", HOME, now=NOON)
        stored = " ".join(SignInAttempt.objects.values_list("subject", flat=True))
        assert "ada" not in stored
        assert HOME not in stored

        throttle.admit("grace", HOME, now=NOON + timedelta(minutes=2))

        assert SignInAttempt.objects.count() == 2


class TestNetworkOf:
    @pytest.mark.parametrize(
        ("address", "network"),
        [
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("", "unknown"),
            ("a socket", "unknown"),
        ],
    )
    def test_is_what_one_subscriber_owns(self, address, network):
        assert throttle.network_of(address) == network
