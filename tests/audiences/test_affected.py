"""Narrowing a difference to the rows an earlier run set aside: nobody else is touched, and the sums close."""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from audiences.affected import narrow
from audiences.reconcile import reconcile
from tests.audiences.test_reconcile import JOINED, LEDGER, listed, read, remembered, wanted, write

OUTCOMES = {"row_no": pa.int64(), "key": pa.string(), "outcome": pa.string(), "reason": pa.string()}
REASON = "phone_no_country"


def outcomes(folder: Path, rows: list[tuple[int, str | None, str, str | None]]) -> Path:
    names = list(OUTCOMES)
    return write(folder / "outcomes.parquet", OUTCOMES, [dict(zip(names, row, strict=True)) for row in rows])


def narrowed(folder: Path, query: dict[str, str], members: list[str], before: Path, **known: Any):
    into = folder / "r0"
    into.mkdir()
    tally = reconcile(
        candidates=wanted(folder, query),
        members=listed(folder, list(members)),
        ledger=known.get("ledger"),
        into=into,
        mode=known.get("mode", "mirror"),
        full_profile=known.get("full_profile", False),
    )
    after = narrow(tally, into, outcomes=before, reason=REASON)
    names = ("adds", "updates", "removes", "skipped", "kept_out")
    return tally, after, {name: {row["key"] for row in read(into / f"{name}.parquet")} for name in names}


class TestNarrow:
    def test_leaves_affected_people_and_nobody_else(self, tmp_path: Path):
        before = outcomes(
            tmp_path,
            [
                (0, "a", "unchanged", None),
                (1, "b", "not_loaded", REASON),
                (2, "c", "not_loaded", "value_type"),
                (3, "d", "rejected", REASON),
            ],
        )

        tally, after, found = narrowed(tmp_path, dict.fromkeys("abcde", "1"), ["a", "z"], before)

        assert (found["adds"], found["skipped"], found["removes"]) == ({"b", "d"}, {"c", "e"}, set())
        assert after == replace(tally, adds=2, skipped=2, removes=0, surplus_left=1)

    def test_updates_affected_people_alone(self, tmp_path: Path):
        before = outcomes(tmp_path, [(0, "a", "not_loaded", REASON), (1, "b", "unchanged", None)])
        known = remembered(tmp_path, [("a", "old", "on"), ("b", "old", "on")])

        _, after, found = narrowed(
            tmp_path, {"a": "new", "b": "new"}, ["a", "b"], before, ledger=known, full_profile=True
        )

        assert found["updates"] == {"a"}
        assert (after.updates, after.unchanged) == (1, 1)

    def test_takes_the_row_at_the_same_place_when_nobody_knew_whose_it_was(self, tmp_path: Path):
        # Places of the candidates: a 0, b 1, c 2, d 3.
        before = outcomes(
            tmp_path,
            [(1, None, "not_loaded", REASON), (2, None, "not_loaded", REASON), (7, "c", "added", None)],
        )

        _, _, found = narrowed(tmp_path, dict.fromkeys("abcd", "1"), [], before)

        # Whoever stands at place 2 now was loaded from another row then.
        assert found["adds"] == {"b"}

    def test_keeps_who_left_kept_out(self, tmp_path: Path):
        before = outcomes(tmp_path, [(0, "a", "not_loaded", REASON)])

        _, after, found = narrowed(
            tmp_path, {"a": "1"}, [], before, ledger=remembered(tmp_path, [("a", None, "left")])
        )

        assert (found["adds"], found["kept_out"], after.kept_out) == (set(), {"a"}, 1)

    @settings(max_examples=40, deadline=None)
    @given(
        query=st.dictionaries(st.sampled_from("abcdef"), st.sampled_from("12")),
        members=st.sets(st.sampled_from("abcdefz")),
        known=st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(("on", "off", "left"))),
        told=st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(("not_loaded", "rejected", "added"))),
        full_profile=st.booleans(),
    )
    def test_always_closes_and_never_removes(self, query, members, known, told, full_profile):
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            ledger = write(
                folder / "ledger.parquet",
                LEDGER,
                [
                    {
                        "key": key,
                        "profile_id": f"P-{key}",
                        "row_hash": "1",
                        "joined_at": JOINED,
                        "state": state,
                    }
                    for key, state in known.items()
                ],
            )
            rows = [
                (number, key, outcome, None if outcome == "added" else REASON)
                for number, (key, outcome) in enumerate(told.items())
            ]
            affected = {key for key, outcome in told.items() if outcome != "added"}

            _, after, found = narrowed(
                folder,
                query,
                sorted(members),
                outcomes(folder, rows),
                ledger=ledger,
                full_profile=full_profile,
            )

        assert found["removes"] == set()
        assert found["adds"] | found["updates"] <= affected
        assert after.check() == after
        assert found["skipped"].isdisjoint(found["adds"] | found["updates"])
