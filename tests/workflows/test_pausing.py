"""Pausing: what a workflow waits for is written in the moment in which it stops."""

from datetime import datetime, timedelta

import pytest

from tests.workflows.factories import a_workflow
from workflows import engine, lease
from workflows.clock import DatabaseClock
from workflows.models import Step, Workflow
from workflows.moves import State
from workflows.results import Paused
from workflows.run import Run
from workflows.steps import HANDLERS

pytestmark = pytest.mark.django_db(transaction=True)


class TestPause:
    @pytest.mark.parametrize("hours", [None, 5])
    def test_leaves_no_older_time_to_go_on_by_itself(
        self, monkeypatch: pytest.MonkeyPatch, hours: int | None
    ):
        clock = DatabaseClock()
        until: datetime | None = clock.now() + timedelta(hours=hours) if hours else None

        def stop(run: Run, step: Step) -> None:
            raise Paused("max_lists", "The account is full.", wake_at=until)

        monkeypatch.setitem(HANDLERS, "probe", stop)
        # The worker ends before it can give its lease back.
        monkeypatch.setattr(lease, "release", lambda *_, **__: None)
        workflow = a_workflow(wake_at=clock.now() - timedelta(seconds=1))

        engine.advance(workflow.pk, worker="test", clock=clock)

        stopped = Workflow.objects.get(pk=workflow.pk)
        assert (stopped.state, stopped.wake_at) == (State.PAUSED, until)
