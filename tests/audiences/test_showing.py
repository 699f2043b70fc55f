"""What of a preview is shown to whom."""

from decimal import Decimal

import pytest

from accounts import masking
from audiences.columns import Column
from audiences.queries import Preview
from audiences.showing import Cell, cells

PLAIN = Column("note", "text", None, pii=False)
PERSONAL = Column("last_name", "text", None, pii=True)


def shown(value: object, *, column: Column = PLAIN, may_see_people: bool = False) -> Cell:
    ((cell,),) = cells(Preview([column], [(value,)]), may_see_people=may_see_people)
    return cell


class TestCells:
    def test_of_personal_columns_are_masked(self):
        cell = shown("Lovelace", column=PERSONAL)

        assert cell.masked
        assert "Lovelace" not in cell.text

    def test_that_look_like_an_address_are_masked_in_any_column(self):
        assert shown("Ada@example.org") == Cell(masking.email("ada@example.org"), masked=True)

    @pytest.mark.parametrize("value", ["+49 30 123456-78", 493012345678, 493012345678.0])
    def test_that_look_like_a_phone_are_masked_in_any_column(self, value):
        cell = shown(value)

        assert cell.masked
        assert "3012" not in cell.text

    def test_lose_the_people_within_a_text(self):
        cell = shown("x" * 70 + " ask ada@example.org, she knows")

        assert cell.masked
        assert "example.org" not in cell.text
        assert "ada" not in cell.text

    @pytest.mark.parametrize(
        "value", ["gold", 7, 10_000_000, 12345678.25, Decimal("123456789.10"), "2026-11-21", True]
    )
    def test_that_are_nobody_are_left(self, value):
        assert shown(value) == Cell(str(value), masked=False)

    @pytest.mark.parametrize("column", [PLAIN, PERSONAL])
    def test_are_shown_as_they_are_to_who_may_see_people(self, column):
        cell = shown("ada@example.org", column=column, may_see_people=True)

        assert cell == Cell("ada@example.org", masked=False)
