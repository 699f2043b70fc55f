"""The stage of every scenario."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from accounts.models import User
from simulator.control import Account, Simulator
from tests.faults.codes.stage import LeapingClock, Stage
from tests.flows.conftest import imports_even_for_few, short_doubts, world
from tests.flows.world import World

__all__ = ["imports_even_for_few", "short_doubts", "stage", "world"]


@pytest.fixture
def stage(
    world: Callable[..., World],
    klaviyo: Account,
    simulator: Simulator,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Iterator[Stage]:
    ada = User.objects.create_superuser("ada", password="a long enough passphrase")
    clock = LeapingClock()
    clock.rule(monkeypatch)
    with ExitStack() as closing:
        yield Stage(
            make=world,
            klaviyo=klaviyo,
            simulator=simulator,
            settings=settings,
            monkeypatch=monkeypatch,
            openssh=lambda: request.getfixturevalue("openssh"),
            ada=ada,
            clock=clock,
            closing=closing,
        )
