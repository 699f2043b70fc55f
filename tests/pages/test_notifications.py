"""The bell, the list, the pane, the channels and how notices are told: pages, by request and in a browser."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse

from accounts.models import User
from credentials import vault
from credentials.models import Credential
from credentials.vault import RefusedSecret, StaleCredential
from notifications import outbox, reading
from notifications.forms import WishForm
from notifications.models import Channel, Notification, Preference
from notifications.wishes import Wish
from tests.notifications.conftest import a_channel, a_notice
from tests.notifications.receivers import Webhook, webhook

pytestmark = pytest.mark.django_db

CANARY = "ops.canary@example.org"
LIST = "/notifications/"
PHONE = {"width": 390, "height": 844}


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with webhook() as started:
        yield started


def post(count: int = 1, **given: object) -> list[Notification]:
    now = datetime.now(UTC) - timedelta(minutes=1)
    return [outbox.post(a_notice(title=f"Query failed: order {n}", **given), now=now) for n in range(count)]


class TestBell:
    def test_answers_nothing_while_the_number_is_right(self, as_ada):
        post(2)

        assert as_ada.get(reverse("notifications:bell"), {"seen": "2"}).status_code == 204

    def test_says_how_many_are_new(self, as_ada):
        post(3)

        page = as_ada.get(reverse("notifications:bell"), {"seen": "1"}).content.decode()

        assert 'aria-label="Notifications, 3 unread"' in page
        assert "2 new notifications" in page

    def test_says_nothing_aloud_when_fewer_are_unread(self, as_ada):
        page = as_ada.get(reverse("notifications:bell"), {"seen": "4"}).content.decode()

        assert 'aria-label="Notifications"' in page
        assert "new notification" not in page

    @pytest.mark.parametrize("seen", ["", "x", "9" * 400, "-1"])
    def test_takes_any_number_for_what_was_seen(self, as_ada, seen):
        post(1)

        assert as_ada.get(reverse("notifications:bell"), {"seen": seen}).status_code == 200


class TestList:
    def test_shows_unread_ones_and_all(self, as_ada, ada):
        read, unread = post(2)
        reading.mark(ada, [read.pk], at=datetime.now(UTC))

        shown = as_ada.get(LIST).content.decode()
        everything = as_ada.get(LIST, {"show": "all"}).content.decode()

        assert unread.title in shown
        assert read.title not in shown
        assert read.title in everything

    def test_leads_to_what_it_is_about_and_has_been_read_then(self, as_ada, ada):
        (notice,) = post()

        answer = as_ada.get(reverse("notifications:follow", args=[notice.pk]))

        assert answer.url == "/workflows/1/#resolutions"
        assert reading.count_unread(ada) == 0

    def test_leads_nowhere_else(self, as_ada):
        (notice,) = post(path="//example.org/")

        assert as_ada.get(reverse("notifications:follow", args=[notice.pk])).url == LIST

    def test_marks_one_or_all_read(self, as_ada, ada):
        first, *_ = post(3)

        as_ada.post(reverse("notifications:read"), {"notice": first.pk})
        assert reading.count_unread(ada) == 2
        answer = as_ada.post(
            reverse("notifications:read"), {"until": datetime.now(UTC).isoformat(), "show": "all"}
        )

        assert reading.count_unread(ada) == 0
        assert answer.url == LIST + "?show=all"

    @pytest.mark.parametrize("until", ["2026-99-99T00:00", "soon", "0001-01-01T00:00+14:00", "\x00"])
    def test_marks_nothing_read_until_no_moment(self, as_ada, ada, until):
        post(1)

        answer = as_ada.post(reverse("notifications:read"), {"until": until}, follow=True)

        assert "Nothing was marked as read" in answer.content.decode()
        assert reading.count_unread(ada) == 1

    def test_names_the_next_step_when_there_is_nothing(self, as_ada):
        empty = as_ada.get(LIST).content.decode()
        (notice,) = post()
        as_ada.post(reverse("notifications:read"), {"notice": notice.pk})
        all_read = as_ada.get(LIST).content.decode()

        assert "Add channel" in empty
        assert "Everything is read" in all_read

    def test_is_paged(self, as_ada):
        post(60)

        page = as_ada.get(LIST, {"page": 2})

        assert page.content.decode().count('<li class="notice"') == 10


class TestPane:
    def test_stands_on_the_pages_of_destinations(self, as_ada, world):
        (about,) = post(destination=world.destination.pk, account_id="XyZ9Ab")
        other = outbox.post(a_notice(title="Of elsewhere"), now=datetime.now(UTC))

        listed = as_ada.get(reverse("destinations:list")).content.decode()
        detail = as_ada.get(reverse("destinations:detail", args=[world.destination.pk])).content.decode()

        for page in (listed, detail):
            assert about.title in page
            assert reverse("notifications:follow", args=[about.pk]) in page
            assert other.title not in page


CHANNEL = {"name": "Operations", "kind": "email", "wants": ["trouble"], "mode": "immediate", "enabled": "on"}


class TestChannels:
    def test_keep_addresses_in_the_vault_and_show_them_never(self, as_ada, ada):
        answer = as_ada.post(reverse("notifications:add-channel"), {**CHANNEL, "recipients": CANARY})
        channel = Channel.objects.get()

        assert answer.url == reverse("notifications:channels")
        assert vault.reveal(channel.credential) == f"mailto:{CANARY}"
        assert CANARY not in str(list(Credential.objects.values()) + list(Channel.objects.values()))
        assert CANARY not in str(list(ada.activities.values()))
        for url in (reverse("notifications:channels"), reverse("notifications:channel", args=[channel.pk])):
            assert CANARY not in as_ada.get(url).content.decode()
        assert channel.credential.name not in as_ada.get(reverse("credentials:list")).content.decode()

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ({"recipients": ""}, "Say where to send"),
            ({"recipients": " \n"}, "Say where to send"),
            ({"kind": "chat", "url": ""}, "Say where to send"),
            ({"recipients": "nobody"}, "place 1"),
            ({"kind": "chat", "url": "slack://"}, "no URL of apprise"),
            ({"kind": "chat", "url": "slack://x"}, "No service goes by such a URL"),
            ({"kind": "chat", "url": f"mailto:{CANARY}"}, "choose the type e-mail"),
            ({"recipients": CANARY, "wants": []}, "This field is required"),
        ],
    )
    def test_say_what_is_wrong_and_forget_what_was_typed(self, as_ada, given, said):
        page = as_ada.post(reverse("notifications:add-channel"), {**CHANNEL, **given}).content.decode()

        assert said in page
        assert CANARY not in page
        assert not Channel.objects.exists()

    def test_keep_their_address_when_nothing_is_entered(self, as_ada):
        channel = a_channel(f"mailto:{CANARY}", kind="email")
        url = reverse("notifications:channel", args=[channel.pk])

        as_ada.post(url, {**CHANNEL, "mode": "day", "recipients": ""})
        channel.refresh_from_db()

        assert (channel.name, channel.mode, channel.kind) == ("Operations", "day", "email")
        assert vault.reveal(channel.credential) == f"mailto:{CANARY}"

    def test_send_a_test_and_say_whether_it_was_taken(self, as_ada, hook):
        url = reverse("notifications:try-channel", args=[a_channel(hook.url).pk])

        taken = as_ada.post(url, follow=True).content.decode()
        hook.status = 500
        refused = as_ada.post(url, follow=True).content.decode()

        assert "was taken. Look whether it arrived" in taken
        assert "was not taken" in refused
        assert [post["title"] for post in hook.posts] == ["A test from Rollcall"] * 2

    @pytest.mark.parametrize(
        ("fault", "said"),
        [
            (RefusedSecret("No such place."), "No such place."),
            (StaleCredential(), "Somebody else has changed"),
        ],
    )
    def test_say_why_an_address_is_not_kept(self, as_ada, monkeypatch, fault, said):
        def refuse(*_: object) -> None:
            raise fault

        channel = a_channel(f"mailto:{CANARY}", kind="email")
        monkeypatch.setattr(vault, "save_secret", refuse)
        url = reverse("notifications:channel", args=[channel.pk])

        assert said in as_ada.post(url, {**CHANNEL, "recipients": CANARY}).content.decode()

    def test_are_not_added_where_the_vault_refuses(self, as_ada, monkeypatch):
        def refuse(*_: object) -> None:
            raise RefusedSecret("No such place.")

        monkeypatch.setattr(vault, "save_secret", refuse)
        url = reverse("notifications:add-channel")

        assert "No such place." in as_ada.post(url, {**CHANNEL, "recipients": CANARY}).content.decode()
        assert not Channel.objects.exists()

    def test_are_removed_with_their_secret(self, as_ada):
        channel = a_channel()

        as_ada.post(reverse("notifications:remove-channel", args=[channel.pk]))

        assert not Channel.objects.exists()
        assert not Credential.objects.exists()

    def test_are_shut_to_those_who_may_not(self, as_ben):
        channel = a_channel()
        posts = [
            as_ben.post(reverse("notifications:add-channel"), CHANNEL),
            as_ben.post(reverse("notifications:channel", args=[channel.pk]), CHANNEL),
            as_ben.post(reverse("notifications:try-channel", args=[channel.pk])),
            as_ben.post(reverse("notifications:remove-channel", args=[channel.pk])),
            as_ben.post(reverse("notifications:tell", args=[channel.pk]), {"telling": "muted"}),
        ]

        assert [answer.status_code for answer in posts] == [403] * 5
        assert as_ben.get(reverse("notifications:channels")).status_code == 200
        assert as_ben.get(LIST).status_code == 200


class TestTelling:
    @pytest.mark.parametrize(
        ("chosen", "telling", "shown"),
        [
            ("muted:8h", "muted", "until"),
            ("digest", "digest", "in a digest"),
            ("immediate", "immediate", "at once"),
        ],
    )
    def test_is_chosen_on_the_page_of_orchestrations(self, as_ada, world, chosen, telling, shown):
        url = reverse("notifications:tell", args=[world.orchestration.pk])

        page = as_ada.post(url, {"telling": chosen}, follow=True).content.decode()

        kept = Preference.objects.get()
        assert (kept.about, kept.telling) == (world.orchestration.pk, telling)
        assert (kept.muted_until is not None) == (chosen == "muted:8h")
        assert shown in page

    @pytest.mark.parametrize(
        ("lasts", "chosen"), [(7, "muted:8h"), (24, "muted:24h"), (25, "muted:7d"), (999, "muted")]
    )
    def test_proposes_a_mute_while_it_is_muted(self, lasts, chosen):
        now = datetime.now(UTC)

        assert WishForm.chosen(Wish("muted", now + timedelta(hours=lasts)), now=now) == chosen

    def test_keeps_a_mute_that_is_saved_again(self, as_ada, world):
        url = reverse("notifications:tell", args=[world.orchestration.pk])

        page = as_ada.post(url, {"telling": "muted:8h"}, follow=True).content.decode()

        assert '<option value="muted:8h" selected>' in page

    def test_is_one_of_those_offered(self, as_ada, world):
        url = reverse("notifications:tell", args=[world.orchestration.pk])

        assert "Choose one" in as_ada.post(url, {"telling": "never"}, follow=True).content.decode()
        assert not Preference.objects.exists()


def every_page(world) -> list[str]:
    channel = a_channel(name="Operations on Slack", wants=["trouble"])
    return [
        *(LIST, LIST + "?show=all", reverse("notifications:channels"), reverse("notifications:add-channel")),
        reverse("notifications:channel", args=[channel.pk]),
        reverse("destinations:detail", args=[world.destination.pk]),
        reverse("workflows:orchestrations"),
    ]


@pytest.mark.timeout(300)
@pytest.mark.django_db(transaction=True)
class TestInABrowser:
    @pytest.mark.parametrize("theme", ["light", "dark"])
    def test_has_no_accessibility_fault_and_fits_a_phone(self, browsing, live_server, world, theme):
        browsing.emulate_media(color_scheme=theme, reduced_motion="reduce")
        browsing.set_viewport_size(PHONE)
        post(3, destination=world.destination.pk)
        faults = {}

        for url in every_page(world):
            browsing.goto(live_server.url + url)
            found = [each["id"] for each in Axe().run(browsing).response["violations"]]
            over = browsing.evaluate("document.documentElement.scrollWidth - innerWidth")
            if found or over > 0:
                faults[url] = (found, over)

        assert faults == {}

    def test_the_bell_tells_of_what_comes_while_a_page_is_open(self, browsing, live_server, world):
        browsing.clock.install()
        browsing.goto(live_server.url + LIST)
        browsing.locator("#bell a").focus()
        post(2)

        browsing.clock.run_for(16_000)

        browsing.get_by_role("link", name="Notifications, 2 unread", exact=True).wait_for()
        assert browsing.locator("#bell-said").inner_text() == "2 new notifications"
        assert browsing.evaluate("document.activeElement.id") == "bell-link"

    def test_is_used_by_keyboard_alone(self, browsing, live_server, world, ada):
        stuck = world.workflows["stuck"]
        path = reverse("workflows:detail", args=[stuck.pk]) + "#resolutions"
        post(path=path, workflow=stuck.pk)
        browsing.goto(live_server.url + LIST)

        browsing.keyboard.press("Tab")
        browsing.keyboard.press("Enter")
        for _ in range(10):
            browsing.keyboard.press("Tab")
            if "View Workflow" in browsing.evaluate("document.activeElement.textContent"):
                break
        browsing.keyboard.press("Enter")

        browsing.wait_for_url("**" + path)
        assert reading.count_unread(User.objects.get(pk=ada.pk)) == 0
