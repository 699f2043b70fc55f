"""Reading who is on a list, at the wire."""

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from destinations.clock import SystemClock
from destinations.errors import NeedsDecision
from destinations.klaviyo import members
from destinations.klaviyo.members import Reading
from destinations.klaviyo.ranges import Range, split
from destinations.klaviyo.service import Session, open_session

PAGE = 100


def key_of(email: str) -> str | None:
    return None if email.startswith("odd") else f"key of {email}"


def never() -> bool:
    return False


def after(calls: int) -> Callable[[], bool]:
    """Return an `until` that is true from the given number of questions on."""
    count = itertools.count()
    return lambda: next(count) >= calls


def read(session: Session, list_id: str, into: Path, *, until=never, **options) -> Reading:
    return members.read(session.gateway, list_id, into=into, key_of=key_of, until=until, **options)


def addresses(into: Path) -> list[str]:
    return sorted(pq.read_table(into, columns=["email"])["email"].to_pylist())


def pages_asked(klaviyo) -> int:
    return len(klaviyo.log(operation="GET /api/lists/{id}/profiles"))


@pytest.fixture
def into(tmp_path: Path) -> Path:
    return tmp_path / "members.parquet"


class TestRead:
    def test_writes_an_empty_file_for_an_empty_list(self, session, klaviyo, into):
        reading = read(session, klaviyo.create_list("VIP"), into)

        assert (reading.done, reading.members, reading.highest_joined) == (True, 0, "")
        assert pq.read_schema(into).names == ["key", "profile_id", "email", "joined_at"]
        assert addresses(into) == []

    def test_writes_who_is_on_a_small_list_in_one_call(self, session, klaviyo, into):
        list_id = klaviyo.create_list("VIP")
        ids = klaviyo.add(list_id, "ada@example.org", "odd@example.org")
        klaviyo.add(list_id, profiles=[{"phone_number": "+15005550006"}])

        reading = read(session, list_id, into)

        rows = {row["email"]: row for row in pq.read_table(into).to_pylist()}
        assert (reading.done, reading.members, reading.pages, reading.state) == (True, 3, 1, None)
        assert pages_asked(klaviyo) == 1
        assert rows["ada@example.org"]["key"] == "key of ada@example.org"
        assert rows["ada@example.org"]["profile_id"] == ids[0]
        assert rows["odd@example.org"]["key"] is None
        assert rows[None]["key"] is None
        assert reading.highest_joined == max(row["joined_at"] for row in rows.values())

    def test_uses_one_cursor_for_a_few_pages(self, session, klaviyo, into):
        list_id = klaviyo.seed("Some", 450)

        reading = read(session, list_id, into)

        assert reading.members == 450
        assert pages_asked(klaviyo) == 5

    def test_reads_a_large_list_with_little_more_than_its_pages(self, session, klaviyo, into):
        list_id = klaviyo.seed("Large", 12_000)

        reading = read(session, list_id, into)

        assert reading.members == 12_000
        assert set(addresses(into)) == klaviyo.members(list_id)
        assert pages_asked(klaviyo) <= 12_000 / PAGE * 1.35
        assert sorted(path.name for path in into.parent.iterdir()) == [into.name]

    def test_reads_one_instant_that_very_many_share(self, session, klaviyo, into):
        klaviyo.change(joined_precision="second")
        list_id = klaviyo.create_list("Imported")
        emails = [f"p{number}@example.org" for number in range(2_000)]
        klaviyo.add(list_id, *emails)

        reading = read(session, list_id, into)

        assert reading.members == 2_000
        assert addresses(into) == sorted(emails)

    def test_reads_only_those_who_joined_since(self, session, klaviyo, into):
        list_id = klaviyo.seed("Large", 3_000, over_days=30)
        since = datetime.now(UTC) - timedelta(days=3)

        reading = read(session, list_id, into, since=since)

        assert 290 <= reading.members <= 310
        assert pages_asked(klaviyo) <= 4

    def test_stands_changes_while_it_reads(self, session, klaviyo, into):
        list_id = klaviyo.seed("Large", 5_000)
        before = klaviyo.members(list_id)
        gone = [f"person{number}@example.org" for number in range(10, 5_000, 500)]
        come = [f"new{number}@example.org" for number in range(20)]
        asked = itertools.count()

        def until() -> bool:
            if next(asked) == 20:
                klaviyo.remove(list_id, *gone)
                klaviyo.add(list_id, *come)
            return False

        reading = read(session, list_id, into, until=until)

        found = set(addresses(into))
        assert reading.done
        assert before - set(gone) <= found <= before | set(come)
        assert len(found) == reading.members

    def test_counts_somebody_who_left_and_came_back_once(self, session, klaviyo, into):
        list_id = klaviyo.seed("Large", 1_000)
        halfway = read(session, list_id, into, until=after(5))
        klaviyo.remove(list_id, "person1@example.org")
        klaviyo.add(list_id, "person1@example.org")

        reading = read(session, list_id, into, state=halfway.state)

        assert reading.members == 1_000
        assert len(set(addresses(into))) == 1_000

    def test_stops_when_the_list_is_gone(self, session, klaviyo, into):
        list_id = klaviyo.create_list("VIP")
        klaviyo.delete_list(list_id)

        with pytest.raises(NeedsDecision) as caught:
            read(session, list_id, into)

        assert caught.value.code == "list_gone"
        assert not into.exists()


class TestSlices:
    def test_go_on_where_the_last_one_stopped(self, session, klaviyo, into):
        list_id = klaviyo.seed("Large", 6_000)
        state, slices, pages = None, 0, 0

        while True:
            reading = read(session, list_id, into, until=after(11), state=state)
            slices += 1
            assert reading.pages >= pages
            state, pages = reading.state, reading.pages
            if reading.done:
                break
            assert not into.exists()

        assert slices >= 5
        assert set(addresses(into)) == klaviyo.members(list_id)
        assert pages_asked(klaviyo) <= 6_000 / PAGE * 1.5

    def test_forget_what_a_slice_wrote_whose_state_was_never_kept(self, session, klaviyo, into):
        list_id = klaviyo.seed("Large", 2_000)
        first = read(session, list_id, into, until=after(4))
        read(session, list_id, into, until=after(4), state=first.state)

        reading = read(session, list_id, into, state=first.state)

        assert reading.members == 2_000
        assert set(addresses(into)) == klaviyo.members(list_id)
        assert [path.name for path in into.parent.iterdir()] == [into.name]

    def test_begin_again_when_their_parts_are_lost(self, session, klaviyo, into):
        list_id = klaviyo.seed("Large", 1_500)
        first = read(session, list_id, into, until=after(4))
        for path in into.parent.iterdir():
            path.unlink()

        assert read(session, list_id, into, state=first.state).members == 1_500

    def test_begin_a_range_again_when_its_cursor_is_stale(self, session, klaviyo, into):
        klaviyo.expect_deviations()
        list_id = klaviyo.seed("Large", 1_500)
        first = read(session, list_id, into, until=after(4))
        for saved in first.state["ranges"]:
            saved[3] = saved[3] and "stale"

        assert read(session, list_id, into, state=first.state).members == 1_500


class TestTrouble:
    def test_passes_over_a_page_that_fails_now_and_then(self, session, klaviyo, into):
        list_id = klaviyo.seed("Large", 3_000)
        klaviyo.fault("status", path="/profiles$", status=503, probability=0.2, seed=3, times=10)

        reading = read(session, list_id, into)

        assert reading.members == 3_000

    def test_stops_and_says_why_when_nothing_works(self, session, klaviyo, into):
        list_id = klaviyo.seed("Large", 1_000)
        klaviyo.fault("status", path="/profiles$", status=503, skip=4)

        reading = read(session, list_id, into)
        klaviyo.clear_faults()

        assert not reading.done
        assert reading.trouble.code == "upstream_unavailable"
        # After such trouble the account is tried by one call at a time until it answers again.
        while not reading.done:
            reading = read(session, list_id, into, state=reading.state)
        assert reading.members == 1_000

    def test_is_not_fooled_by_pages_out_of_order(self, session, klaviyo, into):
        list_id = klaviyo.seed("Large", 300)
        rows = [
            {
                "type": "profile",
                "id": f"0{day}",
                "attributes": {"joined_group_at": f"2026-01-0{day}T00:00:00Z"},
            }
            for day in (2, 1)
        ]
        klaviyo.fault("status", path="/profiles$", status=200, body={"data": rows, "links": {}}, times=3)

        reading = read(session, list_id, into)

        assert reading.trouble.code == "unexpected_answer"

    def test_waits_while_another_program_spends_the_allowance(self, db, klaviyo, into):
        klaviyo.limits(True)
        klaviyo.quota("GET /api/lists/{id}/profiles", burst=20, steady=750)
        list_id = klaviyo.seed("Large", 2_500)

        with open_session(klaviyo.key, klaviyo.id, clock=SystemClock()) as session:
            reading = read(session, list_id, into)

        assert reading.members == 2_500
        assert klaviyo.stats()["throttled"] >= 1

    def test_is_never_refused_at_the_published_pace(self, db, klaviyo, into):
        klaviyo.limits(True)
        list_id = klaviyo.seed("Large", 10_500)

        with open_session(klaviyo.key, klaviyo.id, clock=SystemClock()) as session:
            reading = read(session, list_id, into)

        assert reading.members == 10_500
        assert klaviyo.stats()["throttled"] == 0

    def test_says_until_when_it_must_hold_on(self, db, klaviyo, into):
        klaviyo.limits(True)
        list_id = klaviyo.seed("Large", 2_000)
        klaviyo.spend("GET /api/lists/{id}/profiles", 740)

        with open_session(klaviyo.key, klaviyo.id, clock=SystemClock()) as session:
            reading = read(session, list_id, into)

        assert not reading.done
        assert reading.state["pages"] == reading.pages
        assert reading.hold_until - datetime.now(UTC) > timedelta(seconds=20)


class TestSplit:
    NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)

    def reading(self, low: int, high: int | None) -> Range:
        """Return a range that has been read up to `low` seconds before NOW."""
        top = None if high is None else self.NOW - timedelta(seconds=high)
        return Range(None, top, top, cursor="c", at=self.NOW - timedelta(seconds=low))

    def test_takes_the_upper_half_of_the_widest(self):
        narrow, wide = self.reading(100, 50), self.reading(50, None)
        wide.at = self.NOW - timedelta(seconds=400)
        ranges = [narrow, wide]

        upper = split(ranges, self.NOW)

        assert (upper.low, upper.high) == (self.NOW - timedelta(seconds=200), None)
        assert (wide.high, wide.asked) == (upper.low, None)
        assert ranges == [narrow, wide, upper]

    def test_leaves_an_instant_alone(self):
        assert split([self.reading(2, None)], self.NOW) is None

    def test_leaves_alone_what_has_not_begun(self):
        assert split([Range(None, None, None)], self.NOW) is None

    def test_survives_being_saved(self):
        found = self.reading(9, 4)

        assert Range.from_state(found.to_state()) == found
