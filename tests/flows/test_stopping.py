"""Stopping a workflow that waits: it is over at its next turn, whatever it waits for, and stays so."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection

from destinations.models import Limit
from tests.flows.processes import until
from tests.flows.world import World, people
from workflows import decisions, engine, lease
from workflows.clock import DatabaseClock
from workflows.models import Workflow
from workflows.moves import State

AN_HOUR = timedelta(hours=1)


def _waiting(company: World) -> Workflow:
    """A workflow whose next call may not be made for an hour."""
    company.run()
    company.write(people(5))
    Limit.objects.update(penalty_until=DatabaseClock().now() + AN_HOUR)
    workflow = company.start()
    engine.advance(workflow.pk, worker="test")
    workflow.refresh_from_db()
    assert (workflow.state, workflow.reason) == (State.WAITING, "rate")
    return workflow


class TestStop:
    def test_does_not_wait_for_the_rate_limit(self, world: Callable[..., World]):
        company = world()
        workflow = _waiting(company)

        decisions.cancel(workflow, by="a test")

        engine.advance(workflow.pk, worker="test")
        engine.advance(workflow.pk, worker="test")
        workflow.refresh_from_db()
        assert workflow.state == State.CANCELLED

    def test_does_not_wait_for_the_next_try(self, world: Callable[..., World]):
        company = world()
        company.klaviyo.fault("status", status=503)
        workflow = company.start()
        workflow.steps.update(next_at=DatabaseClock().now() + AN_HOUR)
        engine.advance(workflow.pk, worker="test")
        workflow.refresh_from_db()
        assert workflow.state == State.WAITING

        decisions.cancel(workflow, by="a test")

        engine.advance(workflow.pk, worker="test")
        engine.advance(workflow.pk, worker="test")
        workflow.refresh_from_db()
        assert workflow.state == State.CANCELLED

    def test_is_not_forgotten_by_the_worker_that_gives_the_workflow_back(self, world: Callable[..., World]):
        clock = DatabaseClock()
        workflow = _running(world())
        held = lease.claim(workflow.pk, worker="test", clock=clock)
        assert held is not None

        decisions.cancel(workflow, by="a test")
        lease.release(held, wake_at=clock.now() + AN_HOUR)

        assert workflow.pk in engine.due(clock.now())

    def test_pressed_twice_at_once_still_ends(self, world: Callable[..., World]):
        company = world()
        workflow = _running(company)
        seen_by_another = Workflow.objects.get(pk=workflow.pk)
        decisions.cancel(workflow, by="a test")
        engine.advance(workflow.pk, worker="test")

        with pytest.raises(decisions.Stale):
            decisions.cancel(seen_by_another, by="another")

        assert company.go_on(workflow).state == State.CANCELLED
        assert company.klaviyo.writes() == []

    def test_changes_nothing_that_is_over_meanwhile(self, world: Callable[..., World]):
        company = world()
        seen_before = _running(company)
        workflow = company.go_on(seen_before)
        told = workflow.events.count()

        with pytest.raises(decisions.Stale):
            decisions.cancel(seen_before, by="a test")

        workflow.refresh_from_db()
        assert (workflow.state, workflow.cancel_requested) == (State.SUCCEEDED, False)
        assert workflow.events.count() == told

    def test_is_not_answered_with_a_question(self, world: Callable[..., World]):
        company = world()
        company.klaviyo.change(revoked=True)
        company.klaviyo.fault("slow", seconds=1)
        workflow = company.start()
        worker = threading.Thread(target=_work_on, args=(company, workflow))
        worker.start()
        until(lambda: company.klaviyo.faults()[0]["acted"], why="nothing was asked of Klaviyo")
        workflow.refresh_from_db()

        decisions.cancel(workflow, by="a test")

        worker.join()
        workflow.refresh_from_db()
        assert workflow.state == State.CANCELLED


def _work_on(company: World, workflow: Workflow) -> None:
    company.go_on(workflow)
    connection.close()


def _running(company: World) -> Workflow:
    """A workflow that a worker has begun with, and given back at once."""
    workflow = company.start()
    Workflow.objects.filter(pk=workflow.pk).update(state=State.RUNNING)
    workflow.refresh_from_db()
    return workflow
