"""Columns and queries that do not fit any more: mended where that is said, and the list verified."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from accounts.models import Activity
from tests.flows.test_resolutions_rows import LIMITED, NAME, names, preview, resolve, sending
from tests.flows.world import World, people
from workflows import resolutions
from workflows.models import Workflow
from workflows.moves import State
from workflows.resolutions import Refused

SLOW = (
    "select email, n from people, (select count(*) as n from range(40000) a, range(40000) b "
    "where (a.range * b.range) % 7 = 3)"
)


def named(count: int, column: str = "name") -> list[dict[str, Any]]:
    return [{**person, column: f"Name{n}"} for n, person in enumerate(people(count))]


@pytest.fixture
def renamed(world: Callable[..., World]) -> tuple[World, Workflow]:
    """A run whose query gives `given_name` where it gave `name`."""
    company = world(template=sending(NAME), guards=LIMITED)
    company.write(named(3))
    company.activate()
    company.run()
    company.write(named(4, column="given_name"))
    return company, company.run()


@pytest.fixture
def broken(world: Callable[..., World]) -> tuple[World, Workflow]:
    """A run of a query that the source cannot run any more, since a column has another name there."""
    company = world(sql="select email, name from people", rows=named(3))
    company.run()
    company.write(named(5, column="given_name"))
    return company, company.run()


class TestMapColumn:
    def test_names_the_column_the_query_and_what_there_is(self, renamed: tuple[World, Workflow]):
        _, paused = renamed

        offered = resolutions.offered(paused)[0]

        assert (paused.state, paused.code) == (State.PAUSED, "column_missing")
        assert "“People” has no column “name” any more" in paused.message
        assert offered.name == "map_column"
        assert "“First name”" in offered.effect
        assert [choice.value for choice in offered.fields[0].choices] == ["email", "given_name"]

    def test_goes_on_with_the_column_that_was_chosen(self, renamed: tuple[World, Workflow]):
        company, paused = renamed

        run = company.go_on(resolve(paused, "map_column", column="given_name"))

        assert (run.state, run.is_verified, run.parent_id) == (State.SUCCEEDED, True, paused.pk)
        assert company.klaviyo.profile("person3@example.org")["first_name"] == "Name3"
        company.orchestration.template.refresh_from_db()
        assert company.orchestration.template.mapping == [{**NAME, "column": "given_name"}]
        assert Activity.objects.filter(action="changed", data__fields=["mapping"]).count() == 1

    def test_maps_the_address_when_no_column_seems_to_have_any(self, world: Callable[..., World]):
        company = world(sql="select email as who, 1 as one from people where false")
        paused = company.run()
        company.query.refresh_from_db()

        with pytest.raises(Refused, match="Choose from what is there"):
            resolve(paused, "map_column", column="nothing")
        run = company.go_on(resolve(paused, "map_column", column="who"))

        assert paused.code == "column_missing"
        assert run.code == "guard"
        assert "The query gave no rows" in run.message


class TestEditQuery:
    def test_goes_on_with_the_text_that_was_tried(self, broken: tuple[World, Workflow]):
        company, paused = broken

        run = company.go_on(resolve(paused, "edit_query", sql="select email, given_name from people"))

        assert paused.pk == run.pk
        assert (run.state, run.is_verified, len(company.members())) == (State.SUCCEEDED, True, 5)
        assert run.config["query"]["version"] == 2
        company.query.refresh_from_db()
        assert company.query.sql == "select email, given_name from people"
        assert list(company.query.versions.values_list("version", flat=True)) == [2, 1]
        entry = Activity.objects.get(action="changed", object_label="People")
        assert entry.data == {"fields": ["sql"], "version": 2}

    @pytest.mark.parametrize(
        ("sql", "why"),
        [
            ("select email, name from people", "as it was"),
            ("delete from people", "SELECT"),
            ("select nothing from people", "nothing"),
            ("select 1 as one", "no column with e-mail addresses"),
        ],
    )
    def test_keeps_nothing_of_a_text_that_does_not_work(self, broken: tuple[World, Workflow], sql, why):
        company, paused = broken

        with pytest.raises(Refused, match=why) as refused:
            resolve(paused, "edit_query", sql=sql)

        assert refused.value.field == "sql"
        company.query.refresh_from_db()
        assert (company.query.sql, company.query.version) == ("select email, name from people", 1)

    def test_needs_every_column_that_is_mapped(self, renamed: tuple[World, Workflow]):
        _, paused = renamed

        with pytest.raises(Refused, match="It gives no column “name”"):
            resolve(paused, "edit_query", sql="select email, given_name from people")

    def test_is_offered_for_a_guard_only_when_that_is_about_the_query(self, world: Callable[..., World]):
        company = world(guards=LIMITED)
        company.write(people(100))
        company.run()
        company.write(people(50))
        removing = company.run()
        company.query.stop_below = 80
        company.query.save(update_fields=["stop_below"])
        short = company.run()

        assert (removing.code, "edit_query" in names(removing)) == ("guard", False)
        run = company.go_on(
            resolve(
                short,
                "edit_query",
                sql="select 'person' || n || '@example.org' as email from range(100) t(n)",
            )
        )
        assert (run.state, len(company.members())) == (State.SUCCEEDED, 100)


class TestRestoreQuery:
    def test_puts_an_earlier_version_back(self, world: Callable[..., World]):
        company = world(sql="select email, name from people", rows=named(3))
        company.query.sql = "select email, nick_name from people"
        company.query.save(update_fields=["sql"])
        company.write(named(3, column="nick_name"))
        company.activate()
        company.write(named(4))
        paused = company.run()

        shown = preview(paused, "restore_query", version="1")
        run = company.go_on(resolve(paused, "restore_query", version="1"))

        assert shown.told == (
            "1 line would differ from now. It gives in addition: name. It does not give: nick_name."
        )
        assert shown.examples == (("select email, nick_name from people", "select email, name from people"),)
        assert (run.state, run.is_verified, len(company.members())) == (State.SUCCEEDED, True, 4)
        company.query.refresh_from_db()
        assert (company.query.sql, company.query.version) == ("select email, name from people", 3)

    def test_is_not_offered_without_one(self, broken: tuple[World, Workflow]):
        _, paused = broken

        assert "restore_query" not in names(paused)


class TestTimeLimit:
    def test_gives_the_query_more_time(self, world: Callable[..., World]):
        company = world(sql="select email from people")
        company.query.sql, company.query.timeout_seconds = SLOW, 1
        company.query.save(update_fields=["sql", "timeout_seconds"])
        paused = company.run()
        assert paused.code == "query_timeout"

        run = company.go_on(resolve(paused, "raise_time_limit", minutes="2"))

        assert (run.pk, run.state, run.is_verified) == (paused.pk, State.SUCCEEDED, True)
        company.query.refresh_from_db()
        assert timedelta(seconds=company.query.timeout_seconds) == timedelta(minutes=2)
        assert Activity.objects.filter(data__fields=["timeout_seconds"], data__before=1).count() == 1

    def test_takes_no_time_that_is_shorter(self, world: Callable[..., World]):
        company = world(sql="select email from people")
        company.query.sql, company.query.timeout_seconds = SLOW, 1
        company.query.save(update_fields=["sql", "timeout_seconds"])
        paused = company.run()

        with pytest.raises(Refused, match="between 1 and 1,440"):
            resolve(paused, "raise_time_limit", minutes="0")
