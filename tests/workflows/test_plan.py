"""Plans: batches that cover every row once, and a hash that means exactly one plan."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.plan import Batch, Plan, by_count, by_sizes, halves


def plan(**given: object) -> Plan:
    usual = {
        "list_id": "L1",
        "adds": 3,
        "removes": 1,
        "updates": 0,
        "unchanged": 5,
        "kept_out": 0,
        "skipped": 0,
        "surplus_left": 0,
        "rows": 9,
        "candidates": 8,
        "not_loaded": {"email_invalid": 1},
        "members": 6,
        "path": "api",
        "digests": {"adds.parquet": "aa"},
        "batches": (Batch("import", "r0/adds.parquet", 0, 3), Batch("remove", "r0/removes.parquet", 0, 1)),
    }
    return Plan(**(usual | given))  # type: ignore[arg-type]


class TestBatches:
    @given(rows=st.integers(0, 5_000), size=st.integers(1, 1_000))
    def test_cover_every_row_once_in_order(self, rows: int, size: int):
        batches = by_count("add", "f", rows, size=size)

        covered = [row for batch in batches for row in range(batch.offset, batch.offset + batch.limit)]
        assert covered == list(range(rows))
        assert all(0 < batch.limit <= size for batch in batches)

    @given(st.lists(st.integers(1, 100)))
    def test_lie_end_to_end(self, sizes: list[int]):
        batches = by_sizes("import", "f", sizes)

        assert [batch.limit for batch in batches] == sizes
        assert [batch.offset for batch in batches] == [sum(sizes[:n]) for n in range(len(sizes))]

    @given(offset=st.integers(0, 10**6), limit=st.integers(2, 10_000))
    def test_halve_down_to_single_rows_without_losing_one(self, offset: int, limit: int):
        parts = [{"offset": offset, "limit": limit}]
        calls = 0

        while any(part["limit"] > 1 for part in parts) and calls < 64:
            calls += 1
            spoilt = max(parts, key=lambda part: part["limit"])
            parts.remove(spoilt)
            parts += halves(spoilt)

        covered = sum(part["limit"] for part in parts)
        assert covered == limit

    def test_refuses_to_split_one_row(self):
        with pytest.raises(ValueError, match="one row"):
            halves({"offset": 4, "limit": 1})


class TestPlan:
    def test_counts_the_calls_it_will_make(self):
        calls = plan().calls(small_list=10_000)

        made = {endpoint: number for endpoint, number in calls.items() if number}
        assert made == {"imports.create": 1, "lists.remove": 1, "lists.members": 1}

    def test_reads_a_large_list_back_by_what_changed(self):
        assert plan(members=1_000_000, adds=950, removes=40).calls(small_list=10_000)["lists.members"] == 11

    def test_makes_no_call_when_nothing_changes(self):
        assert not any(plan(batches=()).calls(small_list=10_000).values())

    def test_has_another_hash_for_another_person_count_or_list(self):
        hashes = {
            plan().hash,
            plan(digests={"adds.parquet": "ab"}).hash,
            plan(adds=4).hash,
            plan(list_id="L2").hash,
        }

        assert len(hashes) == 4

    def test_keeps_its_hash_when_only_the_cutting_differs(self):
        assert replace(plan(), batches=()).hash == plan().hash
