"""What stands around a test: a browser, Klaviyo in a box at the wire, and OpenSSH's server."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from simulator.control import Account, Simulator
from tests import browser, sshd


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, started once for each worker."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=browser.chromium(), args=list(browser.FLAGS))
        yield started
        started.close()


@pytest.fixture
def browser_context(chromium: Browser) -> Iterator[BrowserContext]:
    """A browser that nobody has used before; it can reach this machine only."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB")
    context.route(lambda url: not browser.is_local(url), lambda route: route.abort())
    context.set_default_timeout(10_000)
    yield context
    context.close()


@pytest.fixture
def browser_page(browser_context: BrowserContext) -> Iterator[Page]:
    """A page; at the end it must have met no error of a script and no refusal of the content policy."""
    page = browser_context.new_page()
    problems: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            problems.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: problems.append(str(error)))
    yield page
    assert problems == []


@pytest.fixture(scope="session")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """Klaviyo in a box, once for each worker; without its limits unless an account asks for them."""
    with Simulator.start(tmp_path_factory.mktemp("klaviyo"), limits=False) as started:
        yield started


@pytest.fixture
def klaviyo(simulator: Simulator, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """An empty account that the product under test, and every process it starts, takes for Klaviyo.

    At the end, no request may have differed from what Klaviyo's own document allows, save those that a test
    said it expects.
    """
    settings.KLAVIYO_API_URL = simulator.url
    monkeypatch.setenv("KLAVIYO_API_URL", simulator.url)
    account = simulator.account()
    yield account
    account.clear_faults()
    assert account.deviations() == []


@pytest.fixture(scope="session")
def openssh_server() -> sshd.OpenSSH:
    """OpenSSH's own server, once for each worker; it ends with the process."""
    return sshd.start()


@pytest.fixture
def openssh(openssh_server: sshd.OpenSSH) -> Iterator[sshd.OpenSSH]:
    """OpenSSH's own server with empty folders, opened by one key."""
    yield openssh_server
    openssh_server.reset()
