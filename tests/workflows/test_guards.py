"""Guards: what passes by itself and what waits for a person."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiences.normalise import REASONS
from workflows.guards import CODE_OF_REASON, Change, Limits, code_of, letting_pass, objections


def change(**given: object) -> Change:
    usual = {
        "candidates": 1_000,
        "rows": 1_000,
        "listed": 1_000,
        "added": 5,
        "removed": 5,
        "first_run": False,
    }
    return Change(**(usual | given))  # type: ignore[arg-type]


def codes(found: Change, limits: Limits | None = None) -> list[str]:
    return [objection.code for objection in objections(found, limits or Limits())]


class TestObjections:
    def test_lets_a_small_change_pass(self):
        assert codes(change()) == []

    def test_holds_an_empty_query_however_small_the_list(self):
        assert codes(change(candidates=0, rows=0, listed=3, removed=3)) == ["empty_query"]

    def test_says_when_rows_came_but_none_can_be_loaded(self):
        [objection] = objections(change(candidates=0, rows=12, listed=0, removed=0), Limits())

        assert objection.sentence == "None of the 12 rows can be loaded, so this plan has nobody to send."

    @pytest.mark.parametrize(("removed", "held"), [(200, False), (201, True), (400, True)])
    def test_holds_a_removal_above_the_share(self, removed: int, held: bool):
        assert codes(change(removed=removed)) == (["large_removal"] if held else [])

    def test_holds_a_removal_above_the_number(self):
        assert codes(change(listed=10_000_000, removed=60_000)) == ["large_removal"]

    def test_never_asks_about_a_handful(self):
        assert codes(change(listed=12, candidates=2, removed=10)) == []

    def test_holds_the_first_run_against_a_list_with_members(self):
        assert codes(change(first_run=True, removed=0)) == ["first_run"]
        assert codes(change(first_run=True, listed=0, removed=0)) == []

    def test_holds_many_adds_to_a_list_that_starts_a_flow(self):
        assert codes(change(added=1_001, live_flows=("Welcome",))) == ["starts_flows"]
        assert codes(change(added=1_000, live_flows=("Welcome",))) == []
        assert codes(change(added=1_001)) == []

    @given(listed=st.integers(1, 10**7), share=st.floats(0, 1), removed=st.integers(0, 10**7))
    def test_never_lets_more_than_the_share_pass_unseen(self, listed: int, share: float, removed: int):
        removed = min(removed, listed)
        limits = Limits(max_removed_share=share)

        passed = codes(change(listed=listed, removed=removed), limits) == []

        assert not passed or removed <= max(limits.always_allowed, share * listed)


class TestRows:
    def test_hold_a_plan_with_the_code_of_the_most_frequent_reason(self):
        found = objections(
            change(not_loaded={"phone_no_country": 150, "phone_invalid": 10, "email_missing": 20}), Limits()
        )

        assert [objection.code for objection in found] == ["phone_format"]
        assert code_of(found) == "phone_format"
        assert found[0].sentence == (
            "160 of 1,000 rows have a phone number that is not in international format; your limit is 10%. "
            "180 rows were not loaded in all."
        )

    @pytest.mark.parametrize(
        ("rows", "number", "held"), [(1_000, 100, False), (1_000, 101, True), (20, 10, False)]
    )
    def test_pass_within_the_share_and_when_they_are_a_handful(self, rows: int, number: int, held: bool):
        assert bool(codes(change(rows=rows, not_loaded={"value_type": number}))) == held

    def test_count_nobody_twice_who_stands_twice_in_the_query(self):
        assert codes(change(not_loaded={"duplicate": 900})) == []

    def test_come_together_with_what_else_is_the_matter(self):
        found = objections(change(removed=900, not_loaded={"email_invalid": 900}), Limits())

        assert [objection.code for objection in found] == ["large_removal", "email_format"]
        assert code_of(found) == "guard"

    def test_have_a_code_for_every_reason_but_that_one(self):
        assert set(REASONS) - {"duplicate"} == set(CODE_OF_REASON)


class TestLimits:
    def test_refuses_a_guard_it_does_not_know(self):
        with pytest.raises(ValueError, match="no guard named max_remove"):
            Limits.of({"max_remove": 3})

    def test_fills_in_what_is_not_said(self):
        assert Limits.of({"max_removed": 7}) == Limits(max_removed=7)


class TestLettingPass:
    def test_raises_no_limit_further_than_need_be(self):
        found = letting_pass(
            change(removed=401, added=5_000, live_flows=("Welcome",)), Limits(max_removed=300)
        )

        assert found == Limits(max_removed_share=0.41, max_removed=401, max_flow_adds=5_000)

    def test_leaves_limits_that_hold_nothing(self):
        assert letting_pass(change(), Limits()) == Limits()

    @pytest.mark.parametrize("held", [{"first_run": True}, {"size": "Too few."}, {"candidates": 0}])
    def test_knows_what_no_limit_lets_pass(self, held: dict[str, object]):
        assert letting_pass(change(**held), Limits()) is None

    @given(st.integers(1, 10**6), st.integers(1, 10**6), st.integers(0, 10**6))
    def test_always_passes_afterwards(self, listed: int, removed: int, added: int):
        held = change(listed=listed, removed=min(listed, removed), added=added, live_flows=("Welcome",))

        found = letting_pass(held, Limits())

        assert found is not None
        assert objections(held, found) == []
