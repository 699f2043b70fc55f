"""A refused key: one workflow asks for a decision, the others wait and go on by themselves."""

import threading
from collections.abc import Callable
from datetime import timedelta

from django.db import connection, connections

from credentials import vault
from destinations.models import Destination
from notifications.models import Notification
from tests.flows.processes import until
from tests.flows.world import HurriedClock, World, people
from workflows import circuits, decisions, engine, tasks
from workflows.clock import DatabaseClock
from workflows.models import Circuit, Orchestration, Workflow
from workflows.moves import State
from workflows.start import start

WORKFLOWS, WORKERS = 100, 8
MOST_REQUESTS = 3


class Workers:
    """Threads that do what Celery's workers do: whatever is due, a slice each."""

    def __init__(self, number: int) -> None:
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(f"worker {n}",)) for n in range(number)]

    def __enter__(self) -> "Workers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _work(self, name: str) -> None:
        try:
            while not self._over.wait(0.01):
                for pk in engine.due(DatabaseClock().now())[:5]:
                    engine.advance(pk, worker=name)
        finally:
            connections.close_all()


def orders(company: World, number: int) -> list[Orchestration]:
    return [company.orchestration, *(company.another(list_name=f"List {n}") for n in range(1, number))]


def started(orchestrations: list[Orchestration]) -> list[Workflow]:
    return [start(each, by="a test", trigger="manual") for each in orchestrations]


def replace_key(company: World) -> None:
    company.credential.refresh_from_db()
    assert vault.save_secret(company.credential, company.klaviyo.new_key())


def told(kind: str) -> int:
    return Notification.objects.filter(kind=kind).count()


class TestRevokedKey:
    def test_costs_a_hundred_workflows_three_requests_and_one_notification(self, world: Callable[..., World]):
        company = world()
        started(orders(company, WORKFLOWS))
        company.klaviyo.change(revoked=True)
        before = len(company.klaviyo.log())

        with Workers(WORKERS if connection.vendor == "postgresql" else 2):
            until(lambda: Circuit.objects.exists(), why="nobody met the revoked key")
            until(lambda: not engine.due(DatabaseClock().now()), why="somebody is still let in")
        tasks.tick()

        assert len(company.klaviyo.log()) - before <= MOST_REQUESTS
        assert Notification.objects.count() == told("circuit") == 1
        paused = Workflow.objects.get(state=State.PAUSED)
        assert paused.code == "invalid_credentials"
        assert "“Shop”" in paused.message
        waiting = Workflow.objects.exclude(pk=paused.pk)
        assert set(waiting.values_list("reason", flat=True)) == {"circuit"}
        assert set(waiting.values_list("state", flat=True)) <= {State.QUEUED, State.WAITING}
        assert all(
            "“Shop”" in each.message
            and f"run {paused.number} of “{paused.orchestration.name}”" in each.message
            for each in waiting
        )

    def test_lets_everything_go_on_when_the_key_was_replaced(self, world: Callable[..., World]):
        company = world()
        workflows = started(orders(company, 4))
        company.klaviyo.change(revoked=True)
        for workflow in workflows:
            company.go_on(workflow)
        assert Workflow.objects.filter(reason="circuit").count() == 3

        replace_key(company)
        tasks.tick()

        assert not Circuit.objects.exists()
        assert not Workflow.objects.filter(reason="circuit").exists()
        paused = Workflow.objects.get(state=State.PAUSED)
        assert {company.go_on(each).state for each in workflows if each.pk != paused.pk} == {State.SUCCEEDED}
        decisions.retry(paused, by="a test")
        assert company.go_on(paused).state == State.SUCCEEDED
        assert told("circuit") == 1
        assert told("recovered") == 1

    def test_closes_when_the_workflow_that_was_tried_again_is_let_in(self, world: Callable[..., World]):
        company = world()
        first, second = started(orders(company, 2))
        company.klaviyo.change(revoked=True)
        company.go_on(first)
        company.go_on(second)

        company.klaviyo.change(revoked=False)
        first.refresh_from_db()
        decisions.retry(first, by="a test")

        assert company.go_on(first).state == State.SUCCEEDED
        assert not Circuit.objects.exists()
        assert company.go_on(second).state == State.SUCCEEDED

    def test_is_tried_by_one_workflow_now_and_then_longer_each_time(self, world: Callable[..., World]):
        clock = HurriedClock(pace=10_000)
        company = world(clock=clock)
        first, *others = started(orders(company, 4))
        company.klaviyo.change(revoked=True)
        company.go_on(first)
        before = len(company.klaviyo.log())

        waits = []
        for _ in range(4):
            circuit = Circuit.objects.get()
            waits.append(circuit.probe_at - clock.now())
            clock.sleep(waits[-1].total_seconds())
            for each in others:
                engine.advance(each.pk, worker="test", clock=clock)

        assert len(company.klaviyo.log()) - before == 4
        minutes = [round(wait / timedelta(minutes=1)) for wait in waits]
        assert minutes == [15, 30, 60, 120]
        assert Workflow.objects.filter(state=State.PAUSED).count() == 1
        company.klaviyo.change(revoked=False)
        clock.sleep((Circuit.objects.get().probe_at - clock.now()).total_seconds())
        assert company.go_on(others[0]).state == State.SUCCEEDED
        assert not Circuit.objects.exists()

    def test_is_asked_about_by_the_next_workflow_when_the_first_was_given_up(
        self, world: Callable[..., World]
    ):
        company = world()
        first, second = started(orders(company, 2))
        company.klaviyo.change(revoked=True)
        company.go_on(first)
        company.go_on(second)

        decisions.discard(Workflow.objects.get(pk=first.pk), by="a test")

        assert company.go_on(second).state == State.PAUSED
        assert Circuit.objects.get().opened_by_id == second.pk
        assert told("circuit") == 1

    def test_ends_what_was_asked_to_stop_without_a_request(self, world: Callable[..., World]):
        company = world()
        company.klaviyo.import_settings(lag_seconds=30)
        first, second = started(orders(company, 2))
        while not company.klaviyo.log(operation="POST /api/profile-bulk-import-jobs"):
            engine.advance(second.pk, worker="test")
        company.klaviyo.change(revoked=True)
        company.go_on(first)
        before = len(company.klaviyo.log())
        second.refresh_from_db()

        decisions.cancel(second, by="a test")

        assert company.go_on(second).state == State.CANCELLED
        assert len(company.klaviyo.log()) == before


class TestReplacedKey:
    def test_in_the_middle_of_a_run_is_used_from_the_next_write_on(self, world: Callable[..., World]):
        company = world()
        company.write(people(40))
        company.run()
        company.write(people(40, first=3))
        workflow = company.start()
        while not workflow.steps.filter(kind="import", state="done").exists():
            engine.advance(workflow.pk, worker="test")
        replace_key(company)
        company.klaviyo.change(revoked=True)

        done = company.go_on(workflow)

        assert done.state == State.SUCCEEDED
        assert not Circuit.objects.exists()
        assert Notification.objects.count() == 0

    def test_is_read_again_when_the_old_one_is_refused(self, world: Callable[..., World], monkeypatch):
        company = world()
        workflow = company.start()
        seen = circuits.check

        def rotate_after_the_look(*given: object) -> bool:
            found = seen(*given)
            monkeypatch.setattr(circuits, "check", seen)
            replace_key(company)
            company.klaviyo.change(revoked=True)
            return found

        monkeypatch.setattr(circuits, "check", rotate_after_the_look)

        assert company.go_on(workflow).state == State.SUCCEEDED
        assert not Circuit.objects.exists()


class TestAnotherAccount:
    def test_concerns_the_destinations_of_that_account_alone(self, world: Callable[..., World]):
        company = world()
        other = company.another(list_name="Other")
        elsewhere = Destination.objects.create(
            name="Elsewhere", plugin="klaviyo", credential=company.credential, account_id="OTHER1"
        )
        other.template.destination = elsewhere
        other.template.save()

        wrong = company.run_of(other)
        right = company.run()

        assert (wrong.state, wrong.code) == (State.PAUSED, "wrong_account")
        assert right.state == State.SUCCEEDED
