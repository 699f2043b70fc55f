"""What is news, and in which words."""

from datetime import UTC, datetime

import pytest

from workflows import news
from workflows.catalogue import CATALOGUE
from workflows.moves import State
from workflows.news import Past

PLAN = {"adds": 1200, "removes": 30, "updates": 40, "members": 8070}
COUNTS = {
    "added": 1197,
    "updated": 40,
    "removed": 30,
    "on_list": 9237,
    "not_loaded": {"email_invalid": 12},
    "rejected": {"invalid_phone_number": 1},
}


class TestKind:
    @pytest.mark.parametrize(
        ("to", "code", "kind"),
        [
            (State.PAUSED, "query_failed", "trouble"),
            (State.PAUSED, "guard", "approval"),
            (State.PAUSED, "plan_ready", "approval"),
            (State.PAUSED, "rate_limited", ""),
            (State.FAILED, "bug", "trouble"),
            (State.SUCCEEDED_WITH_ISSUES, "", "issues"),
            (State.SUCCEEDED, "", ""),
            (State.RUNNING, "", ""),
            (State.WAITING, "", ""),
            (State.QUEUED, "", ""),
            (State.CANCELLING, "", ""),
            (State.CANCELLED, "", ""),
        ],
    )
    def test_is_told_by_the_state_and_the_code(self, to, code, kind):
        assert news.kind(to, code, Past()) == kind

    def test_is_none_when_it_was_told_before(self):
        assert news.kind(State.PAUSED, "upstream_unavailable", Past(told_before=True)) == ""

    @pytest.mark.parametrize("code", sorted(news.OF_A_CIRCUIT))
    def test_is_none_for_what_the_circuit_tells(self, code):
        assert news.kind(State.PAUSED, code, Past(circuit_open=True)) == ""

    def test_is_trouble_behind_a_circuit_when_it_is_another(self):
        assert news.kind(State.PAUSED, "query_failed", Past(circuit_open=True)) == "trouble"

    def test_is_recovery_when_trouble_was_told(self):
        assert news.kind(State.SUCCEEDED, "", Past(in_trouble=True)) == "recovered"


class TestWords:
    @pytest.mark.parametrize("code", sorted(CATALOGUE))
    def test_say_of_every_code_what_happened_and_who_can_act(self, code):
        body = news.body("trouble", code, list_name="VIP", plan={}, counts={})

        assert news.title("trouble", code, "VIP, nightly") == f"{CATALOGUE[code].title}: VIP, nightly"
        assert body == f"{CATALOGUE[code].meaning} {CATALOGUE[code].owner} can act."

    def test_say_of_a_plan_what_it_would_change(self):
        body = news.body("approval", "guard", list_name="VIP", plan=PLAN, counts={})

        assert "1,200 would be added, 30 removed, 40 updated; 8,070 people on the list now." in body

    def test_say_of_issues_how_many_rows_and_why(self):
        body = news.body("issues", "", list_name="VIP", plan=PLAN, counts=COUNTS)

        assert body == (
            "1,197 added, 40 updated, 30 removed. 1 row rejected by the destination, 12 rows not loaded."
        )

    def test_say_that_it_works_again_and_how_large_the_list_is(self):
        body = news.body("recovered", "", list_name="VIP", plan=PLAN, counts=COUNTS)

        assert news.title("recovered", "", "VIP, nightly") == "Working again: VIP, nightly"
        assert body == "List equals query: “VIP”. Read back: 9,237 people."

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ({"some_rows": True}, "Its rows are on the list: “VIP”. Read back: 9,237 people."),
            ({"a_file": True}, "The server holds the files: “VIP”. Read back: 9,237 rows."),
        ],
    )
    def test_claim_no_more_of_a_run_than_it_verified(self, given, said):
        assert news.body("recovered", "", list_name="VIP", plan=PLAN, counts=COUNTS, **given) == said

    def test_say_when_it_goes_on_by_itself(self):
        later = datetime(2026, 11, 20, 13, 0, tzinfo=UTC)

        body = news.body(
            "trouble", "upstream_unavailable", list_name="VIP", plan={}, counts={}, goes_on=later
        )

        assert body.endswith("It goes on by itself at 2026-11-20 13:00 UTC.")

    def test_do_not_stumble_over_counts_that_are_missing(self):
        assert news.body("recovered", "", list_name="VIP", plan={}, counts={}).endswith("query: “VIP”.")
        assert news.body("issues", "unconfirmed", list_name="VIP", plan={}, counts={}).endswith("0 removed.")
