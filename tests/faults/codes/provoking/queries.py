"""Trouble with the query, with its source, and with what it gives as a whole."""

from dataclasses import replace
from typing import Any

from audiences import extract, queries
from audiences.sandbox import Limits
from tests.faults.codes.stage import Stage
from tests.flows.world import people
from workflows.models import Workflow

TIER = [{"column": "tier", "target": "properties.Tier", "type": "text"}]
# A product of tables that a query never comes to the end of.
ENDLESS = "select email from people where (select count(*) from range(1000000) a, range(1000000) b) > 0"


def with_tiers(stage: Stage, **given: Any) -> None:
    """Open a company whose template sends a tier, and let a first run end well."""
    company = stage.open(template={"full_profile": True, "mapping": TIER}, **given)
    company.write([{**row, "tier": "gold"} for row in people(3)])
    queries.activate(company.query)
    stage.run()


def without_its_column(stage: Stage) -> Workflow:
    """The column of tiers was given another name in the source."""
    with_tiers(stage)
    stage.company.write([{**row, "level": "gold"} for row in people(3)])
    return stage.run()


def activated_without_its_column(stage: Stage) -> Workflow:
    """Somebody changed the query, and it lacks the column of tiers since."""
    with_tiers(stage)
    query = stage.company.query
    query.sql = "select email from people"
    queries.activate(query)
    return stage.run()


def source_away(stage: Stage) -> Workflow:
    """The file of the source is not where it was."""
    company = stage.open()
    company.csv.rename(company.csv.with_suffix(".away"))
    return stage.run()


def refused(stage: Stage) -> Workflow:
    """What stands in the query is no SELECT, as after a change past the pages."""
    company = stage.open()
    company.query.sql = "delete from people"
    company.query.save(update_fields=["sql"])
    return stage.run()


def failed(stage: Stage) -> Workflow:
    """The query asks for a table that has another name now."""
    company = stage.open()
    company.query.sql = "select * from persons"
    company.query.save(update_fields=["sql"])
    return stage.run()


def endless(stage: Stage) -> Workflow:
    """The query takes longer than it may, which here is a second."""
    company = stage.open()
    _limit(stage, seconds=1.0)
    company.query.sql = ENDLESS
    company.query.save(update_fields=["sql"])
    return stage.run()


def gives_too_much(stage: Stage) -> Workflow:
    """The query gives more rows than a workflow takes, which here is two."""
    stage.open()
    _limit(stage, rows=2)
    return stage.run()


def _limit(stage: Stage, **limits: Any) -> None:
    stage.monkeypatch.setattr(extract, "Limits", lambda: replace(Limits(), **limits))
