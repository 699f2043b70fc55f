"""A company and its Klaviyo for every flow test."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from destinations import lists
from simulator.control import Account
from tests.flows.world import HurriedClock, World
from workflows import forecasts, lease

BY_FILE = {"path": "sftp"}
FREE = {"approve_first_run": False, "max_removed_share": 1.0}


@pytest.fixture
def world(transactional_db: None, klaviyo: Account, tmp_path: Path, settings: Any) -> Callable[..., World]:
    """Make a world; at most one a test."""
    settings.KLAVIYO_API_URL = klaviyo.simulator.url
    return lambda **given: World(klaviyo=klaviyo, folder=tmp_path / "company", **given)


@pytest.fixture
def by_file(world: Callable[..., World]) -> Callable[..., World]:
    """Make a world whose data template sends by SFTP, unguarded, with a clock that waits quickly."""

    def make(**given: Any) -> World:
        given = {"template": BY_FILE, "sftp": {}, "guards": FREE, "clock": HurriedClock(), **given}
        return world(**given)

    return make


@pytest.fixture(autouse=True)
def imports_even_for_few(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A handful of people stands for many here and goes by import job; `one_by_one` tests the other way."""
    if not request.node.get_closest_marker("one_by_one"):
        monkeypatch.setattr(forecasts, "MOST_SINGLE", 0)


@pytest.fixture(autouse=True)
def short_doubts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request without an answer may have a late effect for a second here, not for a minute and more."""
    monkeypatch.setattr(lease, "AMBIGUITY", timedelta(seconds=1))
    monkeypatch.setattr(lists, "CREATION_SETTLES", timedelta(seconds=2))
