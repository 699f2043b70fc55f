"""The panel, the requests and the list in a browser: no accessibility fault, a phone wide, by keyboard."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse
from playwright.sync_api import Page, expect

from credentials import vault
from simulator.control import Account
from tests.pages import deliveries
from tests.pages.world import World, a_workflow
from workflows.models import Orchestration, Workflow

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]

PHONE = {"width": 390, "height": 844}


@pytest.fixture
def places(world: World) -> dict[str, str]:
    """The address of each state of a page that this file looks at."""
    made = deliveries.build(world)
    Orchestration.objects.filter(pk=world.orchestration.pk).update(is_active=False)
    refused = reverse("workflows:detail", args=[made["refused key"].pk])
    return {
        "delivering": reverse("workflows:detail", args=[made["delivering"].pk]),
        "panel": f"{refused}#resolutions",
        "panel of a reason": f"{refused}?reason=phone_no_country#resolutions-phone_no_country",
        "held, with its panel": reverse("workflows:detail", args=[world.workflows["held"].pk])
        + "#resolutions",
        "list": reverse("workflows:list"),
        "list, filtered and sorted": reverse("workflows:list")
        + f"?since=week&kind=manual&sort=took&destination={world.destination.pk}",
        "list without a match": reverse("workflows:list") + "?q=nothing+is+called+so",
    }


@pytest.mark.parametrize("theme", ["light", "dark"])
class TestEveryState:
    def test_has_no_accessibility_fault(self, browsing, live_server, places, theme):
        browsing.emulate_media(color_scheme=theme, reduced_motion="reduce")
        faults = {}

        for name, url in places.items():
            _open(browsing, live_server.url + url)
            if found := Axe().run(browsing).response["violations"]:
                faults[name] = [(each["id"], each["nodes"][0]["html"][:200]) for each in found]

        assert faults == {}


class TestOnAPhone:
    def test_nothing_is_wider_than_the_screen(self, browsing, live_server, places):
        browsing.set_viewport_size(PHONE)
        wide = {}

        for name, url in places.items():
            _open(browsing, live_server.url + url)
            if (over := browsing.evaluate("document.documentElement.scrollWidth - innerWidth")) > 0:
                wide[name] = over

        assert wide == {}


class TestPanel:
    def test_opens_on_a_press_and_shows_the_way_that_is_chosen(self, browsing, live_server, places):
        _open(browsing, live_server.url + places["panel"].partition("#")[0])
        panel = browsing.locator("#resolutions")
        expect(panel).to_be_hidden()

        browsing.locator("#show-resolutions").click()
        expect(panel).to_be_visible()
        expect(browsing.locator("#show-resolutions")).to_have_attribute("aria-expanded", "true")
        expect(browsing.get_by_label("New private API key")).to_be_visible()
        browsing.get_by_label("Restart the workflow").first.check()

        expect(browsing.get_by_label("New private API key")).to_be_hidden()
        expect(browsing.get_by_role("button", name="Continue", exact=True)).to_be_visible()

    def test_keeps_what_is_typed_while_the_page_follows_the_run(self, browsing, live_server, places, world):
        _open(browsing, live_server.url + places["panel"])
        browsing.get_by_label("New private API key").fill("pk_half")
        browsing.get_by_label("Restart the workflow").first.check()
        refused = Workflow.objects.get(list_key="VIP", state="paused")
        with browsing.expect_response(
            lambda answer: "/progress/" in answer.url and answer.status == 200, timeout=20_000
        ):
            deliveries.tell(refused, 9, "Somebody looked.")

        browsing.get_by_text("Somebody looked.").wait_for()
        expect(browsing.locator("#resolutions")).to_be_visible()
        expect(browsing.get_by_label("Restart the workflow").first).to_be_checked()
        assert browsing.locator("#replace_key-key").input_value() == "pk_half"

    def test_of_a_reason_is_fetched_when_it_is_wanted(self, browsing, live_server, places):
        _open(browsing, live_server.url + places["panel"].partition("#")[0])

        browsing.locator('[data-opens="resolutions-phone_no_country"]').click()

        panel = browsing.locator("#resolutions-phone_no_country")
        expect(panel.locator("input[name=resolution]").first).to_be_visible()

    def test_stands_open_without_a_script(self, chromium, live_server, browsing, places):
        context = chromium.new_context(
            java_script_enabled=False, storage_state=browsing.context.storage_state()
        )
        page = context.new_page()
        page.goto(live_server.url + places["panel"])

        expect(page.locator("#resolutions")).to_be_visible()
        expect(page.locator("#show-resolutions")).to_be_hidden()
        page.get_by_label("Restart the workflow").first.check()
        page.get_by_role("button", name="Continue", exact=True).click()
        expect(page.get_by_text("Follows run").first).to_be_visible()
        context.close()


class TestRequests:
    def test_are_fetched_when_a_step_is_opened(self, browsing, live_server, places):
        _open(browsing, live_server.url + places["delivering"])

        browsing.locator("details.step", has_text="batch 4").locator("summary").click()

        opened = browsing.locator("details.step", has_text="batch 4")
        expect(opened.get_by_text("asked to wait")).to_be_visible()
        expect(opened.get_by_text("Retry-After")).to_be_visible()


class TestList:
    def test_filters_by_a_menu_and_keeps_the_rest(self, browsing, live_server, places):
        _open(browsing, live_server.url + places["list"] + "?state=verified")

        browsing.get_by_role("button", name="Started").click()
        browsing.get_by_role("link", name="Last 24 hours").click()

        browsing.wait_for_url("**since=day**")
        assert "state=verified" in browsing.url
        assert browsing.locator("tr[id^=row-]").count() == 2
        browsing.get_by_role("link", name="Started: Last 24 hours").click()
        browsing.wait_for_url(lambda url: "since" not in url)

    def test_sorts_and_keeps_its_address_while_it_follows(self, browsing, live_server, places):
        _open(browsing, live_server.url + places["list"])
        browsing.get_by_role("link", name="Took").click()
        browsing.wait_for_url("**sort=-took**")
        expect(browsing.get_by_role("columnheader", name="Took")).to_have_attribute("aria-sort", "descending")
        first = browsing.locator("tr[id^=row-]").first.get_attribute("id")

        with browsing.expect_response(
            lambda answer: "/rows/" in answer.url and answer.status == 200, timeout=20_000
        ):
            Workflow.objects.filter(list_key="queued").update(state="cancelled", row_version=3)

        browsing.get_by_text("Stopped or failed 5").wait_for()
        assert browsing.locator("tr[id^=row-]").first.get_attribute("id") == first

    def test_leads_from_a_case_to_the_way_it_names(self, browsing, live_server, places):
        _open(browsing, live_server.url + places["list"])

        browsing.get_by_role("button", name="Other ways out for VIP, nightly, run 30").click()
        browsing.get_by_role("link", name="Restart the workflow").click()

        browsing.wait_for_url("**way=restart#resolutions")
        expect(browsing.locator("#resolutions input[value=restart]")).to_be_checked()
        expect(browsing.get_by_role("button", name="Continue", exact=True)).to_be_in_viewport()


class TestByKeyboard:
    def test_a_key_is_replaced_with_tab_arrows_and_enter_alone(
        self, browsing, live_server, world, klaviyo: Account
    ):
        workflow = _stopped_at(world, klaviyo)
        browsing.goto(live_server.url + reverse("workflows:list"))
        new_key = klaviyo.new_key()

        _tab_to(browsing, "document.activeElement.textContent.startsWith('Replace the key')")
        browsing.keyboard.press("Enter")
        browsing.wait_for_url("**#resolutions")
        _tab_to(browsing, "document.activeElement.value === 'replace_key'")
        browsing.keyboard.press("ArrowDown")
        expect(browsing.get_by_label("New private API key")).to_be_hidden()
        browsing.keyboard.press("ArrowUp")
        browsing.keyboard.press("Tab")
        browsing.keyboard.type("pk_" + "0" * 34)
        browsing.keyboard.press("Enter")

        wrong = browsing.locator("#replace_key-key[aria-invalid=true]")
        expect(wrong).to_be_focused()
        assert wrong.input_value() == ""
        browsing.keyboard.type(new_key)
        browsing.keyboard.press("Tab")
        browsing.keyboard.press("Enter")

        browsing.locator(".note[data-tone=ok]").wait_for()
        workflow.refresh_from_db()
        assert workflow.state == "queued"
        world.credential.refresh_from_db()
        assert vault.reveal(world.credential) == new_key


def _stopped_at(world: World, klaviyo: Account) -> Workflow:
    """A run that stopped because the simulated Klaviyo takes its key no more; the only one that waits."""
    Workflow.objects.filter(state="paused").update(state="cancelled")
    for row in (world.credential, world.destination):
        row.account_id, row.account_name = klaviyo.id, klaviyo.name
        row.save(update_fields=["account_id", "account_name"])
    return a_workflow(
        world,
        state="paused",
        list_key="VIP",
        account_id=klaviyo.id,
        code="invalid_credentials",
        message="Klaviyo rejected the key of credential “Shop EU” (401).",
    )


def _tab_to(page: Page, condition: str) -> None:
    for _ in range(80):
        if page.evaluate(condition):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"no Tab leads to where {condition}")


def _open(page: Page, url: str) -> None:
    # Only another address is loaded anew; another place of the same one is not.
    page.goto("about:blank")
    page.goto(url)
