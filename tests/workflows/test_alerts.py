"""One notice for each change of state worth telling: none lost, none doubled, none of a press."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction

from accounts.models import User
from notifications import wishes
from notifications.models import Delivery, Notification
from notifications.wishes import Wish
from tests.notifications.conftest import a_channel
from tests.workflows.factories import a_workflow, an_orchestration
from workflows import alerts, decisions
from workflows.lifecycle import StaleState, move, tell
from workflows.models import Circuit, Workflow
from workflows.moves import State
from workflows.start import start

pytestmark = pytest.mark.django_db

# After the start of what is made here, which is told the real time.
NOW = datetime.now(UTC) + timedelta(hours=1)


@pytest.fixture
def ada() -> User:
    return User.objects.create_user("ada")


def at(minutes: int) -> datetime:
    return NOW + timedelta(minutes=minutes)


def running(**given: Any) -> Workflow:
    workflow = a_workflow(**given)
    move(workflow, State.RUNNING, now=NOW)
    return workflow


def pause(workflow: Workflow, code: str, *, now: datetime = NOW) -> None:
    move(workflow, State.PAUSED, now=now, note="Stopped.", code=code, message="It stopped.")


def go_on(workflow: Workflow, *, by: str, now: datetime) -> None:
    move(workflow, State.QUEUED, now=now, actor=by, note="Retried.", code="", message="")
    move(workflow, State.RUNNING, now=now)


def told() -> list[tuple[str, str]]:
    return list(Notification.objects.order_by("at", "id").values_list("kind", "code"))


class TestOnMove:
    def test_tells_of_trouble_once_with_the_way_to_it(self):
        a_channel()
        workflow = running()

        pause(workflow, "query_failed")

        notice = Notification.objects.get()
        assert (notice.kind, notice.code, notice.at) == ("trouble", "query_failed", NOW)
        assert notice.title == f"Query failed: {workflow.orchestration.name}"
        assert notice.path == f"/workflows/{workflow.pk}/#resolutions"
        assert (notice.about, notice.workflow) == (workflow.orchestration_id, workflow.pk)
        assert str(notice.destination) == workflow.config["destination"]["id"]
        assert Delivery.objects.count() == 1

    def test_tells_nothing_of_a_move_that_was_lost(self):
        workflow = running()
        late = Workflow.objects.get(pk=workflow.pk)
        pause(workflow, "query_failed")

        with pytest.raises(StaleState):
            pause(late, "query_timeout")

        assert told() == [("trouble", "query_failed")]

    def test_tells_nothing_of_a_move_that_was_undone(self):
        workflow = running()

        with transaction.atomic():
            pause(workflow, "query_failed")
            transaction.set_rollback(True)

        assert told() == []

    def test_is_quiet_while_the_same_comes_back_by_itself(self):
        workflow = running()
        pause(workflow, "upstream_unavailable")

        for hour in range(1, 6):
            go_on(workflow, by="Rollcall", now=at(60 * hour))
            pause(workflow, "upstream_unavailable", now=at(60 * hour))

        assert told() == [("trouble", "upstream_unavailable")]

    def test_tells_what_else_comes_by_itself(self):
        workflow = running()
        pause(workflow, "upstream_unavailable")
        go_on(workflow, by="Rollcall", now=at(60))

        pause(workflow, "list_gone", now=at(61))

        assert told() == [("trouble", "upstream_unavailable"), ("trouble", "list_gone")]

    def test_tells_again_when_a_person_went_on_and_it_came_back(self):
        workflow = running()
        pause(workflow, "query_failed")
        go_on(workflow, by="ada", now=at(5))

        pause(workflow, "query_failed", now=at(6))
        go_on(workflow, by="Rollcall", now=at(60))
        pause(workflow, "query_failed", now=at(61))

        assert told() == [("trouble", "query_failed")] * 2

    def test_is_quiet_when_a_run_that_repeats_it_comes_to_the_same(self):
        workflow = running()
        pause(workflow, "upstream_unavailable")
        child = start(workflow.orchestration, by="Rollcall", trigger="retry")
        move(child, State.RUNNING, now=at(400))

        pause(child, "upstream_unavailable", now=at(401))

        assert told() == [("trouble", "upstream_unavailable")]

    def test_tells_of_each_run_that_a_person_started(self):
        workflow = running()
        pause(workflow, "query_failed")
        child = start(workflow.orchestration, by="ada", trigger="manual")
        move(child, State.RUNNING, now=at(5))

        pause(child, "query_failed", now=at(6))

        assert told() == [("trouble", "query_failed")] * 2

    @pytest.mark.parametrize("press", [decisions.discard, decisions.cancel])
    def test_is_quiet_about_a_press(self, press):
        workflow = running()
        pause(workflow, "guard")

        press(workflow, by="ada")

        assert told() == [("approval", "guard")]

    def test_tells_of_failure_and_issues(self):
        failed, done = running(), running()

        move(failed, State.FAILED, now=NOW, code="bug", message="It failed.")
        counts = {"added": 3, "rejected": {"invalid": 2}}
        move(done, State.SUCCEEDED_WITH_ISSUES, now=at(1), code="", counts=counts)

        assert told() == [("trouble", "bug"), ("issues", "")]
        assert "2 rows rejected" in Notification.objects.get(kind="issues").body


class TestRecovery:
    def succeed(self, workflow: Workflow, now: datetime) -> None:
        move(workflow, State.SUCCEEDED, now=now, code="", counts={"on_list": 7})

    def test_is_told_once_after_trouble(self):
        workflow = running()
        pause(workflow, "query_failed")
        go_on(workflow, by="ada", now=at(5))
        self.succeed(workflow, at(6))

        next_run = start(workflow.orchestration, by="ada", trigger="manual")
        move(next_run, State.RUNNING, now=at(7))
        self.succeed(next_run, at(8))

        assert told() == [("trouble", "query_failed"), ("recovered", "")]
        assert "Read back: 7 people" in Notification.objects.get(kind="recovered").body

    def test_is_none_without_trouble(self):
        workflow = running()
        pause(workflow, "guard")
        go_on(workflow, by="ada", now=at(5))

        self.succeed(workflow, at(6))

        assert told() == [("approval", "guard")]

    def test_is_of_its_own_orchestration(self):
        pause(running(), "query_failed")

        self.succeed(running(), at(6))

        assert told() == [("trouble", "query_failed")]

    def test_is_told_once_though_the_first_was_in_a_mute(self, ada):
        workflow = running()
        pause(workflow, "query_failed")
        wishes.prefer(workflow.orchestration_id, Wish("muted", at(10)), by=ada, now=NOW)
        go_on(workflow, by="ada", now=at(5))
        self.succeed(workflow, at(6))

        for minute in (7, 20):
            again = start(workflow.orchestration, by="ada", trigger="manual")
            move(again, State.RUNNING, now=at(minute))
            self.succeed(again, at(minute + 1))

        assert told() == [("trouble", "query_failed"), ("recovered", "")]


class TestMute:
    def mute(self, workflow: Workflow, ada: User) -> None:
        wishes.prefer(workflow.orchestration_id, Wish("muted", at(30)), by=ada, now=NOW)

    def test_holds_no_trouble_back_that_lasts_longer(self, ada):
        workflow = running()
        self.mute(workflow, ada)
        pause(workflow, "upstream_unavailable")
        go_on(workflow, by="Rollcall", now=at(20))
        pause(workflow, "upstream_unavailable", now=at(21))
        go_on(workflow, by="Rollcall", now=at(40))

        pause(workflow, "upstream_unavailable", now=at(41))

        assert list(Notification.objects.order_by("at").values_list("quiet", "at")) == [
            (True, NOW),
            (False, at(41)),
        ]

    def test_holds_no_trouble_back_that_a_later_run_repeats(self, ada):
        workflow = running()
        self.mute(workflow, ada)
        pause(workflow, "upstream_unavailable")
        child = start(workflow.orchestration, by="Rollcall", trigger="retry")
        move(child, State.RUNNING, now=at(40))

        pause(child, "upstream_unavailable", now=at(41))

        assert [each.quiet for each in Notification.objects.order_by("at")] == [True, False]


class TestCircuit:
    @pytest.fixture
    def stuck(self) -> Workflow:
        return running()

    @pytest.fixture
    def circuit(self, stuck) -> Circuit:
        return Circuit.objects.create(
            credential=stuck.orchestration.template.destination.credential,
            account_id=stuck.account_id,
            code="invalid_credentials",
            message="Klaviyo rejected the key.",
            credential_version=1,
            opened_at=NOW,
            opened_by=stuck,
            probe_at=at(15),
        )

    def test_is_told_once_and_its_workflows_are_not(self, circuit, stuck):
        assert alerts.circuit_opened(circuit, stuck, NOW) is not None
        assert alerts.circuit_opened(circuit, stuck, at(1)) is None
        pause(stuck, "invalid_credentials")

        notice = Notification.objects.get()
        assert (notice.kind, notice.code, notice.about) == ("circuit", "invalid_credentials", None)
        assert notice.account_id == stuck.account_id
        assert notice.path.endswith("#resolutions")

    def test_tells_that_it_closed_when_it_told_that_it_opened(self, circuit, stuck):
        assert alerts.circuit_closed(circuit, NOW) is None

        alerts.circuit_opened(circuit, stuck, NOW)

        assert alerts.circuit_closed(circuit, at(5)) is not None
        assert alerts.circuit_closed(circuit, at(6)) is None
        assert [kind for kind, _ in told()] == ["circuit", "recovered"]


class TestInactive:
    def test_is_told_and_so_is_its_end(self):
        workflow = running()
        pause(workflow, "query_failed")
        orchestration = workflow.orchestration

        alerts.became_inactive(orchestration, workflow, at(1))
        alerts.became_inactive(orchestration, workflow, at(1))
        probe = start(orchestration, by="Rollcall", trigger="retry")
        alerts.became_active(orchestration, probe, at(2))
        alerts.became_active(orchestration, probe, at(3))

        assert [kind for kind, _ in told()] == ["trouble", "inactive", "recovered"]

    def test_is_not_told_again_by_each_run_that_tries_it(self):
        workflow = running()
        pause(workflow, "query_failed")
        orchestration = workflow.orchestration
        alerts.became_inactive(orchestration, workflow, at(1))

        for hour, code in ((1, "query_failed"), (2, "query_failed"), (4, "list_gone"), (8, "list_gone")):
            probe = start(orchestration, by="Rollcall", trigger="probe")
            move(probe, State.RUNNING, now=at(60 * hour))
            pause(probe, code, now=at(60 * hour + 1))

        assert told() == [("trouble", "query_failed"), ("inactive", "query_failed"), ("trouble", "list_gone")]

    def test_end_is_told_beside_a_success_with_issues(self):
        workflow = running()
        pause(workflow, "query_failed")
        alerts.became_inactive(workflow.orchestration, workflow, at(1))
        probe = start(workflow.orchestration, by="Rollcall", trigger="probe")
        move(probe, State.RUNNING, now=at(2))
        move(probe, State.SUCCEEDED_WITH_ISSUES, now=at(3), code="", counts={"added": 3})

        alerts.became_active(workflow.orchestration, probe, at(4))

        assert [kind for kind, _ in told()] == ["trouble", "inactive", "issues", "recovered"]

    def test_end_is_not_told_beside_the_success(self):
        orchestration = an_orchestration()
        workflow = start(orchestration, by="ada", trigger="manual")
        alerts.became_inactive(orchestration, workflow, NOW)
        move(workflow, State.RUNNING, now=at(1))
        move(workflow, State.SUCCEEDED, now=at(2), code="")

        assert alerts.became_active(orchestration, workflow, at(3)) is None
        assert [kind for kind, _ in told()] == ["inactive", "recovered"]


def test_a_request_for_help_is_passed_on_once():
    workflow = running()
    tell(workflow, "decision", now=NOW, message="Asked.")

    given = {"title": "Asked for help", "body": "12 rows wait.", "key": f"ask:{workflow.pk}"}
    alerts.requested(workflow, **given, now=NOW)
    alerts.requested(workflow, **given, now=at(1))

    assert told() == [("request", "")]
