"""Files and people that do not keep to the plan: late, torn, swept up with strangers, or gone again."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection

from destinations.sftp import session
from destinations.sftp.address import Timeouts
from tests.flows.conftest import BY_FILE
from tests.flows.world import LIST, HurriedClock, World, people
from workflows import decisions, engine, resolutions
from workflows.models import Coefficient, Workflow
from workflows.moves import State
from workflows.start import start

LATE = 3_600


def uploaded(company: World) -> Workflow:
    """Start a run and work on it until its last part is uploaded and it waits for the list."""
    workflow = company.start()
    for _ in range(50):
        engine.advance(workflow.pk, worker="test", clock=company.clock)
        workflow.refresh_from_db()
        if workflow.steps.filter(kind="ingest").exclude(checkpoint={}).exists():
            return workflow
        company.clock.sleep(1)
    raise AssertionError(f"never uploaded: {workflow.state} {workflow.message}")


class TestARunThatWasStopped:
    def test_says_that_its_files_may_still_be_taken_in(self, by_file: Callable[..., World]):
        company = by_file()
        company.klaviyo.sftp_settings(delay_seconds=LATE)
        company.write(people(50))
        workflow = uploaded(company)

        decisions.cancel(workflow, by="a test", clock=company.clock)
        stopped = company.go_on(workflow)

        assert stopped.state == State.CANCELLED
        assert "50 of the adds lie in uploaded files that Klaviyo may still take in" in stopped.message

    def test_is_waited_for_by_the_next_one(self, by_file: Callable[..., World]):
        company = by_file(sftp={"wait_minutes": 30})
        company.klaviyo.sftp_settings(delay_seconds=LATE)
        company.write(people(50))
        workflow = uploaded(company)
        decisions.cancel(workflow, by="a test", clock=company.clock)
        company.go_on(workflow)
        company.write(people(2))
        following = company.start()
        engine.advance(following.pk, worker="test", clock=company.clock)
        following.refresh_from_db()
        waited_for = following.message
        company.klaviyo.release_ingests()

        ended = company.go_on(following)

        assert waited_for == "Waiting for uploaded people: 0 of 50 are on the list."
        assert ended.state == State.SUCCEEDED
        assert ended.counts["removed"] == 48
        assert company.members() == {"person0@example.org", "person1@example.org"}

    def test_is_waited_for_even_when_its_file_was_torn(self, by_file: Callable[..., World]):
        company = by_file(sftp={"wait_minutes": 2})
        company.klaviyo.sftp_settings(delay_seconds=LATE)
        company.klaviyo.sftp_fault("cut", bytes=70_000)
        company.write(people(5_000))
        workflow = company.start()
        while not workflow.steps.filter(kind="upload", calls__outcome="ambiguous").exists():
            engine.advance(workflow.pk, worker="test", clock=company.clock)
            company.clock.sleep(1)
        workflow.refresh_from_db()
        decisions.cancel(workflow, by="a test", clock=company.clock)
        stopped = company.go_on(workflow)
        company.klaviyo.clear_sftp_faults()
        company.write(people(2))

        following = company.run()

        assert "An upload of 5,000 people was begun and not finished" in stopped.message
        waited = following.steps.get(key="barrier")
        assert waited.finished_at - waited.started_at >= timedelta(minutes=1)

    def test_counts_those_who_went_by_another_way_as_well(self, by_file: Callable[..., World]):
        company = by_file(sftp={"wait_minutes": 30})
        company.write(people(20))
        company.run()
        company.klaviyo.remove(LIST, *(f"person{n}@example.org" for n in range(5)))
        company.write(people(5, first=100))
        company.run()
        company.klaviyo.sftp_settings(delay_seconds=LATE)
        # Fifteen come back, whose ids are remembered, and five are new.
        company.write(people(20, first=5) + people(5, first=100))
        workflow = uploaded(company)
        decisions.cancel(workflow, by="a test", clock=company.clock)
        company.go_on(workflow)
        following = company.start()
        engine.advance(following.pk, worker="test", clock=company.clock)
        following.refresh_from_db()

        # Five as before, fifteen by their ids, and five who are in the file.
        assert following.state == State.WAITING
        assert following.message == "Waiting for uploaded people: 20 of 25 are on the list."


class TestWhatWasLeftOnTheServer:
    def test_is_waited_for_when_a_file_was_closed_and_then_found_short(self, by_file: Callable[..., World]):
        company = by_file(sftp={"wait_minutes": 30})
        company.klaviyo.sftp_settings(delay_seconds=LATE)
        company.klaviyo.sftp_fault("full", bytes=40_000, mode="silent")
        company.write(people(5_000))
        stuck = company.run()
        mended = resolutions.resolve(stuck, "send_by_api", by=resolutions.Person("a test")).workflow

        engine.advance(mended.pk, worker="test", clock=company.clock)

        mended.refresh_from_db()
        assert stuck.code == "sftp_no_space"
        assert mended.message == "Waiting for uploaded people: 0 of 5,000 are on the list."

    def test_is_nothing_when_a_stopped_upload_could_be_taken_back(self, by_file: Callable[..., World]):
        # Long enough for the wish to stop, which a worker looks for every five seconds.
        company = by_file(sftp={"wait_minutes": 30, "part_rows": 100_000})
        company.klaviyo.sftp_settings(bytes_per_second=200_000)
        company.write(people(100_000))
        workflow = company.start()
        stopper = threading.Thread(target=_cancel_when_uploading, args=(company, workflow), daemon=True)
        stopper.start()
        stopped = company.go_on(workflow)
        stopper.join()
        company.write(people(2))

        following = company.run()

        waited = following.steps.get(key="barrier")
        assert stopped.state == State.CANCELLED
        assert stopped.steps.filter(kind="upload", calls__outcome="removed").exists()
        assert following.state == State.SUCCEEDED
        assert waited.finished_at - waited.started_at < timedelta(minutes=1)
        assert len(company.members()) == 2

    def test_is_not_waited_for_twice(self, by_file: Callable[..., World]):
        company = by_file(sftp={"wait_minutes": 30})
        company.klaviyo.sftp_settings(delay_seconds=LATE)
        company.write(people(50))
        workflow = uploaded(company)
        decisions.cancel(workflow, by="a test", clock=company.clock)
        company.go_on(workflow)
        company.klaviyo.release_ingests()
        company.klaviyo.sftp_settings(delay_seconds=0)
        company.write(people(2))
        second = company.run()

        third = company.run()

        waited = third.steps.get(key="barrier")
        assert second.state == third.state == State.SUCCEEDED
        assert waited.finished_at - waited.started_at < timedelta(minutes=1)


def _cancel_when_uploading(company: World, workflow: Workflow) -> None:
    try:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            if workflow.steps.filter(kind="upload").exclude(progress={}).exists():
                decisions.cancel(Workflow.objects.get(pk=workflow.pk), by="a test", clock=HurriedClock())
                return
            time.sleep(0.02)
    finally:
        connection.close()


class TestABusyList:
    def test_is_not_waited_for_for_ever(self, by_file: Callable[..., World]):
        company = by_file(sftp={"wait_minutes": 3})
        company.klaviyo.create_list(LIST)
        company.klaviyo.add(LIST, *(f"stranger{n}@example.org" for n in range(30)))
        company.klaviyo.sftp_settings(drop=["person7@", "person8@"])
        company.write(people(20))
        strangers = iter(range(30))

        def somebody_leaves(workflow: Workflow) -> None:
            if workflow.steps.filter(kind="ingest", state="pending").exists():
                company.klaviyo.remove(LIST, f"stranger{next(strangers)}@example.org")

        workflow = company.run(on_change=somebody_leaves)

        assert workflow.state == State.SUCCEEDED_WITH_ISSUES
        assert workflow.counts["unknown"] == 2

    def test_does_not_pass_a_stranger_off_as_one_of_ours(self, by_file: Callable[..., World]):
        company = by_file(sftp={"wait_minutes": 10}, template={**BY_FILE, "mode": "add_only"})
        company.klaviyo.sftp_settings(delay_seconds=LATE)
        company.write(people(20))
        workflow = uploaded(company)
        company.klaviyo.add(LIST, *(f"stranger{n}@example.org" for n in range(20)))
        released: list[bool] = []

        def release_once(workflow: Workflow) -> None:
            if not released and workflow.steps.filter(kind="verify").exclude(checkpoint={}).exists():
                released.append(company.klaviyo.release_ingests() == 1)

        ended = company.go_on(workflow, on_change=release_once)

        assert released == [True]
        assert ended.state == State.SUCCEEDED
        assert ended.counts["added"] == 20

    def test_is_not_sent_the_uploaded_again_unasked(self, by_file: Callable[..., World]):
        company = by_file(sftp={"wait_minutes": 3})
        company.klaviyo.sftp_settings(drop=["person7@"])
        company.write(people(20))
        workflow = uploaded(company)
        company.klaviyo.add(LIST, "stranger@example.org")

        ended = company.go_on(workflow)

        assert (ended.state, ended.code) == (State.SUCCEEDED_WITH_ISSUES, "sftp_unconfirmed")
        assert "stranger@example.org" not in company.members()
        assert "imports.create" not in ended.requests
        assert ended.counts["unknown"] == 1


class TestWaysOut:
    @pytest.fixture
    def failed(self, by_file: Callable[..., World]) -> tuple[World, Workflow]:
        company = by_file(sftp={"wait_minutes": 1})
        company.klaviyo.sftp_settings(drop=["person7@"])
        company.write(people(20))
        return company, company.run()

    def test_are_closed_when_the_template_names_another_list(self, failed: tuple[World, Workflow]):
        workflow = failed[1]
        template = workflow.orchestration.template
        template.list_name = "Others"
        template.save()
        workflow = Workflow.objects.get(pk=workflow.pk)

        assert resolutions.offered(workflow) == []
        with pytest.raises(resolutions.NotOffered):
            resolutions.resolve(workflow, "wait_longer", by=resolutions.Person("a test"))

    def test_start_nothing_while_another_run_is_at_work(self, failed: tuple[World, Workflow]):
        company, workflow = failed
        live = start(company.orchestration, by="somebody", trigger="manual")

        with pytest.raises(resolutions.NotOffered, match=f"Run {live.number} is at work"):
            resolutions.resolve(workflow, "send_missing", by=resolutions.Person("a test"))

        assert workflow.children.count() == 0

    def test_sweep_no_decision_away(self, failed: tuple[World, Workflow]):
        company, workflow = failed
        waiting = company.run(dry_run=True)

        with pytest.raises(resolutions.NotOffered, match="waits for a decision"):
            resolutions.resolve(workflow, "send_missing", by=resolutions.Person("a test"))

        waiting.refresh_from_db()
        assert waiting.state == State.PAUSED

    def test_send_by_api_what_still_lacks_after_waiting(self, failed: tuple[World, Workflow]):
        company, workflow = failed
        waited = company.go_on(
            resolutions.resolve(
                workflow,
                "wait_longer",
                resolutions.Answers({"minutes": ["1"]}),
                by=resolutions.Person("a test"),
            ).workflow
        )

        ended = company.approve(waited)

        assert waited.plan["path"] == "api"
        assert ended.state == State.SUCCEEDED
        assert len(company.members()) == 20

    def test_are_open_again_when_the_run_came_to_nothing(self, failed: tuple[World, Workflow]):
        company, workflow = failed
        first = resolutions.resolve(workflow, "send_missing", by=resolutions.Person("a test")).workflow
        decisions.cancel(first, by="a test", clock=company.clock)
        company.go_on(first)

        workflow.refresh_from_db()
        again = resolutions.resolve(workflow, "send_missing", by=resolutions.Person("a test"))
        second = company.go_on(again.workflow)

        assert second.pk != first.pk
        assert second.state == State.SUCCEEDED

    def test_are_the_same_run_when_pressed_twice(self, failed: tuple[World, Workflow]):
        workflow = failed[1]
        first = resolutions.resolve(workflow, "send_missing", by=resolutions.Person("a test")).workflow

        with pytest.raises(resolutions.NotOffered):
            resolutions.resolve(workflow, "send_missing", by=resolutions.Person("another"))

        assert list(workflow.children.all()) == [first]


class TestASilentServer:
    @pytest.mark.parametrize("at", ["tcp", "banner", "open"])
    def test_is_given_up_after_five_minutes_with_a_way_round(
        self, by_file: Callable[..., World], monkeypatch: pytest.MonkeyPatch, at: str
    ):
        company = by_file()
        company.write(people(30))
        company.klaviyo.sftp_fault("silent", at=at)
        # The product waits ten seconds and more at each place.
        brief = Timeouts(connect=0.2, banner=0.2, auth=0.2, channel=0.2, stall=0.2)
        monkeypatch.setattr(session, "Timeouts", lambda: brief)

        workflow = company.run()

        code = "sftp_cut" if at == "open" else "sftp_unavailable"
        assert (workflow.state, workflow.code) == (State.PAUSED, code)
        assert "It was tried" in workflow.message
        assert {"retry", "send_by_api"} <= {way.name for way in resolutions.offered(workflow)}
        assert workflow.finished_at is None


class TestTheNextRun:
    def test_goes_by_api_by_itself_when_little_changed(self, by_file: Callable[..., World]):
        company = by_file(template={"path": "auto"})
        known = {"upsert": (1, 50.0), "import": (100, 500.0), "ingest": (100, 1.0), "upload": (1_000, 0.1)}
        for name, point in known.items():
            Coefficient.objects.create(
                account_id=company.klaviyo.id, name=name, observations=[{"workflow": "x", "points": [point]}]
            )
        company.write(people(200))
        first = company.run()
        company.klaviyo.sftp_settings(delay_seconds=0)
        company.write(people(199))

        second = company.run()

        assert (first.state, first.plan["path"]) == (State.SUCCEEDED, "sftp")
        assert (second.state, second.plan["path"]) == (State.SUCCEEDED, "api")
        assert second.counts["removed"] == 1
        assert len(company.klaviyo.sftp_files()) == 1


def test_the_clock_of_these_tests_waits_quickly() -> None:
    clock = HurriedClock(pace=1_000_000)
    before = clock._ahead

    clock.sleep(3_600)

    assert clock._ahead - before > timedelta(minutes=59)
