"""A shop whose key opens an account of the simulator."""

from pathlib import Path

import pytest

from simulator.control import Account
from tests.api.shop import PEOPLE, Shop


@pytest.fixture
def shop(tmp_path: Path, klaviyo: Account, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setenv("SHOP_KEY", klaviyo.key)
    made = Shop(tmp_path)
    made.has(PEOPLE)
    made.says()
    return made
