"""Reading a file, so that a slip of the pen is not taken for a wish."""

from pathlib import Path

import pytest

from api.configuration.document import parse, read
from api.configuration.errors import ConfigurationError


class TestParse:
    def test_takes_norway_for_a_country_and_not_for_false(self):
        assert parse("default_country: NO", where="x") == {"default_country": "NO"}

    @pytest.mark.parametrize("text", ["yes", "on", "2026-01-01", "010", "1_000", "1:30"])
    def test_keeps_as_text_what_yaml_would_reinterpret(self, text):
        assert parse(f"a: {text}", where="x") == {"a": text}

    def test_reads_plain_numbers_and_truth(self):
        assert parse("a: 12\nb: 0.2\nc: true\nd: false", where="x") == {
            "a": 12,
            "b": 0.2,
            "c": True,
            "d": False,
        }

    def test_refuses_a_key_that_is_written_twice(self):
        with pytest.raises(ConfigurationError, match=r"shop.yaml: line 2, column 1: “a” is written twice"):
            parse("a: 1\na: 2", where="shop.yaml")

    def test_says_where_the_text_is_not_yaml(self):
        with pytest.raises(ConfigurationError, match=r"shop.yaml: line 2"):
            parse("a: [1\nb: 2", where="shop.yaml")

    def test_makes_no_objects(self):
        with pytest.raises(ConfigurationError, match="constructor"):
            parse("a: !!python/object/apply:os.system [ls]", where="x")

    def test_takes_an_empty_file_for_nothing_to_do(self):
        assert parse("# later", where="x") == {}

    def test_refuses_a_list(self):
        with pytest.raises(ConfigurationError, match="must hold a mapping"):
            parse("- a", where="x")


class TestRead:
    def test_says_that_a_file_is_not_there(self, tmp_path: Path):
        with pytest.raises(ConfigurationError, match="no such file"):
            read(tmp_path / "shop.yaml")

    def test_says_that_a_file_is_not_text(self, tmp_path: Path):
        (tmp_path / "shop.yaml").write_bytes(b"\xff\xfe")

        with pytest.raises(ConfigurationError, match="not UTF-8"):
            read(tmp_path / "shop.yaml")
