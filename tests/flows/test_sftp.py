"""A large set: new people in a CSV over SFTP, removals by the API, one workflow, and the list read back."""

import csv
import hashlib
import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from credentials import host_keys
from tests.flows.conftest import BY_FILE
from tests.flows.world import World, people
from workflows import resolutions, sealing
from workflows.models import StepState, Workflow
from workflows.moves import State
from workflows.report import report


def sent_rows(company: World) -> list[dict[str, str]]:
    """Every row of every file that the server was sent whole, by its header."""
    rows: list[dict[str, str]] = []
    for body in files(company):
        rows += csv.DictReader(io.StringIO(body.decode()))
    return rows


def files(company: World) -> list[bytes]:
    whole = [file["name"] for file in company.klaviyo.sftp_files() if file["state"] == "complete"]
    return [company.klaviyo.sftp_file(name) for name in whole]


def properties(company: World, email: str) -> dict[str, Any]:
    return company.klaviyo.profile(email)["properties"]


class TestSplitPlan:
    def test_puts_people_on_by_file_and_takes_them_off_by_api(self, by_file: Callable[..., World]):
        company = by_file()
        strangers = [f"stranger{n}@example.org" for n in range(40)]
        company.klaviyo.create_list("VIP")
        company.klaviyo.add("VIP", *strangers)
        company.write(people(3_000))

        workflow = company.run()

        list_id = company.klaviyo.list_named("VIP")
        rows = sent_rows(company)
        assert (workflow.state, workflow.message) == (State.SUCCEEDED, "")
        assert len(rows) == 3_000
        assert {row["List ID"] for row in rows} == {list_id}
        assert company.members() == {f"person{n}@example.org" for n in range(3_000)}
        assert workflow.counts["added"] == 3_000
        assert workflow.counts["removed"] == 40
        assert workflow.requests["lists.remove"] == 1
        assert "imports.create" not in workflow.requests

    def test_writes_the_headers_to_the_byte(self, by_file: Callable[..., World]):
        mapping = [
            {"column": "phone", "target": "phone_number", "type": "text"},
            {"column": "id", "target": "external_id", "type": "text"},
            {"column": "tier", "target": "properties.Tier", "type": "text"},
        ]
        company = by_file(template={**BY_FILE, "full_profile": True, "mapping": mapping})
        rows = [
            {**row, "phone": f"+4670100{n:04}", "id": f"c-{n}", "tier": "gold, old"}
            for n, row in enumerate(people(30))
        ]
        company.write(rows)

        workflow = company.run()

        (body,) = files(company)
        lines = body.splitlines()
        assert workflow.state == State.SUCCEEDED
        assert lines[0] == b"Email,PhoneNumber,ExternalID,Tier,List ID"
        assert properties(company, "person7@example.org") == {"Tier": "gold, old"}

    def test_goes_by_api_by_itself_when_little_is_left_to_do(self, by_file: Callable[..., World]):
        company = by_file(template={"path": "auto"})
        company.write(people(50))
        company.run()

        assert company.klaviyo.sftp_files() == []

    def test_says_where_it_went_and_how_long_that_was_to_take(self, by_file: Callable[..., World]):
        company = by_file()
        company.write(people(200))

        told = report(company.run())

        assert told["path"] == "sftp"
        assert told["plan"]["way"] == "sftp"
        assert {other["way"] for other in told["plan"]["others"]} >= {"import"}
        assert told["estimate_seconds"] > 0
        assert 0 < told["actual_seconds"] <= told["total_seconds"]
        (file,) = told["files"]
        (body,) = files(company)
        assert (file["rows"], file["bytes"]) == (200, len(body))
        assert file["sha256"] == hashlib.sha256(body).hexdigest()

    def test_cuts_the_file_into_parts(self, by_file: Callable[..., World]):
        company = by_file(sftp={"part_rows": 400})
        company.write(people(1_000))

        workflow = company.run()

        assert workflow.state == State.SUCCEEDED
        assert len(company.klaviyo.sftp_files()) == 3
        assert len(sent_rows(company)) == 1_000


class TestReadBack:
    def test_names_exactly_the_rows_that_did_not_come(self, by_file: Callable[..., World]):
        company = by_file(sftp={"wait_minutes": 1})
        company.klaviyo.sftp_settings(drop_share=0.01, drop_seed=7)
        company.write(people(1_000))

        workflow = company.run()

        dropped = set(company.klaviyo.sftp_dropped())
        named = {row["email"] for row in sealing.refused(workflow) if row["reason"] == "not_seen"}
        assert dropped
        assert (workflow.state, workflow.code) == (State.SUCCEEDED_WITH_ISSUES, "sftp_unconfirmed")
        assert not workflow.is_verified
        assert named == dropped
        assert workflow.counts["unknown"] == len(dropped)
        assert workflow.counts["added"] == 1_000 - len(dropped)

    def test_is_put_right_by_sending_the_missing_by_api(self, by_file: Callable[..., World]):
        company = by_file(sftp={"wait_minutes": 1})
        company.klaviyo.sftp_settings(drop_share=0.01, drop_seed=7)
        company.write(people(1_000))
        failed = company.run()

        mended = company.go_on(
            resolutions.resolve(failed, "send_missing", by=resolutions.Person("a test")).workflow
        )

        assert (mended.state, mended.message) == (State.SUCCEEDED, "")
        assert mended.parent_id == failed.pk
        assert mended.counts["added"] == failed.counts["unknown"]
        assert mended.plan["path"] == "api"
        assert company.members() == {f"person{n}@example.org" for n in range(1_000)}
        assert resolutions.offered(Workflow.objects.get(pk=failed.pk)) == []

    def test_is_put_right_by_waiting_longer(self, by_file: Callable[..., World]):
        company = by_file(sftp={"wait_minutes": 1})
        company.klaviyo.sftp_settings(delay_seconds=3600)
        company.write(people(20))
        failed = company.run()
        company.klaviyo.release_ingests()
        company.klaviyo.forget_log()

        mended = company.go_on(
            resolutions.resolve(
                failed,
                "wait_longer",
                resolutions.Answers({"minutes": ["5"]}),
                by=resolutions.Person("a test"),
            ).workflow
        )

        assert failed.counts["unknown"] == 20
        assert (mended.state, mended.message) == (State.SUCCEEDED, "")
        assert mended.counts["unchanged"] == 20
        assert company.klaviyo.writes() == []

    def test_sends_nothing_unasked_after_waiting_in_vain(self, by_file: Callable[..., World]):
        company = by_file(sftp={"wait_minutes": 1})
        company.klaviyo.sftp_settings(drop=["person7@"])
        company.write(people(20))
        failed = company.run()

        waited = company.go_on(
            resolutions.resolve(
                failed,
                "wait_longer",
                resolutions.Answers({"minutes": ["2"]}),
                by=resolutions.Person("a test"),
            ).workflow
        )

        assert (waited.state, waited.code) == (State.PAUSED, "plan_ready")
        assert waited.plan["adds"] == 1

    def test_is_no_success_before_the_list_was_read(self, by_file: Callable[..., World]):
        company = by_file()
        company.klaviyo.sftp_settings(delay_seconds=2)
        company.write(people(50))
        seen: list[tuple[str, int]] = []

        def note(workflow: Workflow) -> None:
            seen.append((workflow.state, len(company.members())))

        workflow = company.run(on_change=note)

        assert workflow.state == State.SUCCEEDED
        assert all(members == 50 for state, members in seen if state == State.SUCCEEDED)
        assert any(state == State.WAITING for state, _ in seen)

    def test_takes_a_file_that_is_gone_at_once_for_delivered(self, by_file: Callable[..., World]):
        company = by_file()
        company.klaviyo.sftp_settings(taken_at_once=True)
        company.write(people(50))

        workflow = company.run()

        assert workflow.state == State.SUCCEEDED
        assert report(workflow)["files"][0]["taken"]
        assert workflow.steps.get(kind="upload").calls.count() == 1


class TestTrouble:
    @pytest.mark.parametrize(
        ("action", "details", "code"),
        [
            ("full", {"bytes": 3_000, "mode": "error"}, "sftp_no_space"),
            ("full", {"bytes": 3_000, "mode": "silent"}, "sftp_no_space"),
            ("deny", {}, "sftp_denied"),
            ("missing_folder", {}, "sftp_folder_missing"),
            ("other_host_key", {}, "host_key_changed"),
        ],
    )
    def test_pauses_with_its_own_code(
        self, by_file: Callable[..., World], action: str, details: dict[str, Any], code: str
    ):
        company = by_file()
        company.write(people(1_000))
        company.klaviyo.sftp_fault(action, **details)

        workflow = company.run()

        assert (workflow.state, workflow.code) == (State.PAUSED, code)
        assert company.members() == set()

    def test_logs_in_nowhere_when_the_host_key_changed(self, by_file: Callable[..., World]):
        company = by_file()
        company.write(people(100))
        company.klaviyo.sftp_fault("other_host_key")

        workflow = company.run()

        pins = host_keys.pinned(company.sftp_key)
        assert workflow.code == "host_key_changed"
        assert pins[0].fingerprint in workflow.message
        assert company.klaviyo.sftp_log("login") == []
        assert company.klaviyo.sftp_files() == []

    def test_pauses_when_the_key_is_not_let_in(self, by_file: Callable[..., World]):
        company = by_file()
        company.write(people(100))
        company.klaviyo.sftp_settings(refuse_keys=True)

        workflow = company.run()

        assert (workflow.state, workflow.code) == (State.PAUSED, "sftp_login_refused")

    def test_sends_by_api_instead_when_asked(self, by_file: Callable[..., World]):
        company = by_file()
        company.write(people(300))
        company.klaviyo.sftp_fault("deny")
        stuck = company.run()

        mended = company.go_on(
            resolutions.resolve(stuck, "send_by_api", by=resolutions.Person("a test")).workflow
        )

        stuck.refresh_from_db()
        waited = mended.steps.get(key="barrier")
        assert stuck.state == State.CANCELLED
        # Nothing was written, so nothing can come late.
        assert waited.finished_at - waited.started_at < timedelta(minutes=1)
        assert (mended.state, mended.plan["path"]) == (State.SUCCEEDED, "api")
        assert mended.parent_id == stuck.pk

    def test_sends_a_whole_part_again_after_a_cut(self, by_file: Callable[..., World]):
        company = by_file()
        company.write(people(5_000))
        company.klaviyo.sftp_fault("cut", bytes=70_000, times=1)

        workflow = company.run()

        step = workflow.steps.get(kind="upload")
        assert workflow.state == State.SUCCEEDED
        assert [call.outcome for call in step.calls.all()] == ["ambiguous", "ok"]
        assert company.members() == {f"person{n}@example.org" for n in range(5_000)}

    def test_says_why_a_template_cannot_go_by_file(self, by_file: Callable[..., World]):
        company = by_file(sftp=None)
        company.write(people(30))

        workflow = company.run()

        assert (workflow.state, workflow.code) == (State.PAUSED, "sftp_not_possible")

    def test_does_not_choose_a_server_that_nobody_has_accepted(self, by_file: Callable[..., World]):
        company = by_file()
        company.write(people(30))
        host_keys.keep_only(company.sftp_key, [], by="a test")

        workflow = company.run()

        assert (workflow.state, workflow.code) == (State.PAUSED, "sftp_not_possible")
        assert "host key" in workflow.message
        assert company.klaviyo.sftp_connections() == []


class TestRowsThatDoNotFit:
    def test_go_by_an_import(self, by_file: Callable[..., World]):
        mapping = [{"column": "note", "target": "properties.Note", "type": "text"}]
        company = by_file(template={**BY_FILE, "full_profile": True, "mapping": mapping})
        rows = [{**row, "note": "fine"} for row in people(30)]
        rows[4]["note"] = "two\nlines"
        company.write(rows)

        workflow = company.run()

        assert workflow.state == State.SUCCEEDED
        assert len(sent_rows(company)) == 29
        assert workflow.requests["imports.create"] == 1
        assert properties(company, "person4@example.org") == {"Note": "two\nlines"}


class TestCrash:
    def test_never_sends_a_part_again_that_was_acknowledged(
        self, by_file: Callable[..., World], monkeypatch: pytest.MonkeyPatch
    ):
        company = by_file()
        company.write(people(100))
        from workflows.steps import upload

        real, dying = upload._outcome, [KeyboardInterrupt]

        def die_once(*given: Any) -> Any:
            if dying:
                raise dying.pop()
            return real(*given)

        monkeypatch.setattr(upload, "_outcome", die_once)
        workflow = company.start()
        with pytest.raises(KeyboardInterrupt):
            company.go_on(workflow)
        workflow.refresh_from_db()

        ended = company.go_on(workflow)

        step = ended.steps.get(kind="upload")
        assert ended.state == State.SUCCEEDED
        assert step.state == StepState.DONE
        assert step.calls.count() == 1
        assert len(company.klaviyo.sftp_files()) == 1
