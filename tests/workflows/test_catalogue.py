"""The error catalogue: at least two ways out of everything."""

import pytest

from workflows.catalogue import CATALOGUE, UNKNOWN


@pytest.mark.parametrize("code", sorted(CATALOGUE))
def test_offers_at_least_two_resolutions(code: str):
    entry = CATALOGUE[code]

    assert len(set(entry.resolutions)) >= 2
    assert entry.title
    assert entry.meaning.endswith(".")


def test_offers_as_much_for_a_code_without_an_entry():
    assert len(UNKNOWN.resolutions) >= 2
