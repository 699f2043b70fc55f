"""Checking, previewing and activating a query, and judging its size."""

from pathlib import Path

import duckdb
import pytest

from accounts.models import Activity
from audiences import keeping, queries, sources
from audiences.errors import ColumnGone, SourceError
from audiences.models import Query, Source

OUR_OWN = "Rollcall's own files cannot be a source. Keep what it reads outside of DATA_DIR."
SQL = 'select * from people order by "Customer ID"'


@pytest.fixture
def source(tmp_path: Path) -> Source:
    """Sixty people in a CSV file."""
    path = tmp_path / "people.csv"
    with duckdb.connect() as con:
        con.execute(
            f"""copy (select i as "Customer ID", 'user' || i || '@example.org' as contact, i * 1.5 as total,
                '+1212555' || (1000 + i) as reach_me, 'Name' || i as first_name, i % 2 = 0 as vip,
                date '2026-01-01' as joined from range(60) t(i)) to '{path}'"""
        )
    return Source(name="Files", kind="files", settings={"path": str(tmp_path)})


class TestPreview:
    def test_shows_the_first_rows(self, source):
        found = queries.preview(source, SQL)

        assert len(found.rows) == 10
        assert found.rows[1][:3] == (1, "user1@example.org", 1.5)

    def test_shows_no_more_than_fifty(self, source):
        assert len(queries.preview(source, SQL, rows=1000).rows) == 50

    def test_refuses_what_the_gate_refuses(self, source):
        with pytest.raises(SourceError) as refused:
            queries.preview(source, "select * from read_csv('x')")

        assert refused.value.code == "query_refused"


class TestColumns:
    def test_tells_what_they_mean_by_name_and_by_value(self, source):
        found = {column.name: column for column in queries.columns(source, SQL)}

        assert {name: column.meaning for name, column in found.items() if column.meaning} == {
            "Customer ID": "external_id",
            "contact": "email",
            "reach_me": "phone",
        }
        assert {name for name, column in found.items() if column.pii} == {
            *("Customer ID", "contact", "reach_me", "first_name")
        }
        assert [column.type for column in found.values()] == [
            *("integer", "text", "number", "text", "text", "boolean", "date")
        ]


class TestLimits:
    def test_are_the_usual_ones_unless_the_query_has_its_own(self):
        usual, patient = queries.limits_of(Query()), queries.limits_of(Query(timeout_seconds=7_200))

        assert (usual.silent_seconds, usual.seconds) == (360, 1_800)
        assert (patient.silent_seconds, patient.seconds) == (7_200, 7_200)
        assert queries.limits_of(Query(timeout_seconds=600)).seconds == 1_800


class TestValues:
    def test_gives_what_a_column_holds(self, source):
        assert queries.values_of(source, SQL, "contact")[1] == "user1@example.org"

    def test_names_the_columns_there_are_when_it_is_gone(self, source):
        with pytest.raises(ColumnGone) as gone:
            queries.values_of(source, "select contact, vip from people", "reach_me")

        assert gone.value.columns == ("contact", "vip")


@pytest.mark.django_db
class TestActivate:
    def test_remembers_the_columns_under_a_new_version(self, source):
        source.save()
        query = Query.objects.create(name="People", source=source, sql=SQL)

        for version in (1, 2):
            queries.activate(query)
            assert (query.version, query.is_active) == (version, True)

        contact = {"name": "contact", "type": "text", "meaning": "email", "pii": True}
        assert Query.objects.get().columns[1] == contact

    def test_keeps_every_version_to_go_back_to(self, source):
        source.save()
        query = Query.objects.create(name="People", source=source, sql=SQL)
        queries.activate(query)

        keeping.change_text(query, "select contact from people", seen=queries.columns(source, SQL), by=None)

        assert [(each.version, each.sql) for each in query.versions.all()] == [
            (2, "select contact from people"),
            (1, SQL),
        ]
        assert [each.version for each in keeping.earlier_versions(query)] == [1]
        assert Activity.objects.get().data == {"fields": ["sql"], "version": 2}

    def test_leaves_the_query_as_it_was_when_it_cannot_run(self, source):
        source.save()
        query = Query.objects.create(name="People", source=source, sql="select nope from people")

        with pytest.raises(SourceError):
            queries.activate(query)

        assert (Query.objects.get().version, Query.objects.get().is_active) == (0, False)


class TestSizeObjection:
    @pytest.mark.parametrize(
        ("rows", "level"), [(9, "stop"), (10, "warn"), (20, None), (50, None), (51, "warn"), (101, "stop")]
    )
    def test_judges_by_the_nearest_threshold(self, rows, level):
        query = Query(stop_below=10, warn_below=20, warn_above=50, stop_above=100)

        found = queries.size_objection(query, rows)

        assert (found and found[0]) == level

    def test_has_nothing_against_any_size_when_nothing_was_set(self):
        assert queries.size_objection(Query(), 0) is None


class TestSource:
    def test_lists_what_can_be_read(self, source):
        found = sources.test(source)

        assert [table.name for table in found.tables] == ["people"]
        assert ("contact", "VARCHAR") in found.tables[0].columns

    @pytest.mark.parametrize(
        ("kind", "settings"),
        [
            ("files", {}),
            ("files", {"path": "people.csv"}),
            ("files", {"path": "/data/people.exe"}),
            ("files", {"path": "/data", "files": {"a": "/data/a.csv"}}),
            ("files", {"files": {"a b": "/data/a.csv"}}),
            ("files", {"path": "/data", "password": "x"}),
            ("duckdb", {}),
            ("sqlite", {"path": "/data/keys.json"}),
            ("postgresql", {"host": "db", "user": "reader"}),
            ("postgresql", {"host": "db", "user": "reader", "database": "d", "sslmode": "maybe"}),
            ("postgresql", {"host": "db", "user": "reader", "database": "d", "port": "x"}),
            ("sqlalchemy", {"url": "sqlite:////etc/passwd"}),
            ("sqlalchemy", {"url": "mysql://reader:secret@db/shop"}),
            ("oracle", {}),
        ],
    )
    def test_says_what_is_wrong_with_its_settings(self, kind, settings):
        found = sources.problems(kind, settings)

        assert found
        assert "secret" not in " ".join(found)

    @pytest.mark.parametrize("kind", ["files", "duckdb", "sqlite"])
    @pytest.mark.parametrize(
        "path", ["", "keys.json", "ledgers/1/3.parquet", "demo/keys.json", "demo/shop/../lock", "link.csv"]
    )
    def test_is_never_a_file_of_our_own(self, settings, tmp_path, kind, path):
        settings.DATA_DIR = tmp_path / "ours"
        settings.DATA_DIR.mkdir()
        (tmp_path / "ours" / "link.csv").symlink_to(tmp_path / "ours" / "candidates.csv")

        found = sources.problems(kind, {"path": str(tmp_path / "ours" / path)})

        assert OUR_OWN in found

    def test_is_never_a_file_of_our_own_behind_a_link_or_a_pattern(self, settings, tmp_path):
        settings.DATA_DIR = tmp_path / "ours"
        settings.DATA_DIR.mkdir()
        (settings.DATA_DIR / "candidates.csv").write_text("email\n", encoding="utf-8")
        folder = tmp_path / "shared"
        folder.mkdir()
        (folder / "people.csv").symlink_to(settings.DATA_DIR / "candidates.csv")

        linked = sources.problems("files", {"path": str(folder / "people.csv")})
        pattern = sources.problems("files", {"files": {"people": str(tmp_path / "*" / "*.csv")}})
        with pytest.raises(SourceError, match="own files"):
            sources.job(Source(name="Files", kind="files", settings={"path": str(folder)}))

        assert linked == pattern == [OUR_OWN]

    @pytest.mark.parametrize(
        ("demo", "path"), [(False, "demo/shop/warehouse.duckdb"), (True, "shop/warehouse.duckdb")]
    )
    def test_may_be_the_shop_of_the_demo(self, settings, tmp_path, demo, path):
        settings.DATA_DIR, settings.DEMO = tmp_path, demo

        assert sources.problems("duckdb", {"path": str(tmp_path / path)}) == []

    def test_says_which_driver_is_missing(self):
        source = Source(name="Lake", kind="sqlalchemy", settings={"url": "trino://reader@lake/shop"})

        with pytest.raises(SourceError) as failed:
            queries.preview(source, "select 1 as a")

        assert failed.value.code == "source_unavailable"
        assert "not installed" in failed.value.message
