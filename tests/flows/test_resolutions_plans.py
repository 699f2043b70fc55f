"""Plans over a limit: approved as they are, or let pass by another limit, and the list verified."""

from collections.abc import Callable

import pytest

from accounts.models import Activity
from tests.flows.resolving import field, names, offer, take
from tests.flows.world import World, people
from workflows.models import Workflow
from workflows.moves import State
from workflows.resolutions import NotOffered, Refused


@pytest.fixture
def held(world: Callable[..., World]) -> tuple[World, Workflow]:
    """A run that would remove 40 of 100 people."""
    company = world(guards={"max_removed": 30})
    company.write(people(100))
    company.run()
    company.write(people(60))
    return company, company.run()


class TestApprove:
    def test_delivers_exactly_the_plan_that_was_shown(self, held: tuple[World, Workflow]):
        company, paused = held

        found = offer(paused, "approve")
        assert "removes 40" in found.effect
        assert dict(found.numbers)["To remove"] == 40
        assert found.fields == ()
        take(paused, "approve")

        assert company.go_on(paused).state == State.SUCCEEDED
        assert len(company.members()) == 60

    def test_is_for_no_other_plan(self, held: tuple[World, Workflow]):
        _, paused = held

        with pytest.raises(NotOffered, match="has changed since it was shown"):
            take(paused, "approve", plan_hash="0" * 64)

    def test_asks_for_the_number_before_flows_are_started(self, world: Callable[..., World]):
        company = world(guards={"max_flow_adds": 2, "approve_first_run": False})
        company.klaviyo.list_named("VIP")
        company.klaviyo.flow("VIP", "Welcome", "live")
        paused = company.run()

        assert field(paused, "approve", "sure").expected == "3"
        with pytest.raises(Refused, match="Type 3"):
            take(paused, "approve", sure="2")
        take(paused, "approve", sure="3")

        assert company.go_on(paused).state == State.SUCCEEDED

    def test_sends_a_rehearsal(self, world: Callable[..., World]):
        company = world()
        planned = company.run(dry_run=True)

        assert names(planned)[:2] == ["approve", "discard"]
        take(planned, "approve")

        assert company.go_on(planned).state == State.SUCCEEDED
        assert len(company.members()) == 3


class TestChangeLimit:
    def test_lets_this_plan_and_later_ones_pass(self, held: tuple[World, Workflow]):
        company, paused = held

        found = {each.name: each.value for each in offer(paused, "change_limit").fields}
        assert found == {"max_removed_share": "40", "max_removed": "40"}
        take(paused, "change_limit", max_removed_share="45", max_removed="50")

        assert company.go_on(paused).state == State.SUCCEEDED
        assert len(company.members()) == 60
        company.orchestration.refresh_from_db()
        assert company.orchestration.guards == {"max_removed_share": 0.45, "max_removed": 50}
        told = Activity.objects.filter(action="changed", object_label=company.orchestration.name).get()
        assert told.data == {"fields": ["guards.max_removed_share", "guards.max_removed"]}
        assert paused.approvals.count() == 0

    def test_is_refused_when_the_plan_would_still_be_held(self, held: tuple[World, Workflow]):
        company, paused = held

        with pytest.raises(Refused, match="your limit is 39"):
            take(paused, "change_limit", max_removed="39")

        company.orchestration.refresh_from_db()
        assert company.orchestration.guards == {"max_removed": 30}

    def test_is_judged_anew_by_the_guard(self, held: tuple[World, Workflow]):
        company, paused = held

        take(paused, "change_limit")
        done = company.go_on(paused)

        assert done.steps.get(key="guard:r0").outcome == {"approved": False}

    def test_is_not_offered_where_no_limit_would_do(self, world: Callable[..., World]):
        company = world()
        company.run()
        company.write([])

        assert "change_limit" not in names(company.run())
