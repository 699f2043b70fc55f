"""Guards at work: nothing is sent before a person has seen the numbers."""

from collections.abc import Callable

import pytest

from tests.flows.world import World, people
from workflows import decisions
from workflows.moves import State


class TestGuards:
    def test_pauses_a_forty_percent_removal_before_anything_is_sent(self, world: Callable[..., World]):
        company = world()
        company.write(people(100))
        company.run()
        company.write(people(60))
        company.klaviyo.forget_log()

        paused = company.run()

        assert (paused.state, paused.code) == (State.PAUSED, "guard")
        assert "remove 40 of 100 people (40%)" in paused.message
        assert company.klaviyo.writes() == []
        assert len(company.members()) == 100

    def test_delivers_exactly_the_plan_that_was_approved(self, world: Callable[..., World]):
        company = world()
        company.write(people(100))
        company.run()
        company.write(people(60))
        paused = company.run()

        workflow = company.approve(paused)

        assert workflow.state == State.SUCCEEDED
        assert company.members() == {f"person{n}@example.org" for n in range(60)}

    def test_refuses_an_approval_of_another_plan(self, world: Callable[..., World]):
        company = world()
        company.write(people(100))
        company.run()
        company.write(people(60))
        paused = company.run()

        with pytest.raises(decisions.Stale):
            decisions.approve(paused, plan_hash="0" * 64, by=None, as_name="a test")

        paused.refresh_from_db()
        assert paused.state == State.PAUSED

    def test_pauses_when_the_query_is_empty(self, world: Callable[..., World]):
        company = world()
        company.run()
        company.write([])

        paused = company.run()

        assert (paused.state, paused.code) == (State.PAUSED, "guard")
        assert "would take all 3 people off the list" in paused.message
        assert len(company.members()) == 3

    def test_pauses_the_first_run_against_a_list_with_members(self, world: Callable[..., World]):
        company = world()
        company.klaviyo.list_named("VIP")
        company.klaviyo.add("VIP", "old@example.org")

        paused = company.run()

        assert (paused.state, paused.code) == (State.PAUSED, "guard")
        assert company.members() == {"old@example.org"}
        assert company.approve(paused).state == State.SUCCEEDED
        assert company.members() == {f"person{n}@example.org" for n in range(3)}

    def test_plans_without_sending_when_it_is_a_rehearsal(self, world: Callable[..., World]):
        company = world()

        planned = company.run(dry_run=True)

        assert (planned.state, planned.code) == (State.PAUSED, "plan_ready")
        assert planned.plan["adds"] == 3
        assert company.klaviyo.writes() == []

    def test_is_replaced_by_the_next_run_which_links_to_it(self, world: Callable[..., World]):
        company = world()
        planned = company.run(dry_run=True)

        workflow = company.run()

        planned.refresh_from_db()
        assert planned.state == State.CANCELLED
        assert workflow.parent_id == planned.pk
        assert workflow.state == State.SUCCEEDED

    def test_stops_outside_the_size_thresholds(self, world: Callable[..., World]):
        company = world()
        company.query.stop_below = 10
        company.query.save(update_fields=["stop_below"])

        paused = company.run()

        assert (paused.state, paused.code) == (State.PAUSED, "guard")
        assert paused.error["objections"][0]["code"] == "size_threshold"
        assert company.klaviyo.writes() == []
        assert company.approve(paused).state == State.SUCCEEDED


class TestFlows:
    def test_asks_before_many_people_enter_a_live_flow(self, world: Callable[..., World]):
        company = world(guards={"max_flow_adds": 2, "approve_first_run": False})
        company.klaviyo.list_named("VIP")
        company.klaviyo.flow("VIP", "Welcome series", "live")

        paused = company.run()

        assert (paused.state, paused.code) == (State.PAUSED, "guard")
        assert "“Welcome series”" in paused.message
