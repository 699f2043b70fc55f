"""A browser opens every page: no accessibility fault, nothing wider than a phone, and it lives."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse

from tests.pages.conftest import every_page
from workflows.models import Workflow

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]

PHONE = {"width": 390, "height": 844}


@pytest.mark.parametrize("theme", ["light", "dark"])
class TestEveryPage:
    def test_has_no_accessibility_fault(self, browsing, live_server, world, theme):
        browsing.emulate_media(color_scheme=theme, reduced_motion="reduce")
        faults = {}

        for name, url in every_page(world).items():
            browsing.goto(live_server.url + url)
            found = Axe().run(browsing).response["violations"]
            if found:
                faults[name] = [(each["id"], each["nodes"][0]["html"][:200]) for each in found]

        assert faults == {}

    def test_signing_in_has_no_accessibility_fault(self, browser_page, live_server, settings, theme):
        settings.DEMO = True
        browser_page.emulate_media(color_scheme=theme)

        browser_page.goto(live_server.url + reverse("accounts:sign-in"))

        assert Axe().run(browser_page).response["violations"] == []


class TestOnAPhone:
    def test_nothing_is_wider_than_the_screen(self, browsing, live_server, world):
        browsing.set_viewport_size(PHONE)
        wide = {}

        for name, url in every_page(world).items():
            browsing.goto(live_server.url + url)
            over = browsing.evaluate("document.documentElement.scrollWidth - innerWidth")
            if over > 0:
                wide[name] = over

        assert wide == {}


class TestAlive:
    def test_follows_a_workflow_to_its_end_and_keeps_what_is_open(self, browsing, live_server, world):
        running = world.workflows["running"]
        browsing.goto(live_server.url + reverse("workflows:detail", args=[running.pk]))
        browsing.get_by_role("button", name="Stop", exact=True).first.click()

        Workflow.objects.filter(pk=running.pk).update(message="Waits a little.", row_version=5)
        browsing.get_by_text("Waits a little.").wait_for()
        assert browsing.locator("dialog#stop").evaluate("dialog => dialog.open")

        browsing.keyboard.press("Escape")
        Workflow.objects.filter(pk=running.pk).update(state="cancelled", row_version=6)
        browsing.locator(".page-head").get_by_text("Stopped").wait_for()
        assert browsing.locator("#workflow[hx-get]").count() == 0

    def test_approves_a_plan_after_its_numbers_were_shown(self, browsing, live_server, world):
        held = world.workflows["held"]
        browsing.goto(live_server.url + reverse("workflows:detail", args=[held.pk]))

        browsing.get_by_role("button", name="Approve this plan").click()
        assert browsing.locator("dialog#approve").get_by_text("−30").is_visible()
        browsing.get_by_role("button", name="Approve 1,270 changes").click()

        browsing.get_by_text("The plan was approved").wait_for()
        held.refresh_from_db()
        assert held.state == "queued"

    def test_keeps_the_theme_that_was_chosen(self, browsing, live_server, world):
        browsing.emulate_media(color_scheme="light")
        browsing.goto(live_server.url + reverse("overview"))

        browsing.get_by_role("button", name="Switch between light and dark").click()
        browsing.goto(live_server.url + reverse("workflows:list"))

        assert browsing.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"

    def test_is_used_by_keyboard_alone(self, browsing, live_server, world):
        browsing.goto(live_server.url + reverse("workflows:list"))

        browsing.keyboard.press("Tab")
        assert browsing.evaluate("document.activeElement.textContent") == "Skip to the page"
        browsing.keyboard.press("Enter")
        browsing.keyboard.press("/")
        browsing.keyboard.type("held")
        browsing.keyboard.press("Enter")

        browsing.wait_for_url("**q=held**")
        assert browsing.locator("tr[id^=row-]").count() == 1
