"""The numbers of a plan that a guard looks at."""

from typing import Any

import pytest

from tests.workflows.factories import a_workflow
from workflows.guards import Limits, objections
from workflows.steps.compare import change_of

pytestmark = pytest.mark.django_db


def plan(**given: Any) -> dict[str, Any]:
    usual = {"candidates": 100, "rows": 100, "adds": 0, "removes": 0, "not_loaded": {}, "round": 1}
    return usual | given


class TestChangeOf:
    def test_asks_about_those_who_came_on_a_list_that_was_made_by_this_run(self):
        made = a_workflow(base_members=0, removals_planned=60)

        change = change_of(made, plan(members=160, removes=60))

        assert change.listed == 160
        assert [each.code for each in objections(change, Limits())] == ["large_removal"]

    def test_goes_by_the_list_as_it_stood_before_the_first_round(self):
        known = a_workflow(base_members=100, removals_planned=30)

        change = change_of(known, plan(members=1_000, removes=30))

        assert [each.code for each in objections(change, Limits())] == ["large_removal"]
