"""Trouble with rows: what somebody is to be decided about, and what a run goes on without.

`MANY` of the rows are at fault where a plan is held for them, and a `FEW` where it passes without them.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from audiences import queries
from tests.faults.codes.desks import CodeDesk
from tests.faults.codes.provoking.queries import change
from tests.faults.codes.scenario import Press
from tests.faults.codes.stage import Stage
from tests.flows.world import people
from workflows.files import sealed_path
from workflows.models import Workflow

ROWS, MANY, FEW = 30, 12, 3
PHONE = {"column": "phone", "target": "phone_number", "type": "text"}
SPENT = {"column": "spent", "target": "properties.Spent", "type": "number"}
NOTE = {"column": "note", "target": "properties.Note", "type": "text"}
TIER = {"column": "tier", "target": "properties.Tier", "type": "text"}
ID = {"column": "id", "target": "external_id", "type": "text"}
# Klaviyo takes 100 kB a profile.
OVER_THE_LIMIT = "x" * 110_000
Rows = Sequence[Mapping[str, Any]]


def company_of(stage: Stage, rows: Rows, *mapping: Mapping[str, str], **template: Any) -> None:
    """Open a company whose query gives these rows, and whose template sends these fields."""
    company = stage.open(template={"full_profile": True, "mapping": list(mapping), **template})
    company.write(rows)
    queries.activate(company.query)


def _numbered(stage: Stage, count: int) -> list[dict[str, Any]]:
    stage.prepared["at_fault"] = {f"person{number}@example.org" for number in range(count)}
    return [{**row, "n": number} for number, row in enumerate(people(ROWS))]


def national_phones(count: int) -> Callable[[Stage], Workflow]:
    """So many rows have a phone number without its country."""

    def provoke(stage: Stage) -> Workflow:
        rows = _numbered(stage, count)
        for row in rows:
            row["phone"] = f"{'0' if row['n'] < count else '+46'}70 174 06 {row['n']:02}"
        company_of(stage, rows, PHONE)
        return stage.run()

    return _told(provoke, f"{count} of {ROWS} rows have a phone number without its country.")


def foreign_phones(count: int) -> Callable[[Stage], Workflow]:
    """So many rows have a number that is none in the country they are read for."""

    def provoke(stage: Stage) -> Workflow:
        rows = _numbered(stage, count)
        for row in rows:
            row["phone"] = f"{'0' if row['n'] < count else '+46'}70 174 06 {row['n']:02}"
        company_of(stage, rows, PHONE, default_country="NO")
        return stage.run()

    return _told(provoke, f"{count} of {ROWS} rows have a phone number that is none in Norway.")


def without_address(count: int, instead: str) -> Callable[[Stage], Workflow]:
    """So many rows have something else than an address, which stands in another column."""

    def provoke(stage: Stage) -> Workflow:
        rows = _numbered(stage, count)
        for row in rows:
            row["contact"] = row["email"]
            row["email"] = instead if row["n"] < count else row["email"]
        company_of(stage, rows)
        return stage.run()

    what = "no e-mail address" if not instead else "something that is no e-mail address"
    return _told(provoke, f"{count} of {ROWS} rows have {what}.")


def address_put_right(stage: Stage) -> None:
    """The addresses were put right in the source."""
    stage.company.write([{"email": f"person{n}@example.org", "n": n, "contact": ""} for n in range(ROWS)])


def forgotten(stage: Stage) -> Workflow:
    """Some rows are to be run again, and which they were is not kept any more."""
    before = without_address(FEW, "")(stage)
    address_put_right(stage)
    again = Press("rerun_rows", reason="email_missing")
    CodeDesk(stage.ada).press(before, again, {})
    sealed_path(before.pk, "outcomes.parquet").unlink()
    return stage.rest(before)


def people_twice(count: int) -> Callable[[Stage], Workflow]:
    """So many people stand in two rows that differ, and such people are refused."""

    def provoke(stage: Stage) -> Workflow:
        rows = [{**row, "tier": "gold"} for row in _numbered(stage, count)]
        company_of(
            stage, [*rows, *({**row, "tier": "silver"} for row in rows[:count])], TIER, duplicates="refuse"
        )
        return stage.run()

    return _told(provoke, f"{count} people stand in two rows that do not agree.")


def words_for_numbers(count: int) -> Callable[[Stage], Workflow]:
    """So many rows have a word where their field takes a number; another column has the number."""

    def provoke(stage: Stage) -> Workflow:
        rows = _numbered(stage, count)
        for row in rows:
            row |= {"spent": "much" if row["n"] < count else "12.5", "total": "12.5"}
        company_of(stage, rows, SPENT)
        return stage.run()

    return _told(provoke, f"{count} of {ROWS} rows have a word where a number belongs.")


def activated_with_words(stage: Stage) -> Workflow:
    """Somebody changed the query, and its column of numbers gives words since."""
    rows = [{**row, "spent": "12.5", "n": n} for n, row in enumerate(people(ROWS))]
    company_of(stage, rows, SPENT)
    change(
        stage, sql="select email, case when n < 12 then 'much' else spent::varchar end as spent from people"
    )
    queries.activate(stage.company.query)
    return stage.run()


def large_profiles(count: int) -> Callable[[Stage], Workflow]:
    """So many people have more than Klaviyo takes in one profile."""

    def provoke(stage: Stage) -> Workflow:
        rows = _numbered(stage, count)
        for row in rows:
            row["note"] = OVER_THE_LIMIT if row["n"] < count else "short"
        company_of(stage, rows, NOTE)
        return stage.run()

    return _told(provoke, f"{count} of {ROWS} profiles are over 100 kB.")


def notes_shortened(stage: Stage) -> None:
    """The long texts were shortened in the source."""
    stage.company.write([{"email": f"person{n}@example.org", "n": n, "note": "short"} for n in range(ROWS)])


def ids_of_others(count: int) -> Callable[[Stage], Workflow]:
    """So many people have an external id that another profile in Klaviyo has."""

    def provoke(stage: Stage) -> Workflow:
        rows = [{**row, "id": f"c-{row['n']}"} for row in _numbered(stage, count)]
        stage.klaviyo.ingest(
            [{"email": f"other{n}@example.org", "external_id": f"c-{n}"} for n in range(count)]
        )
        stage.klaviyo.ingest([{"email": f"person{n}@example.org"} for n in range(count)])
        company_of(stage, rows, ID)
        return stage.run()

    return _told(provoke, f"{count} people have an external id that another profile has.")


def ids_put_right(stage: Stage) -> None:
    """The external ids were put right in the source."""
    stage.company.write([{"email": f"person{n}@example.org", "n": n, "id": f"new-{n}"} for n in range(ROWS)])


def _told(provoke: Callable[[Stage], Workflow], sentence: str) -> Callable[[Stage], Workflow]:
    provoke.__doc__ = sentence
    return provoke
