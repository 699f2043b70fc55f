"""Masks: the same person, the same mask."""

import re

import pytest

from accounts import masking


@pytest.fixture(autouse=True)
def lookup_key(settings):
    settings.LOOKUP_KEY = "a key for masks"


class TestEmail:
    def test_shows_first_letters_ending_and_a_token(self):
        assert re.fullmatch(r"a•••@e•••\.org · [0-9A-F]{4}", masking.email("ada@example.org"))

    def test_is_the_same_however_the_address_is_spelled(self):
        assert masking.email(" Ada@Example.ORG ") == masking.email("ada@example.org")

    def test_tells_people_with_the_same_letters_apart(self):
        masks = {masking.email(f"a{n}@example.org") for n in range(100)}

        assert len(masks) >= 99

    def test_changes_with_the_key(self, settings):
        before = masking.email("ada@example.org")

        settings.LOOKUP_KEY = "another"

        assert masking.email("ada@example.org") != before

    @pytest.mark.parametrize(
        ("text", "start"),
        [
            ("a@b.org", "•••@•••.org · "),
            ("ada@localhost", "a•••@l••• · "),
            ("not an address", "••• · "),
            ("ada@mail.example.co.uk", "a•••@m•••.uk · "),
        ],
    )
    def test_gives_nothing_short_or_odd_away(self, text, start):
        assert masking.email(text).startswith(start)

    def test_of_nothing_is_nothing(self):
        assert masking.email("  ") == ""


class TestPhone:
    def test_shows_the_last_two_digits_and_a_token(self):
        assert re.fullmatch(r"•••78 · [0-9A-F]{4}", masking.phone("+49 30 12345678"))

    def test_is_the_same_however_the_number_is_spelled(self):
        assert masking.phone("+49 (30) 123-456-78") == masking.phone("+493012345678")

    @pytest.mark.parametrize("text", ["12345", "none given"])
    def test_gives_nothing_short_or_odd_away(self, text):
        assert masking.phone(text).startswith("••• · ")

    def test_of_nothing_is_nothing(self):
        assert masking.phone("") == ""
