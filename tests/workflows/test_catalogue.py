"""The error catalogue: at least two ways out of everything, each of which exists."""

from dataclasses import replace

import pytest

from tests.workflows.factories import a_workflow
from workflows import resolutions
from workflows.catalogue import CATALOGUE, OTHER_REASONS, REASONS, UNKNOWN
from workflows.moves import State
from workflows.resolutions import WAYS


@pytest.mark.parametrize("code", sorted(CATALOGUE))
def test_offers_at_least_two_resolutions(code: str):
    entry = CATALOGUE[code]

    assert len(set(entry.resolutions)) >= 2
    assert entry.title
    assert entry.owner
    assert entry.meaning.endswith(".")


def test_offers_as_much_for_a_code_without_an_entry():
    assert len(UNKNOWN.resolutions) >= 2


def test_names_only_ways_out_that_exist():
    named = {name for entry in (*CATALOGUE.values(), UNKNOWN) for name in entry.resolutions}
    named |= {name for names in (*REASONS.values(), OTHER_REASONS) for name in names}

    assert named <= WAYS.keys()


@pytest.mark.django_db
def test_leaves_the_others_when_one_cannot_be_offered(monkeypatch: pytest.MonkeyPatch):
    def fail(trouble: object) -> None:
        raise ZeroDivisionError

    workflow = a_workflow(state=State.PAUSED, code="bug")
    monkeypatch.setitem(WAYS, "retry", replace(WAYS["retry"], offer=fail))

    assert [each.name for each in resolutions.offered(workflow)] == ["restart", "discard"]
