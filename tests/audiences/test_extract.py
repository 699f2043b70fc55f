"""From a query to candidates and rows not loaded."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audiences.candidates import CandidateSpec, Field
from audiences.errors import SourceError
from audiences.extract import Extract, extract
from audiences.keys import Keyer
from audiences.models import Source
from audiences.sandbox import Limits

KEYER = Keyer(bytes(range(32)))
ADDRESS = CandidateSpec("email")
FULL = CandidateSpec(
    "email",
    (
        Field("phone", "phone_number"),
        Field("name", "first_name"),
        Field("total", "properties.Total", "number"),
        Field("vip", "properties.VIP", "boolean"),
    ),
    default_country="US",
)
ENDLESS = "select count(*) as email from range(10000000000) a, range(10000000000) b"
COLUMNS = ("email", "phone", "name", "total", "vip")


@pytest.fixture
def warehouse(tmp_path: Path) -> Source:
    """A DuckDB source; its table `people` is filled by `fill`."""
    path = tmp_path / "warehouse.duckdb"
    duckdb.connect(str(path)).close()
    return Source(name="Warehouse", kind="duckdb", settings={"path": str(path)})


def fill(source: Source, rows: Sequence[Sequence[Any]]) -> None:
    with duckdb.connect(source.settings["path"]) as con:
        con.execute(
            "create or replace table people"
            " (email varchar, phone varchar, name varchar, total varchar, vip varchar)"
        )
        if rows:
            con.executemany("insert into people values (?, ?, ?, ?, ?)", [list(row) for row in rows])


def person(email: str | None, **given: Any) -> tuple[Any, ...]:
    return (email, *(given.get(name) for name in COLUMNS[1:]))


def run(source: Source, tmp_path: Path, spec: CandidateSpec = FULL, **given: Any) -> Extract:
    sql = given.pop("sql", "select * from people")
    return extract(source, sql, spec, into=tmp_path / "run", keyer=KEYER, **given)


def candidates(tmp_path: Path) -> list[dict[str, Any]]:
    return sorted(
        pq.read_table(tmp_path / "run/candidates.parquet").to_pylist(), key=lambda row: row["email"]
    )


def not_loaded(tmp_path: Path) -> list[dict[str, Any]]:
    return pq.read_table(tmp_path / "run/not_loaded.parquet").to_pylist()


class TestExtract:
    def test_writes_clean_typed_keyed_rows(self, warehouse, tmp_path):
        fill(
            warehouse, [person(" Ada@EXAMPLE.org", phone="(212) 555-0100", name="Ada", total="12", vip="yes")]
        )

        found = run(warehouse, tmp_path)

        [row] = candidates(tmp_path)
        assert row.pop("row_hash")
        assert row == {
            "row_no": 0,
            "key": KEYER.key("ada@example.org"),
            "email": "ada@example.org",
            "phone_number": "+12125550100",
            "first_name": "Ada",
            "properties.Total": 12.0,
            "properties.VIP": True,
        }
        assert (found.rows, found.candidates, found.not_loaded) == (1, 1, {})
        assert [(c.name, c.meaning) for c in found.columns][:2] == [("email", "email"), ("phone", "phone")]

    def test_keeps_every_other_row_with_its_reason(self, warehouse, tmp_path):
        fill(
            warehouse,
            [
                person("ada@example.org"),
                person(None),
                person("  "),
                person("not an address"),
                person("bob@example.org", phone="12"),
                person("cy@example.org", total="many"),
            ],
        )

        found = run(warehouse, tmp_path)

        assert found.not_loaded == {
            "email_invalid": 1,
            "email_missing": 2,
            "phone_invalid": 1,
            "value_type": 1,
        }
        assert found.rows == 6
        assert found.candidates == 1
        told = [
            (row["row_no"], row["reason"], row["column_name"], row["email"], row["value"])
            for row in not_loaded(tmp_path)
        ]
        assert told == [
            (1, "email_missing", "email", None, None),
            (2, "email_missing", "email", "  ", "  "),
            (3, "email_invalid", "email", "not an address", "not an address"),
            (4, "phone_invalid", "phone", "bob@example.org", "12"),
            (5, "value_type", "total", "cy@example.org", "many"),
        ]

    def test_does_not_mind_a_bad_phone_that_is_not_mapped(self, warehouse, tmp_path):
        fill(warehouse, [person("ada@example.org", phone="12")])

        assert run(warehouse, tmp_path, ADDRESS).candidates == 1

    def test_asks_for_a_country_only_where_a_phone_needs_one(self, warehouse, tmp_path):
        fill(
            warehouse,
            [
                person("ada@example.org", phone="212 555 0100"),
                person("bob@example.org", phone="+12125550101"),
            ],
        )
        spec = CandidateSpec("email", (Field("phone", "phone_number"),))

        assert run(warehouse, tmp_path, spec).not_loaded == {"phone_no_country": 1}

    def test_gives_empty_text_no_value(self, warehouse, tmp_path):
        fill(warehouse, [person("ada@example.org", phone=" ", name="", total=" ", vip="")])

        run(warehouse, tmp_path)

        assert list(candidates(tmp_path)[0].values())[4:] == [None, None, None, None]

    def test_writes_both_files_for_a_query_without_rows(self, warehouse, tmp_path):
        fill(warehouse, [])

        found = run(warehouse, tmp_path)

        assert (found.rows, found.candidates, candidates(tmp_path), not_loaded(tmp_path)) == (0, 0, [], [])
        assert pq.read_schema(tmp_path / "run/candidates.parquet").names[-1] == "properties.VIP"

    def test_finds_columns_whatever_their_case(self, warehouse, tmp_path):
        fill(warehouse, [person("ada@example.org")])

        assert run(warehouse, tmp_path, CandidateSpec("EMAIL")).candidates == 1

    def test_hashes_the_same_row_alike_in_every_run_and_order_of_fields(self, warehouse, tmp_path):
        fill(warehouse, [person("ada@example.org", name="Ada", total="1.0"), person("bob@example.org")])
        turned = CandidateSpec("email", FULL.fields[::-1], default_country="US")

        hashes = []
        for spec in (FULL, FULL, turned):
            run(warehouse, tmp_path, spec)
            hashes.append([row["row_hash"] for row in candidates(tmp_path)])

        assert hashes[0] == hashes[1] == hashes[2]
        assert len(set(hashes[0])) == 2

    def test_keeps_whole_numbers_whole_and_refuses_to_round_one(self, warehouse, tmp_path):
        spec = CandidateSpec("email", (Field("n", "properties.N", "number"),))
        big = 2**60 + 1

        whole = run(warehouse, tmp_path, spec, sql=f"select 'a@example.org' as email, {big}::bigint as n")
        assert whole.candidates == 1
        assert candidates(tmp_path)[0]["properties.N"] == big

        rounded = run(warehouse, tmp_path, spec, sql=f"select 'a@example.org' as email, '{big}' as n")
        assert rounded.not_loaded == {"value_type": 1}

    def test_reads_sqlite_whatever_its_values_are(self, tmp_path):
        path = tmp_path / "people.sqlite"
        with sqlite3.connect(path) as con:
            con.execute("create table people (email, phone, name, total, vip)")
            values = [("a@example.org", 2125550100, 5, 5, 1), ("b@example.org", "2125550101", "x", 6.5, "no")]
            con.executemany("insert into people values (?, ?, ?, ?, ?)", values)
        con.close()
        source = Source(name="Lite", kind="sqlite", settings={"path": str(path)})

        run(source, tmp_path)

        found = [list(row.values())[4:] for row in candidates(tmp_path)]
        assert found == [["+12125550100", "5", 5.0, True], ["+12125550101", "x", 6.5, False]]

    @pytest.mark.parametrize(
        ("given", "code"),
        [
            ({"sql": "delete from people"}, "query_refused"),
            ({"sql": "select nope from people"}, "query_failed"),
            ({"sql": "select phone from people"}, "column_missing"),
            ({"sql": "select email from people"}, "column_missing"),
            ({"limits": Limits(rows=1)}, "too_many_rows"),
            ({"limits": Limits(seconds=1), "sql": ENDLESS}, "query_timeout"),
            (
                {"sql": "select email, phone, name, total, cast(email as int) as vip from people"},
                "query_failed",
            ),
        ],
    )
    def test_leaves_the_files_as_they_were_when_it_fails(self, warehouse, tmp_path, given, code):
        fill(warehouse, [person("ada@example.org"), person("bob@example.org")])
        run(warehouse, tmp_path)
        before = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}

        with pytest.raises(SourceError) as failed:
            run(warehouse, tmp_path, **given)

        assert failed.value.code == code
        assert "ada" not in failed.value.message
        assert {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()} == before

    def test_says_when_the_source_is_not_there(self, tmp_path):
        source = Source(name="Gone", kind="duckdb", settings={"path": str(tmp_path / "gone.duckdb")})

        with pytest.raises(SourceError) as failed:
            run(source, tmp_path)

        assert failed.value.code == "source_unavailable"


class TestDuplicates:
    TWINS = (
        person("ada@example.org", name="Ada"),
        person(" ADA@example.org ", name="Ada", total="5"),
        person("ada@example.org", name="Ada", total="5"),
        person("bob@example.org", name="Bob"),
    )

    def test_keeps_the_most_complete_row(self, warehouse, tmp_path):
        fill(warehouse, self.TWINS)

        found = run(warehouse, tmp_path)

        assert found.not_loaded == {"duplicate": 1, "duplicate_conflict": 1}
        assert [(row["email"], row["properties.Total"]) for row in candidates(tmp_path)] == [
            ("ada@example.org", 5.0),
            ("bob@example.org", None),
        ]

    def test_puts_all_of_them_aside_when_told_to_refuse(self, warehouse, tmp_path):
        fill(warehouse, self.TWINS)
        spec = CandidateSpec("email", FULL.fields, default_country="US", duplicates="refuse")

        found = run(warehouse, tmp_path, spec)

        assert sum(found.not_loaded.values()) == 3
        assert [row["email"] for row in candidates(tmp_path)] == ["bob@example.org"]

    @pytest.mark.parametrize(("rule", "total"), [("first", None), ("last", 5.0)])
    def test_keeps_the_row_that_the_order_of_the_query_says(self, warehouse, tmp_path, rule, total):
        fill(warehouse, self.TWINS)
        spec = CandidateSpec("email", FULL.fields, default_country="US", duplicates=rule)

        found = run(warehouse, tmp_path, spec)

        assert found.not_loaded == {"duplicate": 2}
        assert candidates(tmp_path)[0]["properties.Total"] == total

    def test_chooses_the_same_row_in_whatever_order_they_come(self, warehouse, tmp_path):
        rows = [person("ada@example.org", name=name) for name in ("Ada", "Augusta", "A.", "Lovelace")]
        kept = set()
        for turn in range(4):
            fill(warehouse, rows[turn:] + rows[:turn])
            run(warehouse, tmp_path)
            kept.add(candidates(tmp_path)[0]["first_name"])

        assert len(kept) == 1

    @settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["a@example.org", "A@example.org", "b@example.org", "bad", "", None]),
                st.sampled_from([None, "", "212 555 0100", "12"]),
                st.sampled_from([None, "Ada", "Bob"]),
                st.sampled_from([None, "1", "1.0", "x"]),
                st.sampled_from([None, "yes", "maybe"]),
            ),
            max_size=12,
        )
    )
    def test_accounts_for_every_row_once(self, warehouse, tmp_path, rows):
        fill(warehouse, rows)

        found = run(warehouse, tmp_path)

        good, bad = candidates(tmp_path), not_loaded(tmp_path)
        assert sorted(row["row_no"] for row in good + bad) == list(range(len(rows)))
        assert len({row["key"] for row in good}) == len(good) == found.candidates
        assert found.rows == len(rows)


class TestSpec:
    @pytest.mark.parametrize(
        "given",
        [
            {"fields": (Field("a", "x"), Field("b", "x"))},
            {"fields": (Field("a", "email"),)},
            {"fields": (Field("a", "x", "colour"),)},
            {"duplicates": "newest"},
        ],
    )
    def test_refuses_what_could_not_be_sent(self, given):
        with pytest.raises(ValueError):
            CandidateSpec("email", **given)
