"""Fifty presses at once, by several people on one page: one effect, and a refusal for the others."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.db import connection

from accounts.models import Activity
from tests.workflows.factories import a_workflow
from workflows import decisions, resolutions
from workflows.models import Workflow
from workflows.moves import State

pytestmark = pytest.mark.django_db(transaction=True)
PRESSES = 50 if connection.vendor == "postgresql" else 10
REFUSALS = (decisions.Stale, resolutions.NotOffered)


def press_at_once(workflow: Workflow, act: Callable[[Workflow, str], object]) -> list[bool]:
    """Press from many threads at the same moment, each with the page as it was; return who was let do it."""
    together, done = threading.Barrier(PRESSES), []

    def press(name: str) -> None:
        try:
            seen = Workflow.objects.select_related(
                "orchestration__query", "orchestration__template__destination__credential"
            ).get(pk=workflow.pk)
            together.wait()
            act(seen, name)
            done.append(True)
        except REFUSALS:
            done.append(False)
        finally:
            connection.close()

    threads = [threading.Thread(target=press, args=(f"person {n}",)) for n in range(PRESSES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    workflow.refresh_from_db()
    return done


def paused(code: str = "max_lists") -> Workflow:
    return a_workflow(
        state=State.PAUSED, code=code, message="It stopped.", plan_hash="0" * 64, started_at=datetime.now(UTC)
    )


class TestPresses:
    def test_approve_once(self):
        workflow = paused("guard")

        done = press_at_once(
            workflow,
            lambda seen, name: decisions.approve(seen, plan_hash="0" * 64, by=None, as_name=name),
        )

        assert (len(done), sum(done)) == (PRESSES, 1)
        assert workflow.approvals.count() == 1
        assert workflow.events.filter(to_state=State.QUEUED, from_state=State.PAUSED).count() == 1

    def test_retry_once(self):
        workflow = paused()

        done = press_at_once(workflow, lambda seen, name: decisions.retry(seen, by=name))

        assert (len(done), sum(done)) == (PRESSES, 1)
        assert workflow.state == State.QUEUED
        assert workflow.events.filter(from_state=State.PAUSED).count() == 1

    def test_discard_once(self):
        workflow = paused("guard")

        done = press_at_once(workflow, lambda seen, name: decisions.discard(seen, by=name))

        assert (len(done), sum(done)) == (PRESSES, 1)
        assert workflow.state == State.CANCELLED

    @pytest.mark.parametrize("state", [State.RUNNING, State.WAITING, State.QUEUED, State.PAUSED])
    def test_stop_once(self, state: State):
        workflow = paused()
        Workflow.objects.filter(pk=workflow.pk).update(state=state)

        done = press_at_once(workflow, lambda seen, name: decisions.cancel(seen, by=name))

        assert (len(done), sum(done)) == (PRESSES, 1)
        assert workflow.cancel_requested or workflow.state == State.CANCELLED
        assert workflow.events.exclude(kind="started").count() == 1

    @pytest.mark.parametrize("name", ["retry", "restart"])
    def test_resolve_once(self, name: str):
        workflow = paused()

        done = press_at_once(
            workflow,
            lambda seen, who: resolutions.resolve(
                seen, name, by=resolutions.Person(who), seen=seen.row_version
            ),
        )

        assert (len(done), sum(done)) == (PRESSES, 1)
        assert Workflow.objects.exclude(state=State.CANCELLED).count() == 1
        assert workflow.events.filter(kind="decision").count() == 1
        assert Activity.objects.filter(action="resolved").count() == 1
