"""The rules for addresses and phones."""

import re
import string
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiences import normalise
from audiences.normalise import Refused

ANYTHING = st.one_of(
    st.none(),
    st.text(),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.binary(),
    st.text(alphabet=string.ascii_letters + string.digits + "@.+-_ \u200b\u00e9\u3002"),
    st.emails(),
    st.from_regex(re.compile(r"\A\s*[+0-9() -]{1,20}\Z", re.ASCII)),
)
COUNTRIES = st.sampled_from([None, "US", "GB", "de", "IT", "XX", ""])


def email_reason(raw: object) -> str:
    with pytest.raises(Refused) as refused:
        normalise.email(raw)
    return refused.value.reason


def phone_reason(raw: object, country: str | None = None) -> str:
    with pytest.raises(Refused) as refused:
        normalise.phone(raw, country)
    return refused.value.reason


def outcome(work: Callable[[], str]) -> tuple[str | None, str | None]:
    """Return what came back, or the reason why nothing did."""
    try:
        return work(), None
    except Refused as refused:
        return None, refused.reason


class TestEmail:
    @pytest.mark.parametrize(
        ("raw", "clean"),
        [
            ("ada@example.org", "ada@example.org"),
            ("  Ada@EXAMPLE.org\t\u00a0", "ada@example.org"),
            ("\u200bada@example.org\ufeff", "ada@example.org"),
            ("ada@ex\u00e4mple.org", "ada@xn--exmple-cua.org"),
            ("ada@exa\u0308mple.org", "ada@xn--exmple-cua.org"),
            ("ada@\u4f8b\u3048\u3002jp", "ada@xn--r8jz45g.jp"),
            ("ada+news@mail.example.org", "ada+news@mail.example.org"),
            ("o'hara@example.org", "o'hara@example.org"),
        ],
    )
    def test_puts_every_spelling_into_one_form(self, raw, clean):
        assert normalise.email(raw) == clean

    @pytest.mark.parametrize("raw", [None, "", "   ", "\u200b\u00a0"])
    def test_calls_nothing_missing(self, raw):
        assert email_reason(raw) == "email_missing"

    @pytest.mark.parametrize(
        "raw",
        [
            *("ada", "ada@", "@example.org", "ada@example", "ada@@example.org", "a da@example.org"),
            *(
                "ada@-example.org",
                "ada@example.c",
                "ada.@example.org",
                ".ada@example.org",
                "a..b@example.org",
            ),
            *("\u00e9da@example.org", f"{'a' * 65}@example.org", f"ada@{'a' * 64}.org", "ada@example.org\nx"),
            *(f"ada@{'a' * 60}.{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 60}.org", b"ada@example.org", 5, 1.5),
        ],
    )
    def test_refuses_what_is_no_address(self, raw):
        assert email_reason(raw) == "email_invalid"

    @given(ANYTHING)
    def test_returns_one_stable_form_or_a_reason_whatever_it_is_given(self, raw):
        clean, reason = outcome(lambda: normalise.email(raw))

        assert (clean is None) == (reason in ("email_missing", "email_invalid"))
        if clean is not None:
            assert normalise.EMAIL.match(clean)
            assert clean.isascii()
            assert len(clean) <= 254
            assert normalise.email(clean) == clean

    @given(st.emails())
    def test_does_not_depend_on_case_and_white_space(self, address):
        try:
            clean = normalise.email(address)
        except Refused:
            return
        assert normalise.email(f"\t {address.upper()} ") == clean


class TestPhone:
    @pytest.mark.parametrize(
        ("raw", "country", "clean"),
        [
            ("+12125550100", None, "+12125550100"),
            ("+1 (212) 555-0100", None, "+12125550100"),
            ("212.555.0100", "US", "+12125550100"),
            (2125550100, "us", "+12125550100"),
            (2125550100.0, "US", "+12125550100"),
            ("+55 (12) 3923-5555", None, "+551239235555"),
            ("+44 (0)20 7946 0000", None, "+442079460000"),
            ("06 12345678", "IT", "+390612345678"),
            ("(212) 555-0100 ext. 5", "US", "+12125550100"),
        ],
    )
    def test_writes_numbers_in_e164(self, raw, country, clean):
        assert normalise.phone(raw, country) == clean

    @pytest.mark.parametrize("country", [None, "", "XX"])
    def test_asks_for_the_country_of_a_national_number(self, country):
        assert phone_reason("212 555 0100", country) == "phone_no_country"

    @pytest.mark.parametrize(
        "raw", ["+1234", "+999123456", "abc", "", "+", "0" * 70, float("nan"), 1.5, True, b"+1"]
    )
    def test_refuses_what_is_no_number(self, raw):
        assert phone_reason(raw, "US") == "phone_invalid"

    def test_refuses_a_number_too_long_to_be_written(self):
        assert phone_reason(10**5000, "US") == "phone_invalid"

    @given(ANYTHING, COUNTRIES)
    def test_returns_one_stable_form_or_a_reason_whatever_it_is_given(self, raw, country):
        clean, reason = outcome(lambda: normalise.phone(raw, country))

        assert (clean is None) == (reason in ("phone_invalid", "phone_no_country"))
        if clean is not None:
            assert normalise.E164.match(clean)
            assert normalise.phone(clean, country) == clean
            assert normalise.phone(clean, None) == clean
