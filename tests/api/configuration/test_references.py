"""Secrets and files that a configuration points to."""

from pathlib import Path

import pytest

from api.configuration.references import Unresolved, resolved, secret

KEY = "pk_" + "0123456789abcdef" * 2 + "01"


class TestSecret:
    def test_reads_the_environment(self, tmp_path: Path):
        assert secret("env:SHOP_KEY", folder=tmp_path, environment={"SHOP_KEY": KEY}) == KEY

    def test_names_the_variable_that_is_missing(self, tmp_path: Path):
        with pytest.raises(Unresolved, match="environment variable SHOP_KEY is not set"):
            secret("env:SHOP_KEY", folder=tmp_path, environment={})

    def test_reads_a_file_beside_the_configuration_less_its_last_line_break(self, tmp_path: Path):
        (tmp_path / "shop.key").write_text(f"{KEY}\n")

        assert secret("file:shop.key", folder=tmp_path, environment={}) == KEY

    def test_says_which_file_is_not_there(self, tmp_path: Path):
        with pytest.raises(Unresolved, match=r"the file shop.key: no such file"):
            secret("file:shop.key", folder=tmp_path, environment={})

    @pytest.mark.parametrize("written_out", [KEY, "env:", "vault:shop"])
    def test_refuses_a_secret_written_out_without_repeating_it(self, tmp_path: Path, written_out: str):
        with pytest.raises(Unresolved, match="never written into the file") as refused:
            secret(written_out, folder=tmp_path, environment={})

        assert KEY not in str(refused.value)


class TestResolved:
    def test_starts_at_the_folder_of_the_file(self, tmp_path: Path):
        found = resolved("../data/shop.sqlite", folder=tmp_path / "examples")

        assert found == str(tmp_path / "data/shop.sqlite")
