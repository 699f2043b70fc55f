"""How a value becomes text or a typed field."""

import contextlib
import datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiences.values import FIELD_TYPES, WrongType, as_text

UTC = datetime.UTC


@pytest.mark.parametrize(
    ("kind", "value", "field"),
    [
        ("text", "Ada ", "Ada "),
        ("text", "  ", None),
        ("text", 12345, "12345"),
        ("text", 12345.0, "12345"),
        ("text", True, "true"),
        ("text", Decimal("1.50"), "1.50"),
        ("number", "12", 12),
        ("number", " 1.5 ", 1.5),
        ("number", 12.0, 12),
        ("number", Decimal("1.50"), 1.5),
        ("number", "", None),
        ("boolean", "Yes", True),
        ("boolean", 0, False),
        ("boolean", "", None),
        ("date", "2026-01-31", "2026-01-31"),
        ("date", datetime.date(2026, 1, 31), "2026-01-31"),
        ("date", "2026-01-31 10:00:00+02:00", "2026-01-31T08:00:00+00:00"),
        ("date", datetime.datetime(2026, 1, 31, 10, tzinfo=UTC), "2026-01-31T10:00:00+00:00"),
        ("json", '{"b": 1, "a": [true]}', '{"a":[true],"b":1}'),
        ("json", {"b": 1, "a": None}, '{"a":null,"b":1}'),
    ],
)
def test_reads_a_value_as_its_type(kind, value, field):
    found = FIELD_TYPES[kind](value)

    assert found == field
    assert type(found) is type(field)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        *(
            ("number", value)
            for value in ("twelve", "1,5", True, float("nan"), "inf", 2**63, "1e999", "1" * 500)
        ),
        *(("boolean", value) for value in ("maybe", 2, 1.5)),
        *(("date", value) for value in ("31.01.2026", "2026-02-30", 20260131, "soon")),
        *(("json", value) for value in ("{", "NaN", "Ada")),
    ],
)
def test_refuses_a_value_of_another_type(kind, value):
    with pytest.raises(WrongType):
        FIELD_TYPES[kind](value)


@given(
    st.sampled_from(sorted(FIELD_TYPES)),
    st.one_of(
        st.text(),
        st.integers(),
        st.floats(),
        st.booleans(),
        st.binary(),
        st.decimals(),
        st.dates(),
        st.datetimes(),
    ),
)
def test_either_reads_or_refuses_whatever_it_is_given(kind, value):
    # Any other exception fails the test.
    with contextlib.suppress(WrongType):
        FIELD_TYPES[kind](value)


@given(st.one_of(st.integers(-(2**60), 2**60), st.floats(allow_nan=False, allow_infinity=False)))
def test_reads_a_number_and_its_text_alike(value):
    assert FIELD_TYPES["number"](as_text(value)) == FIELD_TYPES["number"](value)
