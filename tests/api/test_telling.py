"""A report in lines: what was sent before it paused, whom Klaviyo refused, which plan waits."""

from typing import Any

from api.console import telling

GUARD = {"code": "guard", "title": "Waits for approval", "message": "Much.", "resolutions": ["Approve"]}


def a_report(**given: Any) -> dict[str, Any]:
    plan = {"adds": 0, "removes": 1, "updates": 0, "unchanged": 8, "hash": "c" * 64, "round": 1}
    whole = {
        "workflow": "0191c0de",
        "orchestration": "VIP",
        "number": 12,
        "state": "paused",
        "verified_at": None,
        "list": {"id": "Xq8mPz", "name": "VIP"},
        "counts": {"rows": 9, "candidates": 9, "not_loaded": {"duplicate": 2}},
        "sent": {"adds": 1_200, "updates": 0, "removes": 1, "doubtful": 0},
        "plan": plan,
        "warnings": [],
        "requests": {},
        "throttled": 0,
        "actual_seconds": None,
        "estimate_seconds": None,
        "total_seconds": None,
        "delivers": "list",
        "offered": [],
        "error": GUARD,
    }
    return {**whole, **given}


class TestResult:
    def test_says_what_was_sent_before_a_later_round_waits(self):
        lines = telling.result_lines(a_report())

        assert lines[0] == (
            "Needs a decision: a part has been sent already (1,200 adds, 1 removal); "
            "nothing more is sent until someone decides"
        )
        assert f"    python3 run.py manage approve 0191c0de --plan {'c' * 64}" in lines

    def test_says_that_nothing_was_sent_when_that_is_so(self):
        nothing = {"adds": 0, "updates": 0, "removes": 0, "doubtful": 0}

        assert telling.result_lines(a_report(sent=nothing))[0] == "Needs a decision: nothing was sent"

    def test_offers_no_approval_of_what_is_no_plan(self):
        stuck = {**GUARD, "code": "invalid_credentials"}

        assert not any("--plan" in line for line in telling.result_lines(a_report(error=stuck)))

    def test_says_whom_klaviyo_refused_and_not_that_they_are_off_the_list(self):
        counts = {"on_list": 9, "updated": 1, "kept_out": 1, "rejected": {"email_invalid": 1}}
        over = a_report(state="succeeded_with_issues", counts=counts, verified_at="now", error=None)

        lines = telling.result_lines(over)

        assert "  Klaviyo refused 1 person: email invalid." in lines
        assert lines[1].endswith("was read back and equals the query, less 1 person kept out.")

    def test_speaks_of_one_request_as_one(self):
        lines = telling.result_lines(a_report(requests={"lists.members": 1}))

        assert "  1 request, 0 of them refused for speed (429)" in lines


class TestPlan:
    def test_names_the_round_of_a_later_plan(self):
        assert telling.plan_lines(a_report())[0] == "Plan of VIP #12, round 2, for the list “VIP”"
