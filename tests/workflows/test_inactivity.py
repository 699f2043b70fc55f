"""An orchestration that failed five times in a row: it rests, says so, and comes back by one run."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction

from notifications.models import Notification
from tests.workflows.factories import an_orchestration
from workflows import housekeeping, inactivity
from workflows.lifecycle import move
from workflows.models import Orchestration, Workflow
from workflows.moves import State
from workflows.start import CannotStart, start

pytestmark = pytest.mark.django_db(transaction=True)
NOW = datetime.now(UTC)


def comes_to(orchestration: Orchestration, state: State, code: str = "", *, at: datetime = NOW) -> Workflow:
    """A run that a worker took, and brought to this."""
    workflow = start(orchestration, by="a test", trigger="manual")
    move(workflow, State.RUNNING, now=at)
    with transaction.atomic():
        move(workflow, state, now=at, note="So it came.", code=code, message="")
        inactivity.note(workflow, at)
    orchestration.refresh_from_db()
    return workflow


def fails(orchestration: Orchestration, times: int) -> None:
    for _ in range(times):
        comes_to(orchestration, State.PAUSED, "max_lists")


@pytest.fixture
def resting() -> Orchestration:
    orchestration = an_orchestration()
    fails(orchestration, 5)
    return orchestration


def told(kind: str) -> int:
    return Notification.objects.filter(kind=kind).count()


class TestRest:
    def test_begins_with_the_fifth_failure_in_a_row(self):
        orchestration = an_orchestration()
        fails(orchestration, 4)
        assert orchestration.is_active

        fails(orchestration, 1)

        assert not orchestration.is_active
        assert orchestration.inactive_since == NOW
        assert orchestration.probe_at == NOW + timedelta(hours=1)
        assert told("inactive") == 1

    def test_does_not_begin_when_one_run_in_between_succeeded(self):
        orchestration = an_orchestration()
        fails(orchestration, 4)
        comes_to(orchestration, State.SUCCEEDED)
        fails(orchestration, 4)

        assert orchestration.is_active

    @pytest.mark.parametrize("trigger", ["schedule", "api", "command line", "retry"])
    def test_refuses_what_starts_by_itself(self, resting: Orchestration, trigger: str):
        with pytest.raises(CannotStart) as refused:
            start(resting, by="cron", trigger=trigger)

        assert refused.value.code == "inactive"
        assert "5 times in a row" in refused.value.message
        assert "Maximum number of lists" in refused.value.message

    def test_lets_a_rehearsal_be_made(self, resting: Orchestration):
        assert start(resting, by="ada", trigger="command line", dry_run=True).dry_run

    def test_is_tried_less_and_less_often_and_told_once(self, resting: Orchestration):
        fails(resting, 1)
        assert resting.probe_at == NOW + timedelta(hours=2)

        fails(resting, 5)

        assert resting.probe_at == NOW + timedelta(hours=24)
        assert told("inactive") == 1

    def test_ends_with_a_success(self, resting: Orchestration):
        workflow = comes_to(resting, State.SUCCEEDED, at=NOW + timedelta(hours=1))

        assert resting.is_active
        assert (resting.inactive_since, resting.probe_at) == (None, None)
        assert workflow.events.filter(kind="active").exists()
        assert told("recovered") == 1
        assert start(resting, by="cron", trigger="api").state == State.QUEUED


class TestProbe:
    def test_is_one_run_when_its_time_has_come(self, resting: Orchestration):
        before = resting.workflows.count()
        housekeeping.probe_inactive(NOW)
        assert resting.workflows.count() == before

        for _ in range(3):
            housekeeping.probe_inactive(NOW + timedelta(hours=1))

        assert resting.workflows.count() == before + 1
        assert resting.workflows.get(state=State.QUEUED).trigger == "probe"

    def test_sweeps_no_plan_away_that_waits_for_a_decision(self, resting: Orchestration):
        waiting = comes_to(resting, State.PAUSED, "guard")

        housekeeping.probe_inactive(NOW + timedelta(hours=1))

        waiting.refresh_from_db()
        assert waiting.state == State.PAUSED
