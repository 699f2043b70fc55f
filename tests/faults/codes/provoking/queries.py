"""Trouble with the query, with its source, and with what it gives as a whole."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from audiences import queries
from audiences.sandbox import Limits
from tests.faults.codes.stage import Stage
from tests.flows.world import people
from workflows.models import Workflow

TIER = [{"column": "tier", "target": "properties.Tier", "type": "text"}]
# Takes seconds where the source says `slow`, and no time where it does not.
SLOW = """select email from people where (
  select count(*) from range(1000000) a, range(24000) b where a.range < (select max(slow) from people)
) >= 0"""


def change(stage: Stage, **columns: Any) -> None:
    """Change the query past its page, where nobody would try it out first."""
    query = stage.company.query
    type(query).objects.filter(pk=query.pk).update(**columns)
    query.refresh_from_db()


def with_tiers(stage: Stage, **given: Any) -> None:
    """Open a company whose template sends a tier, and let a first run end well."""
    company = stage.open(template={"full_profile": True, "mapping": TIER}, **given)
    company.write([{**row, "tier": "gold"} for row in people(3)])
    queries.activate(company.query)
    stage.run()


def without_its_column(stage: Stage) -> Workflow:
    """The column of tiers got another name in the source."""
    with_tiers(stage)
    stage.company.write([{**row, "level": "gold"} for row in people(3)])
    return stage.run()


def activated_without_its_column(stage: Stage) -> Workflow:
    """Somebody changed the query, and it lacks the column of tiers since."""
    with_tiers(stage)
    change(stage, sql="select email from people")
    queries.activate(stage.company.query)
    return stage.run()


def source_away(stage: Stage) -> Workflow:
    """The file of the source is not where it was."""
    company = stage.open()
    company.csv.rename(_away(stage))
    return stage.run()


def put_back(stage: Stage) -> None:
    """The file is where it was again."""
    _away(stage).rename(stage.company.csv)


def _away(stage: Stage) -> Path:
    return stage.company.csv.with_suffix(".away")


def refused(stage: Stage) -> Workflow:
    """What stands in the query is no SELECT."""
    stage.open()
    change(stage, sql="delete from people", version=2)
    return stage.run()


def failed(stage: Stage) -> Workflow:
    """The query asks for a table that its source does not have."""
    stage.open()
    change(stage, sql="select * from persons", version=2)
    return stage.run()


def slow(stage: Stage) -> Workflow:
    """The query takes longer than the two seconds that it may."""
    company = stage.open(sql="select email from people")
    company.write([{**row, "slow": 1_000_000} for row in people(3)])
    change(stage, sql=SLOW, timeout_seconds=2)
    return stage.run()


def giving_too_much(stage: Stage) -> Workflow:
    """The query gives more rows than a run takes, which here is five."""
    company = stage.open()
    company.write(people(8))
    stage.monkeypatch.setattr(queries, "limits_of", lambda query: replace(Limits(), rows=5))
    return stage.run()
