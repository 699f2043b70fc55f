"""The panel of resolutions: what it offers, what it sends back, and what it does, by any door."""

import re

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from accounts.models import Activity, User
from tests.pages import deliveries
from tests.pages import world as worlds
from tests.pages.test_workflows import MOST_QUERIES, detail
from workflows.catalogue import CATALOGUE, OTHER_REASONS, REASONS
from workflows.models import Attempt, Circuit, Workflow
from workflows.resolutions import WAYS
from workflows.way_words import WORDS

pytestmark = pytest.mark.django_db


@pytest.fixture
def refused(world) -> Workflow:
    """A delivery whose key was revoked on its way."""
    return deliveries.refused_key(world)


def resolve(client, workflow: Workflow, name: str, **answers):
    url = reverse("workflows:resolve", args=[workflow.pk, name])
    return client.post(url, {"seen": workflow.row_version, **answers})


def words(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def way(page: str, name: str) -> str:
    """The part of the page that is one way out."""
    start = page.index(f'value="{name}"')
    end = page.find('<li class="way">', start)
    return page[start : end if end > 0 else page.index("</ul>", start)]


class TestPanel:
    def test_stays_shut_until_it_is_asked_for(self, as_ada, refused):
        page = detail(as_ada, refused)

        assert 'id="show-resolutions" aria-expanded="false" aria-controls="resolutions"' in page
        assert re.search(r'<div class="panel" id="resolutions"[^>]* hidden>', page)

    def test_offers_the_likeliest_first_and_chosen(self, as_ada, refused):
        page = detail(as_ada, refused)

        offered = re.findall(r'name="resolution" value="(\w+)"[^>]*?(checked)?>', page)
        assert offered[0] == ("replace_key", "checked")
        assert {name for name, _ in offered} >= {"replace_key", "retry", "restart", "discard"}
        assert [chosen for _, chosen in offered].count("checked") == 1

    def test_says_what_happened_to_what_and_who_can_act(self, as_ada, refused, world):
        page = detail(as_ada, refused)

        assert "Klaviyo rejected the key of credential “Shop EU” (401)." in words(page)
        assert "Nothing more is sent until it is replaced." in words(page)
        assert "Who can act Whoever keeps the credentials" in words(page)
        assert reverse("credentials:detail", args=[world.credential.pk]) in page
        assert "Sent so far: 3,000 adds." in page

    def test_opens_on_the_way_an_address_names(self, as_ada, refused):
        url = reverse("workflows:detail", args=[refused.pk])

        page = as_ada.get(url, {"way": "restart"}).content.decode()

        assert re.search(r'value="restart"[^>]* checked', page)
        assert not re.search(r'<div class="panel" id="resolutions"[^>]* hidden>', page)

    def test_asks_little_of_the_database(self, as_ada, refused, django_assert_max_num_queries):
        # A way out says in numbers what it will do, and looks them up.
        with django_assert_max_num_queries(MOST_QUERIES + 10):
            detail(as_ada, refused)

    def test_names_who_may_when_somebody_may_not(self, as_ben, ben, ada, refused):
        ben.user_permissions.add(Permission.objects.get(codename="change_workflow"))

        page = detail(as_ben, refused)

        assert "<button" in way(page, "retry")
        assert "<button" not in way(page, "restart")
        assert "It may be done by ada." in words(way(page, "restart"))

    def test_is_gone_when_another_run_has_taken_it_up(self, as_ada, refused, world):
        resolve(as_ada, refused, "restart")

        page = detail(as_ada, refused)

        made = refused.children.get()
        assert "show-resolutions" not in page
        assert f"Open run {made.number}" in page

    def test_has_words_for_every_way_out(self):
        named = {name for entry in CATALOGUE.values() for name in entry.resolutions}
        named |= {name for names in (*REASONS.values(), OTHER_REASONS) for name in names}

        assert sorted((named | WAYS.keys()) - WORDS.keys()) == []


class TestResolving:
    def test_goes_on_and_says_so(self, as_ada, refused):
        answer = as_ada.post(reverse("workflows:resolve", args=[refused.pk, "retry"]), follow=True)

        refused.refresh_from_db()
        assert refused.state == "queued"
        assert "The step that stopped is tried again." in answer.content.decode()
        assert Activity.objects.get(action="resolved").data["resolution"] == "retry"

    def test_leads_to_the_run_that_follows(self, as_ada, refused):
        answer = resolve(as_ada, refused, "restart")

        made = refused.children.get()
        assert answer.url == reverse("workflows:detail", args=[made.pk])

    def test_comes_back_with_what_is_wrong_beside_its_field(self, as_ada, refused):
        answer = resolve(as_ada, refused, "replace_key", secret="pk_short", key="pk_short")

        page = answer.content.decode()
        assert answer.status_code == 422
        assert not re.search(r'<div class="panel" id="resolutions"[^>]* hidden>', page)
        told = way(page, "replace_key")
        assert "checked" in told
        invalid = re.search(
            r'<input id="(replace_key-\w+)"[^>]*aria-describedby="([^"]+)"[^>]*aria-invalid="true"', told
        )
        assert invalid
        assert f"{invalid[1]}-wrong" in invalid[2].split()
        assert f'id="{invalid[1]}-wrong"' in told

    def test_never_gives_a_secret_back(self, as_ada, refused):
        page = resolve(as_ada, refused, "replace_key", secret="pk_short1", key="pk_short1").content.decode()

        assert "pk_short1" not in page

    def test_refuses_a_page_that_is_older_than_the_workflow(self, as_ada, refused):
        Workflow.objects.filter(pk=refused.pk).update(row_version=refused.row_version + 1)

        answer = resolve(as_ada, refused, "retry")

        refused.refresh_from_db()
        assert refused.state == "paused"
        page = as_ada.get(answer.url).content.decode()
        assert "This workflow has moved on since the page was shown." in page

    def test_is_forbidden_to_who_may_only_look(self, as_ben, refused):
        assert resolve(as_ben, refused, "retry").status_code == 403

        refused.refresh_from_db()
        assert refused.state == "paused"

    @pytest.mark.parametrize(
        "given", [{"seen": "x"}, {"seen": "9" * 40}, {"reason": "../x"}, {"reason": "\x00"}]
    )
    def test_survives_what_no_page_would_send(self, as_ada, refused, given):
        url = reverse("workflows:resolve", args=[refused.pk, "nothing-like-it"])

        assert as_ada.post(url, given).status_code in (302, 422)


class TestReasons:
    def test_have_a_panel_of_their_own(self, as_ada, refused):
        page = detail(as_ada, refused)

        assert 'data-opens="resolutions-phone_no_country"' in page
        url = reverse("workflows:offers", args=[refused.pk, "phone_no_country"])
        panel = as_ada.get(url, headers={"HX-Request": "true"})
        assert panel.status_code == 200
        assert 'name="reason" value="phone_no_country"' in panel.content.decode()

    def test_are_shown_with_the_page_to_who_has_no_script(self, as_ada, refused):
        url = reverse("workflows:offers", args=[refused.pk, "phone_no_country"])

        page = as_ada.get(url, follow=True).content.decode()

        assert 'form="resolutions-phone_no_country-radios"' in page

    def test_have_none_while_the_run_is_at_work(self, as_ada, world):
        page = detail(as_ada, deliveries.delivering(world))

        assert "phone number has no country code" in page.lower()
        assert "resolutions-phone_no_country" not in page


class TestRequests:
    def test_open_the_step_that_failed(self, as_ada, refused):
        page = detail(as_ada, refused)

        stopped = refused.steps.get(key="import:r0:00003")
        opened = page[page.index(f'id="step-{stopped.pk}"') :]
        assert opened[: opened.index(">")].endswith("open")
        assert "POST /api/profile-bulk-import-jobs" in opened
        assert "not_authenticated" in opened
        assert deliveries.REFUSAL["errors"][0]["id"] in opened

    def test_fetch_the_calls_of_one_step(self, as_ada, refused):
        step = refused.steps.get(key="import:r0:00001")
        url = reverse("workflows:step", args=[refused.pk, step.pk])

        part = as_ada.get(url, headers={"HX-Request": "true"}).content.decode()

        assert "<html" not in part
        assert "202" in part
        assert "RateLimit-Remaining" in part

    def test_open_by_link_too(self, as_ada, refused):
        step = refused.steps.get(key="import:r0:00001")

        page = as_ada.get(reverse("workflows:step", args=[refused.pk, step.pk]), follow=True).content.decode()

        opened = page[page.index(f'id="step-{step.pk}"') :]
        assert opened[: opened.index(">")].endswith("open")

    def test_page_through_many_steps(self, as_ada, world, django_assert_max_num_queries):
        running = world.workflows["running"]
        for number in range(60):
            deliveries.a_step(running, f"update:r0:{number:05d}", "deliver", 20 + number)

        url = reverse("workflows:steps", args=[running.pk])
        with django_assert_max_num_queries(6):
            part = as_ada.get(url, {"steps": 3}, headers={"HX-Request": "true"}).content.decode()

        assert "41–60 of 63 steps" in words(part)
        assert part.count("<details") == 20

    def test_are_of_this_workflow_alone(self, as_ada, refused, world):
        other = world.workflows["running"].steps.first()

        assert (
            as_ada.get(
                reverse("workflows:step", args=[refused.pk, other.pk]), headers={"HX-Request": "true"}
            ).status_code
            == 404
        )

    def test_blot_out_a_person_that_slipped_through(self, as_ada, refused):
        step = refused.steps.get(key="import:r0:00003")
        Attempt.objects.filter(step=step).update(
            request={"method": "POST", "path": "/x", "body": "ada@example.org"}
        )

        page = detail(as_ada, refused)

        assert "ada@example.org" not in page
        assert "[address]" in page


class TestSpeed:
    def test_draws_what_was_accepted_and_when_it_had_to_wait(self, as_ada, world):
        page = detail(as_ada, deliveries.delivering(world))

        assert "People accepted a second" in page
        assert page.count("asked to wait 8 s") == 2
        assert "Klaviyo’s limit, about" in page

    def test_draws_nothing_of_one_call(self, as_ada, world):
        assert "People accepted a second" not in detail(as_ada, world.workflows["running"])


class TestCircuit:
    def test_leads_from_a_run_that_waits_to_the_one_to_mend(self, as_ada, refused, world):
        waiting = world.workflows["queued"]
        Workflow.objects.filter(pk=waiting.pk).update(state="waiting", reason="circuit")
        Circuit.objects.create(
            credential=world.credential,
            account_id=waiting.account_id,
            code="invalid_credentials",
            message="Klaviyo rejected the key of credential “Shop EU” (401).",
            credential_version=world.credential.version,
            opened_at=worlds.moment(1),
            opened_by=refused,
            probe_at=worlds.moment(-1),
        )

        page = detail(as_ada, waiting)

        assert "Nothing is sent with Shop EU until that is mended" in words(page)
        assert reverse("workflows:detail", args=[refused.pk]) + "#resolutions" in page


class TestStop:
    def test_says_what_was_and_was_not_applied(self, as_ada, world):
        page = words(detail(as_ada, deliveries.delivering(world)))

        assert "Applied 8,000 adds Not applied 4,331 changes of 12,331 planned" in page


class TestPastRuns:
    def test_lead_to_each_of_the_last_twenty(self, as_ada, world):
        made = deliveries.build(world)

        page = detail(as_ada, made["delivering"])

        bars = page[page.index('<ol class="bars">') :]
        assert bars[: bars.index("</ol>")].count("<a href=") == 20


def test_a_person_without_any_permission_sees_the_panel(as_ben, ada, refused):
    assert isinstance(ada, User)

    page = detail(as_ben, refused)

    assert page.count("It may be done by ada.") >= 4
    assert 'type="password"' not in page
