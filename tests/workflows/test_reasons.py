"""Whom Klaviyo refused, in one sentence that claims nothing about where they are now."""

from workflows import reasons


class TestRefused:
    def test_is_silent_when_nobody_was(self):
        assert reasons.refused({}) == ""
        assert reasons.refused({"": 0}) == ""

    def test_speaks_of_one_as_one(self):
        assert reasons.refused({"email_invalid": 1}) == "Klaviyo refused 1 person: email invalid."

    def test_gives_the_reasons_the_most_frequent_first(self):
        told = reasons.refused({"too_large": 1, "invalid_phone_number": 1_200})

        assert told == "Klaviyo refused 1,201 people: 1,200 invalid phone number, 1 too large."
