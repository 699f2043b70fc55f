"""Leases and fences: one owner at a time, and a late writer writes nothing."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.db import connection

from tests.workflows.factories import a_workflow
from workflows import lease
from workflows.clock import DatabaseClock
from workflows.models import Attempt, StepState, Workflow
from workflows.moves import State

pytestmark = pytest.mark.django_db(transaction=True)


class FixedClock:
    def __init__(self) -> None:
        self.time = datetime.now(UTC)

    def now(self) -> datetime:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


class TestClaim:
    def test_gives_a_workflow_to_one_worker_alone(self):
        workflow, clock = a_workflow(), FixedClock()
        clock.sleep(1)

        first = lease.claim(workflow.pk, worker="one", clock=clock)
        second = lease.claim(workflow.pk, worker="two", clock=clock)

        assert first is not None
        assert second is None

    def test_gives_it_to_one_of_many_that_ask_at_once(self):
        workflow = a_workflow()
        won: list[str] = []

        def ask(name: str) -> None:
            if lease.claim(workflow.pk, worker=name, clock=DatabaseClock()):
                won.append(name)
            connection.close()

        threads = [threading.Thread(target=ask, args=(f"worker {n}",)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert len(won) == 1

    def test_waits_for_the_lease_of_a_dead_worker_to_end(self):
        workflow, clock = a_workflow(), FixedClock()
        clock.sleep(1)
        lease.claim(workflow.pk, worker="dead", clock=clock)
        clock.sleep(settings.LEASE_SECONDS - 2)
        early = lease.claim(workflow.pk, worker="next", clock=clock)
        clock.sleep(3)

        assert early is None
        assert lease.claim(workflow.pk, worker="next", clock=clock) is not None

    @pytest.mark.parametrize("state", [State.PAUSED, State.SUCCEEDED, State.CANCELLED])
    def test_leaves_what_is_over_or_waits_for_a_person(self, state: State):
        workflow, clock = a_workflow(state=state), FixedClock()
        clock.sleep(1)

        assert lease.claim(workflow.pk, worker="one", clock=clock) is None

    def test_leaves_what_is_not_due(self):
        clock = FixedClock()
        workflow = a_workflow(state=State.WAITING, wake_at=clock.now() + timedelta(minutes=1))

        assert lease.claim(workflow.pk, worker="one", clock=clock) is None

    def test_calls_a_write_left_in_flight_ambiguous_and_a_read_pending(self):
        workflow, clock = a_workflow(), FixedClock()
        clock.sleep(1)
        write, read = workflow.steps.all()[:2]
        for step in (write, read):
            step.state = StepState.INFLIGHT
            step.save()
        Attempt.objects.create(step=write, fence=1, endpoint="lists.add", intent_at=clock.now())

        claimed = lease.claim(workflow.pk, worker="next", clock=clock)

        write.refresh_from_db()
        read.refresh_from_db()
        assert (write.state, read.state) == (StepState.AMBIGUOUS, StepState.PENDING)
        assert write.calls.get().outcome == "crashed"
        assert claimed is not None
        assert claimed.ambiguous_until == clock.now() + lease.AMBIGUITY


class TestFence:
    def test_refuses_a_write_of_a_worker_that_was_replaced(self):
        workflow, clock = a_workflow(), FixedClock()
        clock.sleep(1)
        slow = lease.claim(workflow.pk, worker="slow", clock=clock)
        clock.sleep(settings.LEASE_SECONDS + 1)
        lease.claim(workflow.pk, worker="fast", clock=clock)
        assert slow is not None

        with pytest.raises(lease.LostLease), lease.fenced(slow):
            Workflow.objects.filter(pk=workflow.pk).update(message="too late")
        with pytest.raises(lease.LostLease):
            lease.extend(slow, clock)
        lease.release(slow, wake_at=clock.now())

        workflow.refresh_from_db()
        assert workflow.message == ""
        assert workflow.owner == "fast"
        assert workflow.lease_until is not None
