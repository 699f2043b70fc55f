"""Rows that need a decision, and the reasons why a run went on without some."""

from collections.abc import Callable

from tests.faults.codes.provoking import access, people
from tests.faults.codes.provoking.people import FEW, MANY
from tests.faults.codes.row import End
from tests.faults.codes.scenario import Press, Scenario, everybody
from tests.faults.codes.stage import Stage
from tests.flows import world

ADDRESSED = """select coalesce(nullif(email, ''), contact) as email from people"""
BY_CONTACT = "select contact as email, n from people"
ONCE = "select email, min(tier) as tier from people group by email"
BY_TOTAL = "select email, total as spent from people"
FOREIGN = (
    "select email, '+46' || ltrim(replace(replace(phone, '+46', ''), ' ', ''), '0') as phone from people"
)
ASIDE = Press("set_aside")


def all_of_them(stage: Stage) -> set[str]:
    return {row["email"] for row in world.people(people.ROWS)}


def the_others(stage: Stage) -> set[str]:
    return all_of_them(stage) - stage.prepared["at_fault"]


def country(reason: str = "") -> Press:
    return Press("phone_country", {"country": "SE"}, reason)


def edited(sql: str, reason: str = "") -> Press:
    return Press("edit_query", {"sql": sql}, reason)


def row(
    code: str,
    provoke: Callable[..., object],
    press: Press,
    **given: object,
) -> Scenario:
    return Scenario(code, provoke, press, **{"members": all_of_them, **given})  # type: ignore[arg-type]


CONTACT = {"column": "contact"}
ROWS = (
    row("phone_format", people.national_phones(MANY), country()),
    row("phone_format", people.national_phones(MANY), Press("unmap_phone")),
    row("phone_format", people.national_phones(MANY), ASIDE, members=the_others),
    row("no_identifier", people.without_address(MANY, ""), Press("map_email", CONTACT)),
    row("no_identifier", people.without_address(MANY, ""), ASIDE, members=the_others),
    row("no_identifier", people.without_address(MANY, ""), edited(ADDRESSED)),
    row("email_format", people.without_address(MANY, "nobody"), Press("map_email", CONTACT)),
    row("email_format", people.without_address(MANY, "nobody"), ASIDE, members=the_others),
    row("email_format", people.without_address(MANY, "nobody"), edited(BY_CONTACT)),
    row("duplicate_key", people.people_twice(MANY), Press("duplicates_rule", {"rule": "first"})),
    row("duplicate_key", people.people_twice(MANY), ASIDE, members=the_others),
    row("duplicate_key", people.people_twice(MANY), edited(ONCE)),
    row("column_type", people.words_for_numbers(MANY), Press("change_type", {"type": "text"})),
    row("column_type", people.words_for_numbers(MANY), Press("map_column", {"column": "total"})),
    row("column_type", people.activated_with_words, Press("restore_query", {"version": "2"})),
    row("column_type", people.words_for_numbers(MANY), ASIDE, members=the_others),
    row("several_profiles", people.ids_of_others(MANY), Press("handle_profiles", {"keep": "external_id"})),
    row("several_profiles", people.ids_of_others(MANY), ASIDE, members=the_others),
    row("too_large", people.large_profiles(MANY), Press("drop_fields", {"fields": ("properties.Note",)})),
    row("too_large", people.large_profiles(MANY), ASIDE, members=the_others),
    row("rows_forgotten", people.forgotten, Press("restart")),
    row("rows_forgotten", people.forgotten, Press("discard"), end=End.GIVEN_UP),
    row(
        "restricted_pii",
        access.restricted,
        Press("ask_operations"),
        then=(Press("allow_once"),),
        members=everybody,
    ),
    row("restricted_pii", access.restricted, Press("allow_once"), members=everybody),
    row(
        "restricted_pii",
        access.restricted,
        Press("use_destination", {"template": lambda stage: str(stage.prepared["open"].pk)}),
        members=everybody,
    ),
)


def aside(reason: str, provoke: Callable[..., object], press: Press, **given: object) -> Scenario:
    return row("", provoke, Press(press.resolution, press.answers, reason), **given)


NO_COUNTRY, INVALID = people.national_phones(FEW), people.foreign_phones(FEW)
MISSING, WRONG = people.without_address(FEW, ""), people.without_address(FEW, "nobody")
DROPPED = Press("drop_fields", {"fields": ("properties.Note",)})
AGAIN = Press("rerun_rows")

REASONS = (
    aside("phone_no_country", NO_COUNTRY, country()),
    aside("phone_no_country", NO_COUNTRY, Press("unmap_phone")),
    aside("phone_no_country", NO_COUNTRY, edited(FOREIGN)),
    aside("phone_invalid", INVALID, country()),
    aside("phone_invalid", INVALID, Press("unmap_phone")),
    aside("phone_invalid", INVALID, edited(FOREIGN)),
    aside("email_missing", MISSING, Press("map_email", CONTACT)),
    aside("email_missing", MISSING, edited(ADDRESSED)),
    aside("email_missing", MISSING, AGAIN, outside=people.address_put_right),
    aside("email_invalid", WRONG, Press("map_email", CONTACT)),
    aside("email_invalid", WRONG, edited(BY_CONTACT)),
    aside("email_invalid", WRONG, AGAIN, outside=people.address_put_right),
    aside("duplicate_conflict", people.people_twice(FEW), Press("duplicates_rule", {"rule": "first"})),
    aside("duplicate_conflict", people.people_twice(FEW), edited(ONCE)),
    aside("value_type", people.words_for_numbers(FEW), Press("change_type", {"type": "text"})),
    aside("value_type", people.words_for_numbers(FEW), Press("map_column", {"column": "total"})),
    aside("value_type", people.words_for_numbers(FEW), edited(BY_TOTAL)),
    aside("too_large", people.large_profiles(FEW), DROPPED),
    aside("too_large", people.large_profiles(FEW), AGAIN, outside=people.notes_shortened),
    aside("duplicate_profile", people.ids_of_others(FEW), Press("handle_profiles", {"keep": "external_id"})),
    aside("duplicate_profile", people.ids_of_others(FEW), AGAIN, outside=people.ids_put_right),
)
