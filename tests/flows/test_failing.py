"""What goes wrong at Klaviyo: the right state, a plain sentence, nothing lost and nothing half done."""

from collections.abc import Callable

import pytest

from tests.flows.world import HurriedClock, World, people
from workflows import decisions, engine
from workflows.moves import State


class TestRefusals:
    def test_pauses_on_a_wrong_key_and_goes_on_after_a_new_one(self, world: Callable[..., World]):
        company = world()
        company.klaviyo.change(revoked=True)

        paused = company.run()

        assert (paused.state, paused.code) == (State.PAUSED, "invalid_credentials")
        assert company.klaviyo.key not in paused.message
        company.klaviyo.change(revoked=False)
        decisions.retry(paused, by="a test")
        assert company.go_on(paused).state == State.SUCCEEDED

    def test_pauses_when_the_account_is_full(self, world: Callable[..., World]):
        company = world(clock=HurriedClock())
        company.klaviyo.fill_lists(1_000)

        paused = company.run()

        assert (paused.state, paused.code) == (State.PAUSED, "max_lists")
        assert "1,000 lists and 0 segments; 1,000 together" in paused.message
        assert company.klaviyo.log(operation="POST /api/lists") == []
        first = company.klaviyo.lists()[0]["id"]
        company.klaviyo.delete_list(first)
        decisions.retry(paused, by="a test")
        assert company.go_on(paused).state == State.SUCCEEDED

    def test_pauses_without_a_column_of_addresses(self, world: Callable[..., World]):
        company = world(sql="select 1 as customer")

        paused = company.run()

        assert (paused.state, paused.code) == (State.PAUSED, "column_missing")
        assert "no column with e-mail addresses" in paused.message
        assert company.klaviyo.writes() == []

    def test_never_chooses_between_two_lists_of_one_name(self, world: Callable[..., World]):
        company = world()
        company.klaviyo.create_list("VIP")
        company.klaviyo.create_list("VIP")

        paused = company.run()

        assert (paused.state, paused.code) == (State.PAUSED, "list_ambiguous")
        assert company.klaviyo.writes() == []

    def test_never_makes_a_deleted_list_again(self, world: Callable[..., World]):
        company = world()
        company.run()
        company.klaviyo.delete_list("VIP")

        paused = company.run()

        assert (paused.state, paused.code) == (State.PAUSED, "list_gone")
        assert company.klaviyo.lists() == []

    @pytest.mark.parametrize("pointers", [True, False])
    def test_finds_the_one_row_that_spoils_a_batch(self, world: Callable[..., World], pointers: bool):
        company = world()
        # A slash before the @ is lawful, and Klaviyo does not take it.
        company.write([*people(40), {"email": "spo/ilt@example.org"}])
        company.klaviyo.import_settings(pointers=pointers)

        workflow = company.run()

        assert workflow.state == State.SUCCEEDED_WITH_ISSUES
        assert workflow.is_verified
        assert len(company.members()) == 40
        assert sum(workflow.counts["rejected"].values()) == 1

    def test_names_the_rows_an_import_could_not_take(self, world: Callable[..., World]):
        company = world()
        company.write(people(250))
        company.klaviyo.import_settings(fail=["person1[0-9][0-9]@"])

        workflow = company.run()

        assert workflow.state == State.SUCCEEDED_WITH_ISSUES
        assert workflow.counts["rejected"] == {"email_invalid": 100}
        assert len(company.members()) == 150


class TestTrouble:
    def test_gets_through_an_outage_by_itself(self, world: Callable[..., World]):
        company = world()
        company.klaviyo.fault("status", status=503, for_seconds=4)
        seen: set[str] = set()

        workflow = company.run(on_change=lambda now: seen.add(f"{now.state} {now.reason}"))

        assert workflow.state == State.SUCCEEDED
        assert len(company.members()) == 3

    @pytest.mark.parametrize("action", ["drop_before", "drop_after"])
    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("POST", "^POST /api/lists$"),
            ("POST", "profile-bulk-import-jobs"),
            ("DELETE", "relationships/profiles"),
        ],
    )
    def test_looks_after_an_answer_was_lost(
        self, world: Callable[..., World], method: str, path: str, action: str
    ):
        company = world()
        if method == "DELETE":
            company.run()
            company.write(people(2))
        company.klaviyo.fault(action, method=method, path=path, times=1)

        workflow = company.run()

        assert workflow.state == State.SUCCEEDED
        assert len(company.klaviyo.lists()) == 1
        assert len(company.members()) == workflow.counts["on_list"]

    def test_waits_for_an_import_that_takes_its_time(self, world: Callable[..., World]):
        company = world()
        company.klaviyo.import_settings(lag_seconds=3)

        assert company.run().state == State.SUCCEEDED
        assert len(company.members()) == 3

    def test_reads_again_while_the_list_is_slow_to_show(self, world: Callable[..., World]):
        company = world()
        company.klaviyo.import_settings(settle_seconds=3)

        assert company.run().state == State.SUCCEEDED
        assert len(company.klaviyo.log(operation="POST /api/profile-bulk-import-jobs")) == 1


class TestStopping:
    def test_stops_at_the_next_call_and_says_what_was_sent(self, world: Callable[..., World]):
        company = world()
        company.klaviyo.import_settings(lag_seconds=8)
        workflow = company.start()
        while not company.klaviyo.log(operation="POST /api/profile-bulk-import-jobs"):
            engine.advance(workflow.pk, worker="test")
        workflow.refresh_from_db()

        decisions.cancel(workflow, by="a test")
        stopped = company.go_on(workflow)

        assert stopped.state == State.CANCELLED
        assert stopped.message == "Stopped. Sent before: 3 adds, 0 updates, 0 removals."
        assert company.klaviyo.counts()["unfinished_jobs"] == 0

    def test_sends_nothing_when_stopped_before_it_began(self, world: Callable[..., World]):
        company = world()
        workflow = company.start()

        decisions.cancel(workflow, by="a test")

        assert company.go_on(workflow).state == State.CANCELLED
        assert company.klaviyo.writes() == []
