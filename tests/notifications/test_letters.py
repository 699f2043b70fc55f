"""What a message says."""

from datetime import UTC, datetime, timedelta

import pytest

from notifications.letters import MOST_TOLD, Told, letter

NOON = datetime(2026, 11, 20, 12, 10, tzinfo=UTC)
EVERY = "https://rollcall.example.org/notifications/"


def told(number: int) -> Told:
    at = NOON + timedelta(minutes=number)
    return Told(f"Query failed: order {number}", "The source said no.", f"https://example.org/{number}", at)


class TestLetter:
    def test_tells_one_notice_with_its_link(self):
        sent = letter([told(1)], id="7", every=EVERY, zone=UTC)

        assert (sent.id, sent.title) == ("7", "Query failed: order 1")
        assert sent.body == "The source said no.\n\nhttps://example.org/1"

    def test_lists_several_with_their_times(self):
        sent = letter([told(1), told(2)], id="7", every=EVERY, zone=UTC)

        assert sent.title == "2 notifications from Rollcall"
        assert "20 Nov 12:11  Query failed: order 1\n  https://example.org/1" in sent.body
        assert sent.body.endswith(EVERY)

    def test_names_the_page_for_what_is_too_much_to_list(self):
        sent = letter([told(number) for number in range(MOST_TOLD + 5)], id="7", every=EVERY, zone=UTC)

        assert "and 5 more" in sent.body
        assert f"order {MOST_TOLD}" not in sent.body

    def test_is_not_written_about_nothing(self):
        with pytest.raises(ValueError, match="at least one"):
            letter([], id="7", every=EVERY, zone=UTC)
