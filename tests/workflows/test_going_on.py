"""Going on after a stop: from the step that stopped, or by another run that does no more than it did."""

from datetime import timedelta
from typing import Any

import pytest

from destinations.models import Destination
from tests.workflows.factories import a_workflow, an_orchestration
from workflows import housekeeping, resolutions
from workflows.clock import DatabaseClock
from workflows.models import StepState, Workflow
from workflows.moves import State
from workflows.resolutions import Person
from workflows.resolutions.going_on import GOES_ON, resume
from workflows.resolutions.offers import Trouble
from workflows.results import Paused
from workflows.run import Run
from workflows.start import Changes, start

pytestmark = pytest.mark.django_db
OLGA = Person("Olga")


def now() -> Any:
    return DatabaseClock().now()


def planned(workflow: Workflow, *, hours_ago: float) -> Workflow:
    """A workflow that stopped with a plan of then."""
    at = now() - timedelta(hours=hours_ago)
    workflow.steps.filter(key="compare:r0").update(state=StepState.DONE, finished_at=at)
    workflow.state, workflow.code, workflow.wake_at = State.PAUSED, "rate_limited", now()
    workflow.save()
    return workflow


def a_run_of_its_own() -> Workflow:
    """A rehearsal for the rows that an earlier run set aside, by the API, without phone numbers."""
    orchestration = an_orchestration()
    before = start(orchestration, by="a test", trigger="manual")
    Workflow.objects.filter(pk=before.pk).update(state=State.SUCCEEDED_WITH_ISSUES)
    changes = Changes(
        of=before, path="api", only="phone_invalid", leave_out=("phone_number",), wait_for={"members": 3}
    )
    return start(orchestration, by="a test", trigger="manual", dry_run=True, restricted=True, changes=changes)


def told(workflow: Workflow) -> tuple[Any, ...]:
    config = workflow.config
    names = ("only", "leave_out", "wait_for", "restricted")
    return (workflow.dry_run, config["template"]["path"], *(config.get(name) for name in names))


class TestOldPlan:
    def test_goes_on_as_another_run_that_does_no_more(self):
        old = planned(a_run_of_its_own(), hours_ago=7)

        anew = resume(Trouble(old, old.code), OLGA, DatabaseClock())

        assert anew.pk != old.pk
        assert anew.is_for_some_rows
        assert told(anew) == told(old)

    def test_goes_on_by_itself_as_another_run_that_does_no_more(self):
        old = planned(a_run_of_its_own(), hours_ago=7)

        housekeeping.wake_paused(now() + timedelta(seconds=1))

        [anew] = old.children.all()
        assert (anew.trigger, anew.started_by) == ("retry", "Rollcall")
        assert told(anew) == told(old)
        old.refresh_from_db()
        assert old.state == State.CANCELLED

    def test_keeps_what_was_said_of_another_run_than_of_the_next_one(self):
        old = planned(a_run_of_its_own(), hours_ago=7)
        anew = planned(resume(Trouble(old, old.code), OLGA, DatabaseClock()), hours_ago=7)

        third = resume(Trouble(anew, anew.code), OLGA, DatabaseClock())

        assert told(third) == told(old)

    def test_takes_no_decision_along_about_numbers_that_nobody_has_seen(self):
        old = planned(a_workflow(instructions={"restricted_allowed": "Olga"}), hours_ago=7)

        anew = resume(
            Trouble(old, "several_profiles"),
            OLGA,
            DatabaseClock(),
            several_profiles={"set_aside": True},
            look_at=40,
        )

        assert anew.instructions == {"restricted_allowed": "Olga", "look_at": 40}

    @pytest.mark.parametrize(("hours", "says"), [(7, True), (5, False)])
    def test_is_told_before_the_press(self, hours: float, says: bool):
        stopped = planned(a_run_of_its_own(), hours_ago=hours)

        effects = {each.name: each.effect for each in resolutions.offered(stopped)}

        sentence = "a linked run compares anew, for the same rows alone; it shows its plan before"
        assert (sentence in effects["retry"]) == says
        assert sentence not in effects["discard"]

    def test_is_told_for_ways_out_that_exist(self):
        assert not GOES_ON - resolutions.WAYS.keys()


class TestAnotherAccount:
    @pytest.fixture
    def moved(self) -> Workflow:
        """A run that passed its probe before its destination was pinned to another account."""
        workflow = planned(a_workflow(), hours_ago=1)
        Destination.objects.filter(account_id=workflow.account_id).update(
            account_id="other1", account_name="Another shop"
        )
        return Workflow.objects.get(pk=workflow.pk)

    def test_is_sent_nothing_of_an_old_plan(self, moved: Workflow):
        run = Run(moved, clock=DatabaseClock(), worker="test")

        with pytest.raises(Paused, match="“Another shop” by now") as paused:
            run.client.flows("any")

        assert paused.value.code == "wrong_account"

    def test_leaves_a_run_ways_out(self, moved: Workflow):
        assert [each.name for each in resolutions.offered(moved)] == ["restart", "discard"]

        anew = resolutions.resolve(moved, "restart", by=OLGA).workflow

        assert anew.account_id == "other1"
        moved.refresh_from_db()
        assert moved.state == State.CANCELLED

    def test_leaves_what_is_over_as_it_is(self, moved: Workflow):
        moved.state = State.FAILED
        moved.save()

        assert resolutions.offered(moved) == []
