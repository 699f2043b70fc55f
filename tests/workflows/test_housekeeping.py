"""Tidying up: files go when nobody needs them, in a few queries however many there are."""

import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as configured

from notifications.models import Notification
from tests.notifications.conftest import a_channel
from tests.workflows.factories import a_workflow
from workflows import housekeeping, tasks
from workflows.files import Folder
from workflows.lifecycle import move
from workflows.models import Event, Workflow
from workflows.moves import State

pytestmark = pytest.mark.django_db(transaction=True)
NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def data_folder(settings: Any, tmp_path: Path) -> Path:
    settings.DATA_DIR = tmp_path
    return tmp_path


def a_folder(root: Path, kind: str, name: object) -> Path:
    folder = root / kind / str(name)
    folder.mkdir(parents=True)
    (folder / "candidates.parquet").write_bytes(b"rows")
    return folder


def days_ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


class TestPurge:
    @pytest.mark.parametrize(
        ("given", "stays"),
        [
            ({"state": State.RUNNING}, True),
            ({"state": State.PAUSED}, True),
            ({"state": State.SUCCEEDED, "finished_at": NOW}, False),
            ({"state": State.CANCELLED, "finished_at": NOW}, False),
            ({"state": State.FAILED, "finished_at": days_ago(29)}, True),
            ({"state": State.FAILED, "finished_at": days_ago(31)}, False),
        ],
    )
    def test_keeps_the_files_of_what_may_go_on(self, data_folder: Path, given: dict[str, Any], stays: bool):
        folder = a_folder(data_folder, "workflows", a_workflow(**given).pk)

        housekeeping.purge(NOW)

        assert folder.exists() == stays

    @pytest.mark.parametrize(("days", "stays"), [(29, True), (31, False)])
    def test_keeps_sealed_rows_for_their_time(self, data_folder: Path, days: int, stays: bool):
        over = a_workflow(state=State.SUCCEEDED, finished_at=days_ago(days))
        folder = a_folder(data_folder, "sealed", over.pk)

        housekeeping.purge(NOW)

        assert folder.exists() == stays

    def test_takes_away_what_no_workflow_owns_and_leaves_what_is_not_ours(self, data_folder: Path):
        orphan = a_folder(data_folder, "workflows", uuid.uuid4())
        strange = a_folder(data_folder, "workflows", "lost+found")

        housekeeping.purge(NOW)

        assert (orphan.exists(), strange.exists()) == (False, True)

    def test_asks_no_more_for_many_folders_than_for_one(
        self, data_folder: Path, django_assert_num_queries: Any
    ):
        for _ in range(50):
            a_folder(data_folder, "workflows", uuid.uuid4())
            a_folder(data_folder, "sealed", uuid.uuid4())

        with django_assert_num_queries(1):
            housekeeping.purge(NOW)


class TestDiscardForgotten:
    def test_gives_up_what_nobody_decided_about_and_its_files_go(self, data_folder: Path):
        forgotten = a_workflow(state=State.PAUSED, code="guard", progress_at=days_ago(31))
        folder = a_folder(data_folder, "workflows", forgotten.pk)

        housekeeping.discard_forgotten(NOW)

        forgotten.refresh_from_db()
        assert forgotten.state == State.CANCELLED
        assert Event.objects.get(workflow=forgotten, to_state=State.CANCELLED).actor == "Rollcall"
        assert Notification.objects.get(workflow=forgotten.pk).title.startswith("Given up: ")
        assert Folder(forgotten.pk).path == folder
        assert not folder.exists()

    def test_lets_the_others_wait(self):
        fresh = a_workflow(state=State.PAUSED, code="guard", progress_at=days_ago(29))
        running = a_workflow(state=State.RUNNING, progress_at=days_ago(31))

        housekeeping.discard_forgotten(NOW)

        states = dict(Workflow.objects.values_list("pk", "state"))
        assert (states[fresh.pk], states[running.pk]) == (State.PAUSED, State.RUNNING)


class TestBeat:
    def test_tidies_up_far_less_often_than_it_wakes(self):
        beat = configured.CELERY_BEAT_SCHEDULE

        tasks_of_beat = {entry["task"] for entry in beat.values()}
        assert tasks_of_beat == {"workflows.tick", "workflows.tidy", "notifications.dispatch"}
        assert (beat["tick"]["schedule"], beat["tidy"]["schedule"]) == (2.0, 300.0)

    def test_ticks_without_a_look_at_the_files(self, data_folder: Path):
        orphan = a_folder(data_folder, "workflows", uuid.uuid4())

        tasks.tick()
        assert orphan.exists()

        tasks.tidy()
        assert not orphan.exists()

    def test_sends_what_is_owed_and_forgets_it_when_it_is_old(self):
        channel, pausing = a_channel(), a_workflow(state=State.RUNNING)
        move(pausing, State.PAUSED, now=days_ago(31), code="query_failed")

        tasks.dispatch_notices()
        assert channel.messages.get().error == "not_taken"

        tasks.tidy()
        assert not Notification.objects.exists()
        assert not channel.messages.exists()
