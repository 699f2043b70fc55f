"""Somebody who has never been here mends three runs, from the list of workflows on, in one place."""

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from tests.faults.codes.provoking import keys, lists, people
from tests.faults.codes.stage import Stage
from tests.flows import world
from workflows.models import Workflow

MOST_TABS = 80


@pytest.fixture
def page(signed_in: Page, live_server: LiveServer) -> Page:
    """The browser, to be pointed at the list of workflows."""
    signed_in.set_default_navigation_timeout(20_000)
    return signed_in


def look_up(page: Page, server: LiveServer, stopped: Workflow) -> None:
    """Go from the list of workflows to the one that needs a decision, and open its resolutions."""
    page.goto(server.url + reverse("workflows:list"))
    page.locator(f"#case-{stopped.pk}").get_by_role("link", name=f"Run {stopped.number}", exact=True).click()
    page.get_by_role("button", name="Show Resolutions", exact=True).click()


def press(page: Page, word: str) -> None:
    page.get_by_role("button", name=word, exact=True).click()
    expect(page.locator(".note[role=status][data-tone=ok]")).to_be_visible()


def sees_it_verified(page: Page, stage: Stage, stopped: Workflow) -> Workflow:
    """Let the workers work; the page that is open, or the run it leads to, says what is true then."""
    last = stage.rest(stopped)
    page.reload()
    expect(page.get_by_text("List equals query").first).to_be_visible()
    assert page.url.partition("?")[0].partition("#")[0].endswith(reverse("workflows:detail", args=[last.pk]))
    assert last.is_verified
    return last


class TestByMouse:
    def test_pastes_a_key(self, stage: Stage, page: Page, live_server: LiveServer):
        stopped = keys.revoked(stage)

        look_up(page, live_server, stopped)
        page.get_by_label("New private API key").fill(stage.klaviyo.new_key())
        press(page, "Resolve")

        last = sees_it_verified(page, stage, stopped)
        assert last.pk == stopped.pk
        assert len(stage.on_list(last)) == 3

    def test_deletes_a_list_that_nobody_needs(self, stage: Stage, page: Page, live_server: LiveServer):
        stopped = lists.too_many(stage)

        look_up(page, live_server, stopped)
        way = page.get_by_role("form", name="Delete lists and segments that nobody needs")
        way.get_by_role("searchbox").fill(lists.SPARE)
        way.get_by_label(lists.SPARE, exact=True).check()
        way.get_by_label("Type DELETE").fill("DELETE")
        press(page, "Resolve")

        last = sees_it_verified(page, stage, stopped)
        names = {each["name"] for each in stage.klaviyo.lists()}
        assert lists.SPARE not in names
        assert world.LIST in names
        assert len(stage.on_list(last)) == 3

    def test_says_which_country_numbers_are_of(self, stage: Stage, page: Page, live_server: LiveServer):
        stopped = people.national_phones(people.MANY)(stage)

        look_up(page, live_server, stopped)
        page.get_by_label("Country of numbers without a country code").select_option("SE")
        expect(page.get_by_text("12 of 12 rows can be converted")).to_be_visible()
        press(page, "Resolve")

        last = sees_it_verified(page, stage, stopped)
        assert len(stage.on_list(last)) == people.ROWS
        assert stage.klaviyo.profile("person3@example.org")["phone_number"] == "+46701740603"


class TestByKeyboard:
    def test_pastes_a_key(self, stage: Stage, page: Page, live_server: LiveServer):
        stopped = keys.revoked(stage)
        new_key = stage.klaviyo.new_key()
        page.goto(live_server.url + reverse("workflows:list"))

        tab_to(
            page, f"element.textContent === 'Run {stopped.number}' && element.closest('#case-{stopped.pk}')"
        )
        with page.expect_navigation():
            page.keyboard.press("Enter")
        tab_to(page, "element.id === 'show-resolutions'")
        page.keyboard.press("Enter")
        tab_to(page, "element.id === 'replace_key-key'")
        page.keyboard.insert_text(new_key)
        tab_to(page, "element.type === 'submit' && element.textContent.startsWith('Resolve')")
        with page.expect_navigation():
            page.keyboard.press("Enter")
        expect(page.locator(".note[role=status][data-tone=ok]")).to_be_visible()

        assert sees_it_verified(page, stage, stopped).pk == stopped.pk


def tab_to(page: Page, condition: str) -> None:
    """Press Tab until the focus is on what fulfils `condition`, an expression about `element`."""
    for _ in range(MOST_TABS):
        if page.evaluate(f"(() => {{ const element = document.activeElement; return !!({condition}) }})()"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"no Tab leads to where {condition}")
