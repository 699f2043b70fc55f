"""What may be chosen about files, how Klaviyo's and others look, and what they are named."""

import re

import pytest

from destinations import csv_file, file_choices, sftp_files
from destinations.csv_file import CannotWrite, Column
from destinations.file_choices import BadChoice
from destinations.klaviyo import sftp_import

WORKFLOW = "1a2b3c4d-5e6f-7081-92a3-b4c5d6e7f809"
TIER = {"column": "tier", "target": "properties.Tier", "type": "text"}
PLAIN = sftp_import.choices({})


def field(target: str, kind: str = "text") -> dict[str, str]:
    return {"column": "c", "target": target, "type": kind}


def headers(*targets: str, list_id: str = "AbC123", **sftp: object) -> list[str]:
    choices = sftp_import.choices({"sftp": sftp})
    found = sftp_import.layout(
        [field(target) for target in targets], list_id=list_id, full_profile=True, choices=choices
    )
    return [column.header for column in found.columns]


class TestChoices:
    def test_have_defaults_for_everything_klaviyo_does_not_tell(self):
        assert PLAIN == sftp_import.DEFAULTS
        assert (PLAIN.folder, PLAIN.part_rows, PLAIN.part_bytes) == ("profiles", 50_000, 64 << 20)
        assert (PLAIN.wait_minutes, PLAIN.list_column, PLAIN.staging) == (60, "List ID", False)

    def test_are_what_the_settings_say(self):
        given = {"folder": "in/profiles", "part_rows": 10, "headers": {"first_name": "First Name"}}

        found = sftp_import.choices({"sftp": given})

        assert (found.folder, found.part_rows) == ("in/profiles", 10)
        assert found.headers == {"first_name": "First Name"}

    @pytest.mark.parametrize(
        ("given", "sentence"),
        [
            ({"parts": 3}, "“parts” is no setting"),
            ({"part_rows": 0}, "whole number from 1"),
            ({"part_rows": True}, "whole number"),
            ({"part_bytes": 10}, "whole number from 65,536"),
            ({"wait_minutes": "60"}, "whole number"),
            ({"folder": ""}, "folder is a text"),
            ({"folder": "../profiles"}, "“..”"),
            ({"folder": "pro\nfiles"}, "control character"),
            ({"staging": "yes"}, "true or false"),
            ({"headers": ["first_name"]}, "from a field"),
            ({"headers": {"first_name": " First"}}, "white space"),
            ({"headers": {"email": "E-Mail"}}, "always goes under “Email”"),
            ({"headers": {"shoe_size": "Shoe"}}, "no field"),
            ({"list_column": ""}, "not an empty one"),
        ],
    )
    def test_are_refused_in_a_sentence(self, given, sentence):
        with pytest.raises(BadChoice, match=re.escape(sentence)):
            sftp_import.choices({"sftp": given})


class TestKlaviyoLayout:
    def test_names_the_identifiers_as_klaviyo_does_and_the_list_last(self):
        found = headers("phone_number", "external_id", "properties.Tier", "properties.Last order")

        assert found == ["Email", "PhoneNumber", "ExternalID", "Tier", "Last order", "List ID"]

    def test_sends_addresses_alone_without_the_full_profile(self):
        found = sftp_import.layout([TIER], list_id="AbC123", full_profile=False, choices=PLAIN)

        assert found.columns == (Column("Email", "email"), Column("List ID", None, constant="AbC123"))

    def test_puts_nobody_on_a_list_without_its_id(self):
        assert headers("properties.Tier", list_id="") == ["Email", "Tier"]

    def test_takes_the_address_once_when_the_mapping_names_its_column(self):
        assert headers("email", "properties.Tier") == ["Email", "Tier", "List ID"]

    @pytest.mark.parametrize("target", ["first_name", "location.city", "title"])
    def test_refuses_a_standard_field_whose_header_nobody_knows(self, target):
        assert target in sftp_import.problem([field(target)], True, PLAIN)
        assert sftp_import.problem([field(target)], False, PLAIN) == ""

    def test_sends_a_standard_field_under_the_header_it_was_given(self):
        assert headers("first_name", headers={"first_name": "First Name"}) == [
            "Email",
            "First Name",
            "List ID",
        ]

    @pytest.mark.parametrize(
        "name",
        ["Email", "email", "E-Mail", "List ID", "list_id", "PhoneNumber", "First Name", "$email", "City"],
    )
    def test_refuses_a_property_that_could_be_taken_for_klaviyos_own(self, name):
        assert f"“{name}”" in sftp_import.problem([field(f"properties.{name}")], True, PLAIN)

    def test_sends_such_a_property_when_a_person_says_that_it_works(self):
        assert headers("properties.City", headers={"properties.City": "City"}) == ["Email", "City", "List ID"]

    def test_refuses_two_columns_of_one_name(self):
        given = {"first_name": "Tier"}

        with pytest.raises(CannotWrite, match="“Tier”"):
            headers("first_name", "properties.Tier", headers=given)

    def test_makes_a_file_that_can_be_written(self):
        layout = sftp_import.layout([TIER], list_id="AbC123", full_profile=True, choices=PLAIN)

        assert csv_file.header(layout) == b"Email,Tier,List ID\n"


class TestGeneralLayout:
    def test_names_columns_by_their_targets(self):
        mapping = [field("Customer no"), field("phone_number"), field("email")]

        found = sftp_files.layout(mapping, full_profile=True, choices=sftp_files.choices({}))

        assert [column.header for column in found.columns] == ["Email", "Customer no", "phone_number"]

    def test_lets_the_address_be_named_too(self):
        choices = sftp_files.choices({"sftp": {"headers": {"email": "E-post", "phone_number": "Tel"}}})

        found = sftp_files.layout([field("phone_number")], full_profile=True, choices=choices)

        assert csv_file.header(found) == b"E-post,Tel\n"

    def test_refuses_two_columns_of_one_name(self):
        assert "“Email”" in sftp_files.problem(
            [field("Address")], True, sftp_files.choices({"sftp": {"headers": {"Address": "Email"}}})
        )

    @pytest.mark.parametrize("target", ["key", "Row_No", "EMAIL"])
    def test_refuses_names_that_rows_have_already(self, target):
        assert "a name that rows have here already" in sftp_files.problems([field(target)])[0]

    def test_refuses_a_mapping_in_sentences(self):
        mapping = [field("A"), field("a"), field("B", "money"), field("phone_number", "number")]

        assert len(sftp_files.problems(mapping)) == 3
        assert sftp_files.problems([field("A")], columns=["x"]) == ['The query has no column "c".']

    def test_expects_one_file_and_does_not_wait(self):
        choices = sftp_files.choices({})

        assert (choices.part_rows, choices.part_bytes, choices.staging) == (5_000_000, 2 << 30, True)
        with pytest.raises(BadChoice, match="wait_minutes"):
            sftp_files.choices({"sftp": {"wait_minutes": 5}})


class TestFileName:
    def test_is_the_same_for_the_same_part(self):
        names = {
            file_choices.file_name(list_name="VIP customers", workflow=WORKFLOW, part=1, parts=6)
            for _ in range(3)
        }

        assert names == {"vip-customers-1a2b3c4d-part-001-of-006.csv"}

    def test_differs_for_every_part_round_and_attempt(self):
        names = [
            file_choices.file_name(
                list_name="VIP", workflow=WORKFLOW, round=round_, part=part, parts=2, attempt=attempt
            )
            for round_ in (0, 1)
            for part in (1, 2)
            for attempt in (1, 2)
        ]

        assert len(set(names)) == 8
        assert "vip-1a2b3c4d-part-002-of-002-again-1-try-2.csv" in names

    @pytest.mark.parametrize(
        ("list_name", "slug"),
        [
            ("Kundinnen in Köln", "kundinnen-in-koln"),
            ("../../etc/passwd", "etc-passwd"),
            ("漢字", "list"),
            ("For ada@example.org only", "for-only"),
            ("x" * 200, "x" * 40),
            ("a\x00\nb", "a-b"),
        ],
    )
    def test_is_plain_and_names_no_person(self, list_name, slug):
        found = file_choices.file_name(list_name=list_name, workflow=WORKFLOW)

        assert found == f"{slug}-1a2b3c4d-part-001-of-001.csv"

    @pytest.mark.parametrize("given", [{"part": 0}, {"part": 3, "parts": 2}, {"attempt": 0}, {"round": -1}])
    def test_is_refused_to_a_part_that_cannot_be(self, given):
        with pytest.raises(ValueError, match="no such part"):
            file_choices.file_name(list_name="VIP", workflow=WORKFLOW, **given)
