"""The stage of every scenario."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

from accounts.models import User
from simulator.control import Account, Simulator
from tests.faults.codes.desks import CodeDesk, Desk, PageDesk
from tests.faults.codes.stage import LeapingClock, Stage
from tests.flows.conftest import imports_even_for_few, short_doubts, world
from tests.flows.world import World

# The whole table takes minutes: the everyday suite plays what a newcomer would, and holds it complete.
collect_ignore = [] if os.environ.get("CODES_ROWS") else ["test_table.py"]
__all__ = ["desk", "imports_even_for_few", "short_doubts", "signed_in", "stage", "world"]


@pytest.fixture
def desk(request: pytest.FixtureRequest, stage: Stage) -> Desk:
    """The page in a browser; `DESK=code` sits at the functions behind it instead."""
    if os.environ.get("DESK") == "code":
        return CodeDesk(stage.ada)
    return PageDesk(request.getfixturevalue("signed_in"), request.getfixturevalue("live_server").url)


@pytest.fixture
def signed_in(live_server: LiveServer, browser_page: Page, stage: Stage) -> Page:
    """A page that is signed in as Ada, who may do everything."""
    client = Client()
    client.force_login(stage.ada)
    cookie = client.cookies[django_settings.SESSION_COOKIE_NAME]
    browser_page.context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": live_server.url}])
    return browser_page


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
