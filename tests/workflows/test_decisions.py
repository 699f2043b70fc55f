"""Decisions: made once, on a fresh picture, about a plan that is not old."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.workflows.factories import a_workflow
from workflows import decisions, housekeeping
from workflows.models import Approval, Workflow
from workflows.moves import State

pytestmark = pytest.mark.django_db(transaction=True)
HASH = "a" * 64


def a_paused_workflow(*, planned: timedelta = timedelta(0), **given: object) -> Workflow:
    workflow = a_workflow(state=State.PAUSED, code="guard", plan_hash=HASH, **given)
    workflow.steps.filter(kind="compare").update(finished_at=datetime.now(UTC) - planned, state="done")
    return workflow


class TestApprove:
    def test_takes_effect_once_however_often_it_is_pressed(self):
        paused = a_paused_workflow()
        stale = Workflow.objects.get(pk=paused.pk)

        decisions.approve(paused, plan_hash=HASH, by=None, as_name="ada")
        with pytest.raises(decisions.Stale):
            decisions.approve(stale, plan_hash=HASH, by=None, as_name="grace")

        assert Approval.objects.get(workflow=paused).decided_as == "ada"
        stale.refresh_from_db()
        assert stale.state == State.QUEUED

    def test_refuses_a_plan_of_the_day_before(self):
        paused = a_paused_workflow(planned=timedelta(hours=25))

        with pytest.raises(decisions.Stale, match="more than 24 hours old"):
            decisions.approve(paused, plan_hash=HASH, by=None, as_name="ada")


class TestRetry:
    def test_refuses_to_go_on_with_a_plan_that_is_hours_old(self):
        paused = a_paused_workflow(planned=timedelta(hours=7))

        with pytest.raises(decisions.Stale, match="Run it again"):
            decisions.retry(paused, by="ada")

    def test_is_not_for_what_runs(self):
        with pytest.raises(decisions.Stale):
            decisions.retry(a_workflow(state=State.RUNNING), by="ada")


class TestWakePaused:
    def test_goes_on_by_itself_when_its_time_has_come(self):
        now = datetime.now(UTC)
        due = a_paused_workflow(wake_at=now - timedelta(seconds=1))
        later = a_paused_workflow(wake_at=now + timedelta(hours=1))

        housekeeping.wake_paused(now)

        due.refresh_from_db()
        later.refresh_from_db()
        assert (due.state, later.state) == (State.QUEUED, State.PAUSED)

    def test_runs_anew_when_the_plan_has_grown_old(self):
        now = datetime.now(UTC)
        old = a_paused_workflow(planned=timedelta(hours=20), wake_at=now - timedelta(seconds=1))

        housekeeping.wake_paused(now)

        old.refresh_from_db()
        assert old.state == State.CANCELLED
        assert old.children.get().state == State.QUEUED


class TestCancel:
    def test_ends_at_once_what_has_not_begun(self):
        workflow = a_workflow()

        decisions.cancel(workflow, by="ada")

        assert workflow.state == State.CANCELLED

    def test_asks_a_worker_to_stop(self):
        workflow = a_workflow(state=State.RUNNING)

        decisions.cancel(workflow, by="ada")

        workflow.refresh_from_db()
        assert workflow.cancel_requested

    def test_refuses_what_is_over(self):
        with pytest.raises(decisions.Stale):
            decisions.cancel(a_workflow(state=State.SUCCEEDED), by="ada")
