"""What runs that ended early leave behind: the next one knows whom they removed, added, and still send."""

from collections.abc import Callable

import pytest

from tests.flows.world import LIST, World, people
from workflows import decisions, engine
from workflows.models import Workflow
from workflows.moves import State

OPEN = {"max_removed_share": 1.0, "approve_first_run": False}
TIER = [{"column": "tier", "target": "properties.Tier", "type": "text"}]


def stop_before_reading_back(company: World) -> None:
    """Let the key be refused when the list is read for the second time."""
    company.klaviyo.fault("status", status=401, method="GET", path="/api/lists/[^/]+/profiles", skip=1)


def paused_before_reading_back(company: World) -> Workflow:
    stop_before_reading_back(company)
    paused = company.run()
    assert (paused.state, paused.code) == (State.PAUSED, "invalid_credentials")
    company.klaviyo.clear_faults()
    return paused


class TestAfterARunThatEndedEarly:
    def test_whom_it_removed_may_come_back(self, world: Callable[..., World]):
        company = world(guards=OPEN)
        company.run()
        company.write(people(2))
        decisions.discard(paused_before_reading_back(company), by="a test")
        assert len(company.members()) == 2
        company.write(people(3))

        workflow = company.run()

        assert workflow.counts["kept_out"] == 0
        assert company.members() == {f"person{n}@example.org" for n in range(3)}

    def test_whom_it_added_and_who_left_is_not_put_back(self, world: Callable[..., World]):
        company = world(guards=OPEN)
        company.run()
        company.write(people(4))
        decisions.discard(paused_before_reading_back(company), by="a test")
        company.klaviyo.unsubscribe(LIST, "person3@example.org")

        workflow = company.run()

        assert workflow.counts["kept_out"] == 1
        assert "person3@example.org" not in company.members()

    def test_its_import_is_waited_for(self, world: Callable[..., World]):
        company = world(guards=OPEN)
        company.run()
        company.write(people(8))
        company.klaviyo.import_settings(lag_seconds=6)
        workflow = company.start()
        while not workflow.steps.filter(kind="import").exclude(external_ref="").exists():
            engine.advance(workflow.pk, worker="test")
        workflow.refresh_from_db()
        Workflow.objects.filter(pk=workflow.pk).update(state=State.PAUSED, lease_until=None)
        company.write(people(3))

        after = company.run()

        assert after.state == State.SUCCEEDED
        assert company.klaviyo.counts()["unfinished_jobs"] == 0
        assert company.members() == {f"person{n}@example.org" for n in range(3)}


class TestWhoLeavesDuringARun:
    def test_is_not_put_back_by_it_even_when_it_is_the_first(self, world: Callable[..., World]):
        company = world(guards=OPEN)
        company.klaviyo.seed(LIST, 1, email="person{n}@example.org", first=0)
        paused = paused_before_reading_back(company)
        company.klaviyo.unsubscribe(LIST, "person0@example.org")
        decisions.retry(paused, by="a test")

        workflow = company.go_on(paused)

        assert workflow.state == State.SUCCEEDED
        assert company.members() == {"person1@example.org", "person2@example.org"}
        assert workflow.counts["kept_out"] == 1
        assert company.run().counts["kept_out"] == 1


class TestUpdatesNobodyCanSpeakFor:
    @pytest.fixture
    def company(self, world: Callable[..., World]) -> World:
        company = world(template={"full_profile": True, "mapping": TIER}, guards=OPEN)
        company.write([{"email": f"{name}@example.org", "tier": "1"} for name in "ab"])
        company.run()
        company.write([{"email": "a@example.org", "tier": "2"}, {"email": "b@example.org", "tier": "1"}])
        return company

    def test_are_not_called_done_and_are_sent_again(self, company: World):
        company.klaviyo.import_settings(fail=["^a@"])
        empty = '{"data": [], "links": {"self": "x", "next": null, "prev": null}}'
        company.klaviyo.fault("status", status=200, body=empty, path="import-errors")

        workflow = company.run()

        assert workflow.state == State.SUCCEEDED_WITH_ISSUES
        assert (workflow.counts["unknown"], workflow.counts["updated"]) == (1, 0)
        company.klaviyo.clear_faults()
        company.klaviyo.import_settings(fail=[])
        assert company.run().counts["updated"] == 1
        assert company.klaviyo.profile("a@example.org")["properties"]["Tier"] == "2"

    def test_are_told_apart_from_those_klaviyo_refused(self, company: World):
        company.klaviyo.import_settings(fail=["^a@"])

        workflow = company.run()

        assert workflow.is_verified
        assert sum(workflow.counts["rejected"].values()) == 1


class TestALaterRound:
    def test_waits_with_its_own_plan(self, world: Callable[..., World]):
        company = world(guards={"approve_first_run": False, "max_removed_share": 0.2})
        company.write(people(30))
        company.run()
        company.write(people(40))
        interrupted = paused_before_reading_back(company)
        company.klaviyo.add(LIST, *[f"stranger{n}@example.org" for n in range(15)])
        decisions.retry(interrupted, by="a test")

        paused = company.go_on(interrupted)

        assert (paused.state, paused.code) == (State.PAUSED, "guard")
        assert paused.plan["hash"] == paused.plan_hash
        assert (paused.plan["round"], paused.plan["removes"], paused.plan["adds"]) == (1, 15, 0)
        done = company.approve(paused)
        assert done.state == State.SUCCEEDED
        assert (done.plan["round"], done.plan["adds"]) == (0, 10)
        assert company.members() == {f"person{n}@example.org" for n in range(40)}


class TestTwoMirrors:
    def test_never_meet_on_a_list_that_was_renamed(self, world: Callable[..., World]):
        company = world()
        company.run()
        company.klaviyo.rename_list(LIST, "VIP renamed")
        second = company.another(list_name="VIP renamed")

        paused = company.run_of(second)

        assert (paused.state, paused.code) == (State.PAUSED, "list_shared")
        assert len(company.members_of("VIP renamed")) == 3
