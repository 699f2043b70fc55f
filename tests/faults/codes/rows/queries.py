"""Queries and plans."""

from tests.faults.codes.provoking import plans, queries
from tests.faults.codes.row import End
from tests.faults.codes.scenario import Answer, Press, Scenario
from tests.faults.codes.stage import Stage
from tests.flows.world import people

EVERYBODY = "select email, 'gold' as tier from people"
THREE = "select 'person' || range || '@example.org' as email from range(3)"
PLAIN = "select email from people where email is not null"


def quick_again(stage: Stage) -> None:
    """The source is quick again."""
    stage.company.write([{**row, "slow": 0} for row in people(3)])


def table_back(stage: Stage) -> None:
    """The source has the table that is asked for."""
    source = stage.company.query.source
    source.settings = {"files": {"persons": str(stage.company.csv)}}
    source.save(update_fields=["settings"])


def five(stage: Stage) -> set[str]:
    return {row["email"] for row in people(5)}


def three(stage: Stage) -> set[str]:
    return {row["email"] for row in people(3)}


def four(stage: Stage) -> set[str]:
    return {row["email"] for row in people(4)}


def edited(sql: str) -> Press:
    return Press("edit_query", {"sql": sql})


FIRST_VERSION: dict[str, Answer] = {"version": "2"}
BEFORE = Press("restore_query", {"version": "1"})
CALM = Press("retry")
GIVEN_UP = Press("discard")

ROWS = (
    Scenario("column_missing", queries.without_its_column, Press("map_column", {"column": "level"})),
    Scenario("column_missing", queries.activated_without_its_column, Press("restore_query", FIRST_VERSION)),
    Scenario("column_missing", queries.without_its_column, edited(EVERYBODY)),
    Scenario("source_unavailable", queries.source_away, CALM, outside=queries.put_back),
    Scenario(
        "source_unavailable",
        queries.source_away,
        edited("select 'person' || range || '@example.org' as email from range(4)"),
        members=four,
    ),
    Scenario("query_refused", queries.refused, edited(PLAIN)),
    Scenario("query_refused", queries.refused, BEFORE),
    Scenario("query_failed", queries.failed, edited(PLAIN)),
    Scenario("query_failed", queries.failed, CALM, outside=table_back),
    Scenario("query_failed", queries.failed, BEFORE),
    Scenario("query_timeout", queries.slow, Press("raise_time_limit", {"minutes": "5"})),
    Scenario("query_timeout", queries.slow, CALM, outside=quick_again),
    Scenario("query_timeout", queries.slow, edited(PLAIN)),
    Scenario(
        "too_many_rows",
        queries.giving_too_much,
        edited("select * from people order by email limit 5"),
        members=five,
    ),
    Scenario("too_many_rows", queries.giving_too_much, GIVEN_UP, end=End.GIVEN_UP),
    Scenario("guard", plans.over_a_limit, Press("approve")),
    Scenario("guard", plans.over_a_limit, Press("change_limit", {"max_removed_share": "50"})),
    Scenario("guard", plans.of_nobody, edited(THREE), members=three),
    Scenario("guard", plans.over_a_limit, GIVEN_UP, end=End.GIVEN_UP),
    Scenario("plan_ready", plans.rehearsed, Press("approve")),
    Scenario("plan_ready", plans.rehearsed, GIVEN_UP, end=End.GIVEN_UP),
)
