"""Keys and row hashes that are stored, so that they may never change."""

import datetime
import subprocess
import sys
import uuid
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiences.keys import Keyer

SECRET = bytes(range(32))
PINNED_KEY = "e74ec37bfb1add96296674d7904b5a1c"
PINNED_ROW = "3da31f0ec39dfa1a77bd703eeb1a468b"
ROW = ("Ada", None, 1, 1.5, True, "", "\u00e9")
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text())


@pytest.fixture
def keyer() -> Keyer:
    return Keyer(SECRET)


class TestKey:
    def test_is_what_it_was_when_it_was_stored(self, keyer):
        assert keyer.key("ada@example.org") == PINNED_KEY

    def test_is_the_same_for_every_spelling(self, keyer):
        assert keyer.key("  ADA@Example.org ") == keyer.key("ada@example.org")
        assert keyer.key("ada@ex\u00e4mple.org") == keyer.key("ada@xn--exmple-cua.org")

    def test_exists_for_an_address_that_the_rules_refuse(self, keyer):
        assert len(keyer.key("\u00c9da@example")) == 32
        assert keyer.key("\u00c9da@example") == keyer.key(" \u00e9da@EXAMPLE")

    def test_differs_under_another_secret(self, keyer):
        assert Keyer(b"x" * 32).key("ada@example.org") != keyer.key("ada@example.org")

    def test_refuses_a_short_secret(self):
        with pytest.raises(ValueError, match="16 bytes"):
            Keyer(b"short")

    @given(st.text())
    def test_is_32_hexadecimal_characters_whatever_it_is_given(self, text):
        key = Keyer(SECRET).key(text)

        assert len(key) == 32
        assert set(key) <= set("0123456789abcdef")


class TestRowHash:
    def test_is_what_it_was_when_it_was_stored(self, keyer):
        assert keyer.row_hash(ROW) == PINNED_ROW

    def test_is_the_same_in_another_process(self, keyer):
        code = f"from audiences.keys import Keyer; print(Keyer(bytes(range(32))).row_hash({ROW!r}))"
        other = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

        assert other.stdout.strip() == keyer.row_hash(ROW)

    def test_tells_types_and_absence_apart(self, keyer):
        values = [1, 1.0, "1", True, None, "", "null", 0, False, "true", [], {}, "[]", b"1"]
        values += [
            Decimal(1),
            datetime.date(2026, 1, 1),
            "2026-01-01",
            uuid.UUID(int=1),
            str(uuid.UUID(int=1)),
        ]

        assert len({keyer.row_hash([value]) for value in values}) == len(values)

    def test_tells_where_a_value_is_missing(self, keyer):
        assert keyer.row_hash(["a", None, "b"]) != keyer.row_hash(["a", "b", None])
        assert keyer.row_hash(["ab", ""]) != keyer.row_hash(["a", "b"])

    def test_tells_the_same_values_of_other_fields_apart(self, keyer):
        first, last = keyer.row_hasher(["first_name"]), keyer.row_hasher(["last_name"])

        assert first(["Ada"]) != last(["Ada"])
        assert first(["Ada"]) == keyer.row_hasher(["first_name"])(["Ada"])

    @given(st.lists(SCALARS), st.lists(SCALARS))
    def test_is_the_same_only_for_the_same_row(self, one, other):
        keyer = Keyer(SECRET)
        alike = repr(one) == repr(other)

        assert (keyer.row_hash(one) == keyer.row_hash(other)) == alike
