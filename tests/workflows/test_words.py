"""Numbers with their nouns: one is one."""

import pytest

from workflows.words import counted, people


@pytest.mark.parametrize(
    ("number", "told"), [(0, "0 people"), (1, "1 person"), (2, "2 people"), (1_200, "1,200 people")]
)
def test_tells_people(number: int, told: str):
    assert people(number) == told


@pytest.mark.parametrize(("number", "told"), [(1, "1 row"), (2_000, "2,000 rows")])
def test_tells_anything_else(number: int, told: str):
    assert counted(number, "row") == told
