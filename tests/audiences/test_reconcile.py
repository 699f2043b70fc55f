"""The difference, the ledger and the outcomes: whatever happens, the list becomes the query less who left."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiences import ledger, outcomes
from audiences.errors import SumsDoNotClose
from audiences.reconcile import Tally, reconcile

CANDIDATE = {"row_no": pa.int64(), "key": pa.string(), "row_hash": pa.string(), "email": pa.string()}
MEMBER = dict.fromkeys(("key", "profile_id", "email", "joined_at"), pa.string())
LEDGER = dict.fromkeys(("key", "profile_id", "row_hash", "joined_at", "state"), pa.string())
KEYED = ("adds", "updates", "removes", "kept_out", "skipped")
PEOPLE = "abcdef"
JOINED = "2026-01-01T00:00:00+00:00"


def write(path: Path, columns: dict[str, Any], rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=pa.schema(list(columns.items()))), path)
    return path


def read(path: Path) -> list[dict[str, Any]]:
    return pq.read_table(path).to_pylist()


def keys(path: Path) -> set[str]:
    return {row["key"] for row in read(path)}


def wanted(folder: Path, query: dict[str, str]) -> Path:
    rows = [
        {"row_no": number, "key": key, "row_hash": value, "email": f"{key}@example.org"}
        for number, (key, value) in enumerate(sorted(query.items()))
    ]
    return write(folder / "candidates.parquet", CANDIDATE, rows)


def listed(folder: Path, members: list[str | None], name: str = "members.parquet") -> Path:
    rows = [
        {
            "key": key,
            "profile_id": f"P-{key or number}",
            "email": key and f"{key}@example.org",
            "joined_at": JOINED,
        }
        for number, key in enumerate(members)
    ]
    return write(folder / name, MEMBER, rows)


def remembered(folder: Path, rows: list[tuple[str, str | None, str]]) -> Path:
    known = [
        {"key": key, "profile_id": f"P-{key}", "row_hash": value, "joined_at": JOINED, "state": state}
        for key, value, state in rows
    ]
    return write(folder / "ledger.parquet", LEDGER, known)


@dataclass
class World:
    """A query, a list, and the files between them."""

    folder: Path
    full_profile: bool = False
    mode: str = "mirror"
    query: dict[str, str] = field(default_factory=dict)
    members: set[str] = field(default_factory=set)
    profiles: dict[str, str] = field(default_factory=dict)
    ledger: Path | None = None
    runs: int = 0

    def run(self, *, rejected: frozenset[str] = frozenset()) -> Tally:
        """Compare, carry out what can be carried out, read back, and remember."""
        self.runs += 1
        folder = self.folder / f"run-{self.runs}"
        candidates = wanted(folder, self.query)
        before = listed(folder, sorted(self.members))
        tally = reconcile(
            candidates=candidates,
            members=before,
            ledger=self.ledger,
            into=folder,
            mode=self.mode,
            full_profile=self.full_profile,
        )
        self._deliver(folder, rejected)
        codes = [{"key": key, "code": "invalid"} for key in sorted(rejected)]
        write(folder / "rejected.parquet", {"key": pa.string(), "code": pa.string()}, codes)
        write(folder / "unconfirmed.parquet", {"key": pa.string()}, [])
        after = listed(folder, sorted(self.members), "after.parquet")
        ledger.fold(
            previous=self.ledger,
            candidates=candidates,
            members=after,
            changes=folder,
            into=folder / "ledger.parquet",
            full_profile=self.full_profile,
        )
        self.ledger = folder / "ledger.parquet"
        return tally

    def _deliver(self, folder: Path, rejected: frozenset[str]) -> None:
        for name in ("adds", "updates"):
            for row in read(folder / f"{name}.parquet"):
                if row["key"] not in rejected:
                    self.members.add(row["key"])
                    self.profiles[row["key"]] = row["row_hash"]
        self.members -= keys(folder / "removes.parquet")

    @property
    def last(self) -> Path:
        return self.folder / f"run-{self.runs}"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


CHANGES = st.fixed_dictionaries(
    {
        "query": st.dictionaries(st.sampled_from(PEOPLE), st.sampled_from(["1", "2"])),
        "joined": st.sets(st.sampled_from(PEOPLE), max_size=2),
        "left": st.sets(st.sampled_from(PEOPLE), max_size=2),
        "rejected": st.frozensets(st.sampled_from(PEOPLE), max_size=1),
    }
)


class TestManyRuns:
    @settings(max_examples=25, deadline=None)
    @given(st.lists(CHANGES, min_size=1, max_size=4), st.booleans())
    def test_make_the_list_the_query_less_who_left_whatever_happens(self, changes, full_profile):
        with tempfile.TemporaryDirectory() as folder:
            world = World(Path(folder), full_profile=full_profile)
            left: set[str] = set()
            for change in changes:
                on_list = set(world.members)
                world.query = change["query"]
                world.members = (world.members | change["joined"]) - change["left"]
                left = (left | (on_list - world.members)) - world.members
                missing = set(world.query) - left - world.members

                tally = world.run(rejected=change["rejected"])

                expected = set(world.query) - left - (missing & change["rejected"])
                assert world.members == expected
                assert tally.kept_out == len(left & set(world.query))
                assert not keys(world.last / "adds.parquet") & left
            self.check_that_nothing_is_left_to_do(world)

    @staticmethod
    def check_that_nothing_is_left_to_do(world: World) -> None:
        world.run()
        tally = world.run()

        assert (tally.adds, tally.removes, tally.updates) == (0, 0, 0)
        if world.full_profile:
            assert {key: world.profiles[key] for key in world.members} == {
                key: world.query[key] for key in world.members
            }

    def test_never_put_back_who_left_for_as_long_as_they_stay_away(self, world):
        world.query = {"a": "1", "b": "1"}
        world.run()
        world.members.discard("a")

        for _ in range(3):
            assert world.run().kept_out == 1
            assert world.members == {"b"}

        world.query = {"b": "1"}
        world.run()
        world.query = {"a": "1", "b": "1"}
        assert world.run().kept_out == 1

    def test_take_back_who_came_back_by_themselves(self, world):
        world.query = {"a": "1"}
        world.run()
        world.members.clear()
        world.run()
        world.members.add("a")

        tally = world.run()

        assert (tally.unchanged, tally.kept_out) == (1, 0)

    def test_add_again_whom_we_removed_and_remember_their_id(self, world):
        world.query = {"a": "1"}
        world.run()
        world.query = {}
        world.run()
        world.query = {"a": "1"}

        assert world.run().adds == 1
        assert read(world.last / "adds.parquet")[0]["profile_id"] == "P-a"

    def test_send_an_update_again_that_was_refused(self, world):
        world.full_profile = True
        world.query = {"a": "1"}
        world.run()
        world.query = {"a": "2"}

        assert world.run(rejected=frozenset("a")).updates == 1
        assert world.run().updates == 1
        assert world.run().updates == 0


class TestReconcile:
    def compare(self, place: Path, **given: Any) -> Tally:
        settings = {"mode": "mirror", "full_profile": False, "ledger": None}
        return reconcile(into=place / "out", **{**settings, **given})

    @pytest.fixture(autouse=True)
    def out(self, place: Path) -> None:
        (place / "out").mkdir()

    def test_closes_its_sums_on_the_first_run(self, place):
        tally = self.compare(
            place,
            candidates=wanted(place, dict.fromkeys("abc", "1")),
            members=listed(place, ["c", "d", None]),
        )

        assert tally == Tally(
            candidates=3,
            members=3,
            adds=2,
            removes=2,
            updates=0,
            unchanged=1,
            kept_out=0,
            skipped=0,
            surplus_left=0,
        )
        assert [row["key"] for row in read(place / "out/adds.parquet")] == ["a", "b"]
        assert {row["profile_id"] for row in read(place / "out/removes.parquet")} == {"P-d", "P-2"}

    def test_leaves_the_surplus_when_it_only_adds(self, place):
        tally = self.compare(
            place, candidates=wanted(place, {"a": "1"}), members=listed(place, ["b", None]), mode="add_only"
        )

        assert (tally.adds, tally.removes, tally.surplus_left) == (1, 0, 2)
        assert read(place / "out/removes.parquet") == []

    def test_skips_the_missing_when_it_only_removes(self, place):
        tally = self.compare(
            place,
            candidates=wanted(place, {"a": "1", "b": "2"}),
            members=listed(place, ["b", "c"]),
            ledger=remembered(place, [("b", "1", "on")]),
            mode="remove_only",
            full_profile=True,
        )

        assert (tally.adds, tally.updates, tally.removes, tally.skipped, tally.unchanged) == (0, 0, 1, 1, 1)
        assert keys(place / "out/skipped.parquet") == {"a"}

    @pytest.mark.parametrize(("state", "kept_out"), [("on", 1), ("left", 1), ("off", 0)])
    def test_keeps_out_who_is_gone_unless_we_took_them_off(self, place, state, kept_out):
        tally = self.compare(
            place,
            candidates=wanted(place, {"a": "1"}),
            members=listed(place, []),
            ledger=remembered(place, [("a", None, state)]),
        )

        assert (tally.kept_out, tally.adds) == (kept_out, 1 - kept_out)

    @pytest.mark.parametrize(("known", "updates"), [("1", 0), ("2", 1), (None, 1)])
    def test_updates_what_differs_from_what_was_confirmed(self, place, known, updates):
        tally = self.compare(
            place,
            candidates=wanted(place, {"a": "1"}),
            members=listed(place, ["a"]),
            ledger=remembered(place, [("a", known, "on")]),
            full_profile=True,
        )

        assert (tally.updates, tally.unchanged) == (updates, 1 - updates)
        assert len(read(place / "out/updates.parquet")) == updates

    def test_counts_two_profiles_of_one_person_once(self, place):
        members = write(
            place / "members.parquet",
            MEMBER,
            [
                {"key": "a", "profile_id": name, "email": "a@example.org", "joined_at": JOINED}
                for name in ("P1", "P2")
            ],
        )

        tally = self.compare(place, candidates=wanted(place, {"a": "1", "b": "1"}), members=members)

        assert (tally.unchanged, tally.adds, tally.removes, tally.surplus_left) == (1, 1, 0, 1)

    def test_works_within_little_memory(self, place):
        people = {f"{number:032x}": "1" for number in range(20_000)}
        members = listed(place, sorted(people)[100:])

        tally = self.compare(place, candidates=wanted(place, people), members=members, memory_limit_mb=64)

        assert (tally.adds, tally.unchanged) == (100, 19_900)
        assert not list((place / "out").glob("spill-*"))


class TestLedger:
    def test_knows_the_list_from_itself_and_who_joined_since(self, place):
        joined = listed(place, ["b", "c"], "joined.parquet")
        known = remembered(
            place, [("a", None, "on"), ("b", None, "on"), ("d", None, "off"), ("e", None, "left")]
        )

        count = ledger.members_from(known, joined, place / "members.parquet")

        assert count == 3
        assert keys(place / "members.parquet") == {"a", "b", "c"}

    def test_holds_no_address(self, world):
        world.query = {"a": "1"}
        world.run()

        assert not [row for row in read(world.ledger) if "@" in str(row)]
        assert "email" not in pq.read_schema(world.ledger).names


class TestOutcomes:
    def write(self, world: World, rows: int, not_loaded: int = 0) -> dict[str, Any]:
        refused = [{"row_no": 100 + n, "key": None, "reason": "email_invalid"} for n in range(not_loaded)]
        columns = {"row_no": pa.int64(), "key": pa.string(), "reason": pa.string()}
        path = write(world.last / "not_loaded.parquet", columns, refused)
        return outcomes.write(
            rows=rows, candidates=world.last / "candidates.parquet", not_loaded=path, changes=world.last
        )

    def test_give_every_row_exactly_one(self, world):
        world.full_profile = True
        world.query = dict.fromkeys("abcd", "1")
        world.run()
        world.members -= {"b"}
        world.members |= {"z"}
        world.query = {"a": "1", "b": "1", "c": "2", "e": "1", "f": "1"}
        world.run(rejected=frozenset("f"))

        counts = self.write(world, rows=7, not_loaded=2)

        told = {row["key"]: row["outcome"] for row in read(world.last / "outcomes.parquet") if row["key"]}
        assert told == {"a": "unchanged", "b": "kept_out", "c": "updated", "e": "added", "f": "rejected"}
        assert counts["not_loaded"] == {"email_invalid": 2}
        assert counts["rejected"] == {"invalid": 1}
        assert counts["removed"] == 2

    def test_do_not_close_when_a_row_is_lost(self, world):
        world.query = {"a": "1"}
        world.run()

        with pytest.raises(SumsDoNotClose, match="2 rows"):
            self.write(world, rows=2)
