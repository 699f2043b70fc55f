"""The example with real-looking people: 59 customers in 24 countries, phones as people write them."""

import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from simulator.control import Account
from tests.api.shop import command

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).resolve().parents[2]
NAME = "Chinook customers"


@pytest.fixture
def music_shop(tmp_path: Path, klaviyo: Account, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example as it comes along, on a copy of its database; the path is that copy."""
    monkeypatch.setenv("KLAVIYO_API_KEY", klaviyo.key)
    for name in ("examples/chinook.yaml", "data/chinook/chinook.sqlite"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, tmp_path / name)
    assert command("apply", str(tmp_path / "examples/chinook.yaml")).code == 0
    return tmp_path / "data/chinook/chinook.sqlite"


def run() -> dict[str, Any]:
    ended = command("run", NAME, "--wait", "--json")
    assert ended.code == 0, ended.out + ended.err
    return ended.json


def change(database: Path, sql: str) -> None:
    with sqlite3.connect(database) as connection:
        connection.execute(sql)
    connection.close()


def sums(counts: dict[str, Any]) -> tuple[int, int, int, int, int]:
    return tuple(counts[name] for name in ("added", "removed", "updated", "unchanged", "kept_out"))  # type: ignore[return-value]


class TestChinook:
    def test_makes_a_full_profile_list_and_follows_what_changes(self, music_shop: Path, klaviyo: Account):
        first = run()

        # One address is beyond ASCII before its @, and one phone has a digit too many.
        assert first["counts"]["not_loaded"] == {"email_invalid": 1, "phone_invalid": 1}
        assert sums(first["counts"]) == (57, 0, 0, 0, 0)
        profile = klaviyo.profile("bjorn.hansen@yahoo.no")
        assert profile["phone_number"] == "+4722442222"
        assert profile["location"]["country"] == "Norway"
        assert profile["properties"]["Invoices"] == 7

        change(music_shop, "UPDATE Customer SET City = upper(City) WHERE Country = 'France'")
        klaviyo.add(NAME, "stranger@example.org")
        klaviyo.unsubscribe(NAME, "bjorn.hansen@yahoo.no")
        second = run()

        assert sums(second["counts"]) == (0, 1, 5, 51, 1)
        assert klaviyo.profile("camille.bernard@yahoo.fr")["location"]["city"] == "PARIS"
        assert "stranger@example.org" not in klaviyo.members(NAME)
        assert "bjorn.hansen@yahoo.no" not in klaviyo.members(NAME)

        klaviyo.forget_log()
        third = run()

        assert sums(third["counts"]) == (0, 0, 0, 56, 1)
        assert klaviyo.writes() == []
