"""What stands around a test: a browser, and Klaviyo in a box at the wire."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from tests import browser


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
