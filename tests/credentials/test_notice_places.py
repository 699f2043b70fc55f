"""Where notices may be sent, and what is refused, without being repeated."""

import pytest

from credentials import kinds, notice_places
from credentials.kinds import NOTIFICATION_URL


class TestMailTo:
    def test_takes_addresses_with_commas_lines_or_spaces_between(self):
        secret = notice_places.mail_to(" ada@example.org,\nben@example.org ; cy@example.org\n")

        assert notice_places.recipients(secret) == ["ada@example.org", "ben@example.org", "cy@example.org"]
        assert kinds.problem(NOTIFICATION_URL, secret) is None

    def test_is_told_from_a_mail_url_of_apprise(self):
        assert not notice_places.is_mail("mailto://user:word@example.org")


class TestProblem:
    @pytest.mark.parametrize(
        "secret",
        [
            "json://127.0.0.1:8080/hook",
            "jsons://example.org/a/b?+X-Token=abc",
            "slack://TokenA/TokenB/TokenC/Channel",
            "msteams://Workspace@a/b/c",
            "mailto:ada@example.org",
        ],
    )
    def test_finds_none_in_what_can_be_sent_to(self, secret):
        assert kinds.problem(NOTIFICATION_URL, secret) is None

    @pytest.mark.parametrize(
        ("secret", "said"),
        [
            ("", "Nothing was pasted"),
            ("mailto:", "No address"),
            ("mailto:ada@example.org,ben", "place 2"),
            ("mailto:ada@example.org\r\nBcc: x@example.org", "place 1"),
            ("https//example.org", "no URL of apprise"),
            ("json://", "no URL of apprise"),
            ("json://example.org/a b", "white space"),
            ("json://example.org/a\n", "white space"),
            ("syslog://local", "reach nobody"),
            ("FILE:///etc/passwd", "reach nobody"),
            ("json://example.org:99999/", "cannot be read"),
            ("json://example.org/" + "a" * 5_000, "characters long"),
        ],
    )
    def test_says_what_is_wrong(self, secret, said):
        assert said in (kinds.problem(NOTIFICATION_URL, secret) or "")

    def test_repeats_nothing_of_a_person(self):
        told = kinds.problem(NOTIFICATION_URL, notice_places.mail_to("ada@example.org, grace hopper"))

        assert told
        assert "hopper" not in told


def test_hints_at_nothing():
    assert kinds.hint(NOTIFICATION_URL, "slack://TokenA/TokenB/TokenC/Channel") == ""
