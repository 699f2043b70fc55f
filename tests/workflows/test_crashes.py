"""A step that ends its worker each time is tried three times; then a person is asked."""

import pytest
from django.conf import settings

from tests.workflows.factories import a_workflow
from tests.workflows.test_lease import FixedClock
from workflows import decisions, engine, lease
from workflows.models import Workflow
from workflows.moves import State

pytestmark = pytest.mark.django_db(transaction=True)


def _dies_at_work(workflow: Workflow, clock: FixedClock) -> None:
    """Claim as a worker does, begin with a step, and never be heard of again."""
    clock.sleep(1)
    assert lease.claim(workflow.pk, worker="doomed", clock=clock) is not None
    Workflow.objects.filter(pk=workflow.pk).update(state=State.RUNNING)
    workflow.steps.filter(key="probe").update(started_at=clock.now())
    clock.sleep(settings.LEASE_SECONDS)


class TestCrashes:
    def test_pause_a_workflow_after_the_third(self):
        workflow, clock = a_workflow(), FixedClock()
        for _ in range(settings.MAX_CRASHES):
            _dies_at_work(workflow, clock)

        clock.sleep(1)
        engine.advance(workflow.pk, worker="careful", clock=clock)

        workflow.refresh_from_db()
        assert (workflow.state, workflow.code) == (State.PAUSED, "worker_crashing")
        assert "“probe” ended its worker 3 times" in workflow.message

    def test_are_forgotten_when_a_person_retries(self):
        workflow, clock = a_workflow(), FixedClock()
        for _ in range(settings.MAX_CRASHES):
            _dies_at_work(workflow, clock)
        clock.sleep(1)
        engine.advance(workflow.pk, worker="careful", clock=clock)
        workflow.refresh_from_db()

        decisions.retry(workflow, by="a test", clock=clock)
        clock.sleep(1)
        claimed = lease.claim(workflow.pk, worker="next", clock=clock)

        assert claimed is not None
        assert lease.crashed_too_often(claimed) is None

    def test_do_not_keep_a_workflow_from_stopping(self):
        workflow, clock = a_workflow(), FixedClock()
        for _ in range(settings.MAX_CRASHES):
            _dies_at_work(workflow, clock)
        workflow.refresh_from_db()

        decisions.cancel(workflow, by="a test", clock=clock)

        clock.sleep(1)
        engine.advance(workflow.pk, worker="careful", clock=clock)
        clock.sleep(1)
        engine.advance(workflow.pk, worker="careful", clock=clock)
        workflow.refresh_from_db()
        assert workflow.state == State.CANCELLED

    def test_are_not_counted_for_a_worker_that_gave_its_lease_back(self):
        workflow, clock = a_workflow(), FixedClock()
        clock.sleep(1)
        for _ in range(settings.MAX_CRASHES + 1):
            held = lease.claim(workflow.pk, worker="orderly", clock=clock)
            assert held is not None
            workflow.steps.filter(key="probe").update(started_at=clock.now())
            lease.release(held, wake_at=clock.now())

        assert not workflow.steps.exclude(crashes=0).exists()
