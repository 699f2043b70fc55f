"""What a file may say, and the sentences for what it may not."""

from pathlib import Path
from string import Template
from typing import Any

import pytest
from pydantic import ValidationError

from api.configuration import document
from api.configuration.problems import sentences
from api.configuration.schema import Configuration

ROOT = Path(__file__).resolve().parents[3]


def problems(**sections: Any) -> list[str]:
    try:
        Configuration.model_validate(sections)
    except ValidationError as error:
        return sentences(error)
    return []


class TestConfiguration:
    def test_takes_a_file_that_says_nothing(self):
        assert problems() == []

    def test_names_the_path_of_an_unknown_key_and_what_was_meant(self):
        found = problems(queries={"VIP": {"source": "Shop", "sql": "SELECT 1", "stop_bellow": 3}})

        assert found == ["queries › VIP › stop_bellow: unknown key. Did you mean “stop_below”?"]

    def test_names_the_keys_there_are_when_none_is_near(self):
        assert problems(things={}) == [
            "things: unknown key. Known here: credentials, sources, queries, destinations, data_templates, "
            "orchestrations."
        ]

    def test_looks_into_mappings_and_guards(self):
        template = {
            "destination": "K",
            "list_name": "VIP",
            "mapping": {"first_name": {"column": "a", "typ": "text"}},
        }
        orchestration = {"query": "Q", "data_template": "T", "guards": {"max_remove": 5}}

        found = problems(data_templates={"T": template}, orchestrations={"O": orchestration})

        assert found == [
            "data_templates › T › mapping › first_name › typ: unknown key. Did you mean “type”?",
            "orchestrations › O › guards › max_remove: unknown key. Did you mean “max_removed”?",
        ]

    def test_tells_everything_that_is_wrong_at_once(self):
        found = problems(
            credentials={"Shop": {"kind": "klavio"}},
            queries={"VIP": {"sql": "SELECT 1", "default_country": "de", "warn_below": -1}},
        )

        assert found == [
            "credentials › Shop › kind: must be one of 'klaviyo_api_key', 'database_password', "
            "'klaviyo_sftp', 'sftp'.",
            "queries › VIP › source: is missing.",
            "queries › VIP › default_country: must be a country as two capital letters, such as DE.",
            "queries › VIP › warn_below: must be at least 0.",
        ]

    def test_repeats_no_value(self):
        found = problems(credentials={"Shop": {"kind": "pk_secret", "secret": ["pk_secret"]}})

        assert found
        assert "pk_secret" not in " ".join(found)


class TestSource:
    @pytest.mark.parametrize(
        ("given", "sentence"),
        [
            ({"kind": "sqlite"}, "a sqlite source needs path"),
            ({"kind": "sqlite", "path": "a", "host": "b"}, "a sqlite source takes no host"),
            ({"kind": "postgresql", "host": "db"}, "a postgresql source needs database and user"),
            ({"kind": "files"}, "a files source needs either path or files"),
        ],
    )
    def test_needs_what_its_kind_needs_and_nothing_else(self, given, sentence):
        assert problems(sources={"Shop": given}) == [f"sources › Shop: {sentence}."]


class TestQuery:
    def test_needs_its_sql_once(self):
        both = {"source": "Shop", "sql": "SELECT 1", "sql_file": "vip.sql"}

        assert problems(queries={"VIP": both}) == ["queries › VIP: a query needs either sql or sql_file."]

    def test_leaves_room_between_its_stops(self):
        given = {"source": "Shop", "sql": "SELECT 1", "stop_below": 10, "stop_above": 5}

        assert "so that no size could pass" in problems(queries={"VIP": given})[0]


class TestDataTemplate:
    def test_takes_a_bare_column_for_a_text(self):
        template = {"destination": "K", "list_name": "VIP", "mapping": {"first_name": "FirstName"}}

        found = Configuration.model_validate({"data_templates": {"T": template}})

        mapped = found.data_templates["T"].mapping["first_name"]
        assert (mapped.column, mapped.type) == ("FirstName", "text")


class TestExamples:
    def test_what_the_documentation_shows_is_valid(self):
        page = (ROOT / "docs" / "configuration.md").read_text()
        example = page.partition("```yaml\n")[2].partition("```")[0]

        assert problems(**document.parse(example, where="docs")) == []

    def test_what_comes_along_is_valid(self):
        assert problems(**document.read(ROOT / "examples" / "chinook.yaml")) == []

    def test_the_demo_s_is_valid_once_it_says_where_files_go(self):
        example = Template((ROOT / "examples" / "demo.yaml").read_text())
        pin = "ssh-ed25519 SHA256:" + "A" * 43
        text = example.substitute(sftp_host="h", sftp_port=22, sftp_user="u", sftp_host_key=pin)

        assert problems(**document.parse(text, where="demo.yaml")) == []
