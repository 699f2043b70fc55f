"""The page of a workflow that goes by SFTP: what it says in each state, and what its buttons do."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse

from destinations.sftp.faults import HostKeyRefused, login_refused
from tests.pages import uploads
from tests.pages.test_workflows import MOST_QUERIES, detail
from workflows.durations import duration
from workflows.models import Workflow

pytestmark = pytest.mark.django_db

PHONE = {"width": 390, "height": 844}
OPEN_ALL = "document.querySelectorAll('details').forEach((each) => (each.open = true))"


@pytest.fixture
def runs(world) -> dict[str, Workflow]:
    return uploads.build(world)


@pytest.fixture
def unconfirmed(world) -> Workflow:
    """A run of the list itself, so that another can follow it."""
    return uploads.unconfirmed(world, list_key="VIP")


@pytest.fixture
def refused(world) -> Workflow:
    """A run of the list itself that waits: the server shows another key."""
    uploads.opens_sftp(world)
    error = HostKeyRefused(uploads.SERVER, presented=uploads.SHOWN, pinned=(uploads.ACCEPTED,))
    return uploads.stuck(world, error, uploaded=0, list_key="VIP")


def words(page: str) -> str:
    """What a page says, without its tags."""
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def press(client, workflow: Workflow, name: str):
    return client.post(reverse("workflows:resolve", args=[workflow.pk, name]), follow=True)


class TestWays:
    def test_stand_side_by_side_while_a_plan_waits(self, as_ada, runs):
        page = words(detail(as_ada, runs["held"]))

        assert "CSV over SFTP chosen 9 min 05 s" in page
        assert "Import jobs slower 14 min 23 s" in page
        assert "One call for each new person More than 100 people are new. –" in page
        assert "Everything in between · no history yet, a cautious guess 9 s" in page

    def test_say_why_sftp_cannot_be(self, as_ada, runs):
        page = words(detail(as_ada, runs["held, no SFTP"]))

        assert "CSV over SFTP first_name cannot go by SFTP" in page

    def test_set_what_it_took_beside_the_estimate(self, as_ada, runs):
        page = words(detail(as_ada, runs["succeeded"]))

        took = duration(runs["succeeded"].actual_seconds)
        assert f"CSV over SFTP chosen 9 min 05 s {took}" in page
        assert f"Estimated 9 min 05 s from here to the list read back; it took {took} ." in page

    def test_stay_shut_when_a_few_people_went_by_api(self, as_ada, runs):
        opens = {
            part: '<details class="card" open>' in _ways(detail(as_ada, runs[part]))
            for part in ("small", "succeeded")
        }

        assert opens == {"small": False, "succeeded": True}


class TestProgress:
    def test_tells_the_file_that_is_on_its_way(self, as_ada, runs):
        page = words(detail(as_ada, runs["uploading"]))

        assert "121,500 of 300,000 people sent · file 3 of 6, 1.0 of 2.4 MB" in page
        assert "Uploaded files 2 100,000 rows, 4.7 MB" in page

    def test_tells_who_has_come_on_the_list(self, as_ada, runs):
        page = words(detail(as_ada, runs["taken in"]))

        assert "120,000 of 300,000 people" in page
        assert 'aria-valuenow="40"' in detail(as_ada, runs["taken in"])

    def test_tells_each_file_and_how_often_it_was_sent(self, as_ada, runs):
        page = words(detail(as_ada, runs["succeeded"]))

        assert page.count("-of-006") == 6
        assert "size checked, sent 2 times" in page

    def test_asks_little_of_the_database(self, as_ada, runs, django_assert_max_num_queries):
        # One more than others: the run it follows, or the files it sent.
        for part in ("mending", "mended", "succeeded"):
            with django_assert_max_num_queries(MOST_QUERIES + 1):
                detail(as_ada, runs[part])


class TestTrouble:
    def test_offers_two_ways_to_people_who_were_not_seen(self, as_ada, runs):
        page = detail(as_ada, runs["unconfirmed"])

        assert "sends whoever is still missing, 3,000 people by now, by the API" in words(page)
        assert "Wait longer" in page
        assert "g•••@e•••.org · 19C2" in page
        assert "members read · 3,000 differ" in words(page)
        assert "Set aside 3,012" in words(page)

    def test_sets_fingerprints_below_each_other(self, as_ada, runs, world):
        page = detail(as_ada, runs["host key"])

        assert f"Shown now {uploads.SHOWN} Accepted {uploads.ACCEPTED}" in words(page)
        message = page[page.index("h-stuck") : page.index("Who can act")]
        assert message.count(uploads.SHOWN.fingerprint) == 1
        assert reverse("credentials:detail", args=[world.sftp.pk]) in page
        assert _likeliest(page) == "accept_host_key"

    def test_puts_a_retry_first_where_the_server_must_make_room(self, as_ada, runs):
        page = detail(as_ada, runs["no space"])

        assert _likeliest(page) == "retry"
        assert "Sent so far: 100,000 adds." in words(page)
        assert "sends up to 300,000 people by the API" in words(page)

    def test_says_when_it_goes_on_by_itself_and_when_it_does_not(self, as_ada, runs):
        by_itself = {
            part: "tried again by itself" in detail(as_ada, runs[part])
            for part in ("unavailable", "no space")
        }
        waits = {
            part: "until someone decides" in detail(as_ada, runs[part])
            for part in ("unavailable", "no space")
        }

        assert by_itself == {"unavailable": True, "no space": False}
        assert waits == {"unavailable": False, "no space": True}

    def test_leads_from_one_run_to_the_other(self, as_ada, runs):
        mended, mending = runs["mended"], runs["mending"]

        first, second = words(detail(as_ada, mended)), words(detail(as_ada, mending))

        assert f"Open run {mending.number}" in first
        assert "Send the missing by API:" not in first
        assert f"Followed by run {mending.number}" in first
        assert f"Follows run {mended.number}" in second


class TestFileDestination:
    def test_speaks_of_files_and_of_no_list(self, as_ada, runs):
        page = words(detail(as_ada, runs["file"]))

        assert "The server holds the files, verified" in page
        assert "For the files 100,000" in page
        for said in ("removals by API", "Make the list equal", "list read back", "To remove"):
            assert said not in page, said


class TestPresses:
    @pytest.mark.parametrize("name", ["send_missing", "wait_longer"])
    def test_open_the_run_that_follows(self, as_ada, unconfirmed, name):
        answer = press(as_ada, unconfirmed, name)

        made = unconfirmed.children.get()
        assert answer.redirect_chain[-1][0] == reverse("workflows:detail", args=[made.pk])
        assert made.dry_run is (name == "wait_longer")
        assert f"Follows run {unconfirmed.number}" in words(answer.content.decode())

    def test_give_a_paused_run_up_for_one_by_api(self, as_ada, refused):
        press(as_ada, refused, "send_by_api")

        refused.refresh_from_db()
        assert refused.state == "cancelled"
        assert refused.children.get().config["template"]["path"] == "api"

    @pytest.mark.parametrize("again", ["send_missing", "wait_longer"])
    def test_start_nothing_from_a_stale_page(self, as_ada, unconfirmed, again):
        press(as_ada, unconfirmed, "send_missing")

        page = press(as_ada, unconfirmed, again).content.decode()

        assert "This way out is not open any more." in page
        assert unconfirmed.children.count() == 1

    def test_are_not_shown_to_who_may_not(self, as_ben, unconfirmed):
        page = detail(as_ben, unconfirmed)

        assert reverse("workflows:resolve", args=[unconfirmed.pk, "wait_longer"]) not in page
        assert "data-dialog" not in page
        assert "Your account may not do this." in page
        assert press(as_ben, unconfirmed, "wait_longer").status_code == 403
        assert not unconfirmed.children.exists()

    def test_of_a_refused_login_change_the_login_first(self, as_ada, world):
        uploads.opens_sftp(world)
        workflow = uploads.stuck(world, login_refused(uploads.SERVER), uploaded=0)

        assert _likeliest(detail(as_ada, workflow)) == "change_sftp_login"


@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(300)
class TestLooks:
    @pytest.mark.parametrize("theme", ["light", "dark"])
    def test_have_no_accessibility_fault(self, browsing, live_server, runs, theme):
        browsing.emulate_media(color_scheme=theme, reduced_motion="reduce")
        faults = {}

        for part, workflow in runs.items():
            browsing.goto(live_server.url + reverse("workflows:detail", args=[workflow.pk]))
            browsing.evaluate(OPEN_ALL)
            if found := Axe().run(browsing).response["violations"]:
                faults[part] = [(each["id"], each["nodes"][0]["html"][:200]) for each in found]

        assert faults == {}

    def test_are_no_wider_than_a_phone(self, browsing, live_server, runs):
        browsing.set_viewport_size(PHONE)
        wide = {}

        for part, workflow in runs.items():
            browsing.goto(live_server.url + reverse("workflows:detail", args=[workflow.pk]))
            browsing.evaluate(OPEN_ALL)
            if (over := browsing.evaluate("document.documentElement.scrollWidth - innerWidth")) > 0:
                wide[part] = over

        assert wide == {}

    def test_ask_in_numbers_and_are_answered_by_keyboard(self, browsing, live_server, unconfirmed):
        browsing.goto(live_server.url + reverse("workflows:detail", args=[unconfirmed.pk]))

        browsing.get_by_role("button", name="Show Resolutions", exact=True).focus()
        browsing.keyboard.press("Enter")
        browsing.locator("#resolutions").get_by_text("3,000", exact=True).first.wait_for()
        assert Axe().run(browsing).response["violations"] == []
        browsing.keyboard.press("Tab")
        assert browsing.evaluate("document.activeElement.value") == "send_missing"
        browsing.keyboard.press("Tab")
        assert browsing.evaluate("document.activeElement.textContent").startswith("Continue")
        browsing.keyboard.press("Enter")

        browsing.get_by_text(f"Follows run {unconfirmed.number}").wait_for()
        made = unconfirmed.children.get()
        assert browsing.url.endswith(reverse("workflows:detail", args=[made.pk]))


def _ways(page: str) -> str:
    """The card of the ways, from its beginning to its heading."""
    before = page[: page.index("How it goes there")]
    return before[before.rindex("<details") :]


def _likeliest(page: str) -> str:
    """The way out that is chosen until somebody chooses another."""
    found = re.search(r'name="resolution" value="(\w+)"[^>]* checked', page)
    assert found
    return found[1]
