"""Ways out of rows: what is shown of a value, and what is offered in which state."""

from typing import Any

import pytest

from destinations.models import DataTemplate
from tests.workflows.factories import a_workflow
from workflows import resolutions
from workflows.models import Workflow
from workflows.moves import State
from workflows.resolutions import Answers, Person, Refused, masks

PHONE = [{"column": "phone", "target": "phone_number", "type": "text"}]
OLGA = Person("Olga")


def stopped(code: str, counts: dict[str, Any] | None = None, **given: Any) -> Workflow:
    usual = {"state": State.PAUSED, "code": code, "counts": {"rows": 100, "not_loaded": counts or {}}}
    return a_workflow(**(usual | given))


def offered(workflow: Workflow, reason: str = "") -> dict[str, resolutions.Resolution]:
    return {each.name: each for each in resolutions.offered(workflow, reason)}


def with_template(workflow: Workflow, **columns: Any) -> Workflow:
    DataTemplate.objects.filter(pk=workflow.orchestration.template_id).update(**columns)
    return Workflow.objects.get(pk=workflow.pk)


class TestMasks:
    @pytest.mark.parametrize(
        ("raw", "shown"),
        [
            ("(212) 555-1234", "(•••) •••-1234"),
            ("+1 212 555 1234", "+• ••• ••• 1234"),
            ("12345", "•••••"),
            ("call Ada: 5551234", "•••• •••: •••1234"),
            ("", ""),
        ],
    )
    def test_show_how_a_number_was_written(self, raw: str, shown: str):
        assert masks.phone_as_written(raw) == shown

    @pytest.mark.parametrize(
        ("clean", "shown"),
        [
            ("+12125551234", "+1••••••1234"),
            ("+46701234567", "+46•••••4567"),
            ("+358401234567", "+358•••••4567"),
        ],
    )
    def test_show_the_country_and_the_end_of_a_number(self, clean: str, shown: str):
        assert masks.phone_as_sent(clean) == shown

    def test_show_the_form_of_a_value(self):
        assert masks.value("12 kr, Åsa") == "00 aa, aaa"


@pytest.mark.django_db
class TestOffers:
    def test_say_in_numbers_what_a_country_would_do(self):
        workflow = stopped("phone_format", {"phone_no_country": 30, "phone_invalid": 2, "value_type": 5})
        workflow = with_template(workflow, full_profile=True, mapping=PHONE)

        way = offered(workflow)["phone_country"]

        assert "Reads 32 rows" in way.effect
        assert way.numbers == (("Without a country code", 30), ("Not a phone number as written", 2))
        assert way.previews
        assert "SE" in [choice.value for choice in way.fields[0].choices]
        assert "+46" in next(choice.label for choice in way.fields[0].choices if choice.value == "SE")

    def test_have_nothing_about_a_phone_that_is_not_sent(self):
        ways = offered(stopped("phone_format", {"phone_no_country": 30}))

        assert not {"phone_country", "unmap_phone"} & ways.keys()
        assert "set_aside" in ways

    def test_let_a_plan_pass_only_while_it_waits(self):
        waiting = stopped("phone_format", {"phone_no_country": 30})
        over = stopped("", {"phone_no_country": 30}, state=State.SUCCEEDED)

        assert "set_aside" in offered(waiting)
        assert "set_aside" not in offered(over, "phone_no_country")

    def test_send_rows_alone_only_when_it_is_known_which_they_were(self):
        over = stopped("", {"email_invalid": 3}, state=State.SUCCEEDED)

        assert "rerun_rows" not in offered(over, "email_invalid")

    def test_close_what_nobody_could_confirm(self):
        over = stopped("unconfirmed", state=State.SUCCEEDED_WITH_ISSUES)

        way = offered(over)["set_aside"]
        resolutions.resolve(over, "set_aside", by=OLGA)

        assert way.effect.startswith("Sends nothing.")
        over.refresh_from_db()
        assert over.code == ""
        assert offered(over) == {}

    def test_name_the_rule_that_is_so_already(self):
        over = stopped("", {"duplicate_conflict": 3}, state=State.SUCCEEDED_WITH_ISSUES)

        choices = offered(over, "duplicate_conflict")["duplicates_rule"].fields[0].choices

        assert [choice.value for choice in choices if choice.blocked] == ["most_complete"]
        with pytest.raises(Refused, match="Choose from what is there"):
            resolutions.resolve(
                over,
                "duplicates_rule",
                Answers({"rule": ["most_complete"]}),
                by=OLGA,
                reason="duplicate_conflict",
            )

    def test_edit_the_query_for_a_guard_only_when_that_is_about_its_size(self):
        large = stopped("guard", error={"objections": [{"code": "large_removal", "sentence": ""}]})
        empty = stopped("guard", error={"objections": [{"code": "empty_query", "sentence": ""}]})

        assert "edit_query" not in offered(large)
        assert "edit_query" in offered(empty)

    def test_raise_the_limit_from_what_it_is(self):
        way = offered(stopped("query_timeout"))["raise_time_limit"]

        assert "silent for 6 min 00 s" in way.effect
        assert (way.fields[0].value, way.fields[0].minimum, way.fields[0].maximum) == ("30", 7, 1_440)

    def test_choose_a_profile_only_where_identifiers_are_sent(self):
        given = {"counts": {"not_loaded": {}, "rejected": {}}, "error": {"refused": 20}}
        bare = stopped("several_profiles", **given)
        sending = with_template(stopped("several_profiles", **given), full_profile=True, mapping=PHONE)

        assert "handle_profiles" not in offered(bare)
        way = offered(sending)["handle_profiles"]
        assert "20 people have an address of one profile" in way.effect
        assert [choice.value for choice in way.fields[0].choices] == ["phone_number", "aside"]
