"""The pages of files in a browser: no accessibility fault, no wider than a phone, all of it by keyboard."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse

from destinations.models import DataTemplate, Destination
from tests.pages.test_files import an_ssh_key
from tests.pages.world import World

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]

PHONE = {"width": 390, "height": 844}


@pytest.fixture
def pages(world: World) -> dict[str, str]:
    """The pages of a destination that takes files, and of one with a second way in."""
    partner = Destination.objects.create(
        name="Partner",
        plugin="sftp",
        credential=an_ssh_key("Partner key", "sftp"),
        settings={"sftp": {"headers": {"email": "E-mail address"}}},
    )
    mapping = [{"column": "tier", "target": "Customer tier", "type": "text"}]
    DataTemplate.objects.create(destination=partner, name="Rows", list_name="VIP", mapping=mapping)
    world.destination.sftp_credential = an_ssh_key("Uploads", "klaviyo_sftp")
    world.destination.save()
    return {
        "list": reverse("destinations:list"),
        "add": reverse("destinations:add"),
        "large lists": reverse("destinations:detail", args=[world.destination.pk]),
        "files": reverse("destinations:detail", args=[partner.pk]),
        "template of files": reverse("destinations:add-template", args=[partner.pk]),
    }


@pytest.mark.parametrize("theme", ["light", "dark"])
class TestPagesOfFiles:
    def test_have_no_accessibility_fault(self, browsing, live_server, pages, theme):
        browsing.emulate_media(color_scheme=theme, reduced_motion="reduce")
        faults = {}

        for name, url in pages.items():
            browsing.goto(live_server.url + url)
            browsing.evaluate("document.querySelectorAll('details').forEach((each) => (each.open = true))")
            if found := Axe().run(browsing).response["violations"]:
                faults[name] = [(each["id"], each["nodes"][0]["html"][:200]) for each in found]

        assert faults == {}


class TestOnAPhone:
    def test_nothing_is_wider_than_the_screen(self, browsing, live_server, pages):
        browsing.set_viewport_size(PHONE)
        wide = {}

        for name, url in pages.items():
            browsing.goto(live_server.url + url)
            browsing.evaluate("document.querySelectorAll('details').forEach((each) => (each.open = true))")
            over = browsing.evaluate("document.documentElement.scrollWidth - innerWidth")
            if over > 0:
                wide[name] = over

        assert wide == {}


class TestByKeyboard:
    def test_what_goes_by_sftp_is_changed(self, browsing, live_server, pages, world):
        browsing.goto(live_server.url + pages["large lists"])

        browsing.locator("summary", has_text="Change what goes by SFTP").focus()
        browsing.keyboard.press("Enter")
        browsing.keyboard.press("Tab")
        assert browsing.evaluate("document.activeElement.name") == "files-klaviyo-credential"
        browsing.keyboard.press("Tab")
        browsing.keyboard.type("in/profiles")
        browsing.keyboard.press("Enter")

        browsing.get_by_text("Saved; the next run uses it.").wait_for()
        world.destination.refresh_from_db()
        assert world.destination.settings == {"sftp": {"folder": "in/profiles"}}

    def test_the_fields_follow_the_plugin(self, browsing, live_server, pages):
        browsing.goto(live_server.url + pages["add"])
        assert browsing.get_by_label("SFTP credential").is_visible()

        browsing.get_by_label("Plugin").select_option("sftp")

        assert browsing.get_by_label("SFTP credential").is_hidden()
        assert browsing.get_by_label("Rename a file when it is whole").is_visible()
