"""Every page opens for those who are signed in, stays shut for others, and gives no secret away."""

import pytest
from django.test import Client
from django.urls import reverse

from tests.pages import deliveries as trouble
from tests.pages.conftest import every_page
from tests.pages.world import PASSWORD, SECRET

pytestmark = pytest.mark.django_db

EMPTY_PAGES = (
    "overview",
    "credentials:list",
    "audiences:queries",
    "destinations:list",
    "workflows:orchestrations",
    "workflows:list",
    "notifications:list",
    "notifications:channels",
)


def every_press(world) -> dict[str, str]:
    """The address of everything a button posts to."""
    held, stuck = world.workflows["held"].pk, trouble.refused_key(world).pk
    return {
        "add credential": reverse("credentials:add"),
        "replace secret": reverse("credentials:replace-secret", args=[world.credential.pk]),
        "test credential": reverse("credentials:test", args=[world.credential.pk]),
        "move SFTP key": reverse("credentials:readdress", args=[world.sftp.pk]),
        "accept host key": reverse("credentials:accept-host-key", args=[world.sftp.pk]),
        "activate": reverse("audiences:activate", args=[world.draft.pk]),
        "test source": reverse("audiences:test-source", args=[world.source.pk]),
        "add destination": reverse("destinations:add"),
        "test destination": reverse("destinations:test", args=[world.destination.pk]),
        "change files": reverse("destinations:files", args=[world.destination.pk]),
        "add template": reverse("destinations:add-template", args=[world.destination.pk]),
        "tell of orchestration": reverse("notifications:tell", args=[world.orchestration.pk]),
        "run now": reverse("workflows:run-now", args=[world.orchestration.pk]),
        **{
            name: reverse(f"workflows:{name}", args=[held])
            for name in ("approve", "discard", "retry", "stop")
        },
        "resolve": reverse("workflows:resolve", args=[stuck, "retry"]),
        "preview": reverse("workflows:preview", args=[stuck, "replace_key"]),
    }


class TestPages:
    def test_answer_who_is_signed_in(self, as_ada, world):
        answers = {name: as_ada.get(url).status_code for name, url in every_page(world).items()}

        assert set(answers.values()) == {200}, answers

    def test_send_a_stranger_to_sign_in(self, client, world):
        for name, url in every_page(world).items():
            answer = client.get(url)

            assert answer.status_code == 302, name
            assert answer.url.startswith(reverse("accounts:sign-in")), name

    def test_name_the_next_step_when_there_is_nothing_yet(self, as_ada):
        for name in EMPTY_PAGES:
            page = as_ada.get(reverse(name)).content.decode()

            assert 'class="empty"' in page, name
            assert "<code" in page or "btn" in page, name

    def test_hold_no_secret(self, as_ada, world):
        for name, url in every_page(world).items():
            page = as_ada.get(url).content.decode()

            assert SECRET not in page, name
            assert PASSWORD not in page, name

    def test_allow_no_script_or_style_in_the_page(self, as_ada, world):
        for name, url in every_page(world).items():
            page = as_ada.get(url).content.decode()

            assert " style=" not in page, name
            assert "<style" not in page, name
            assert " onclick=" not in page, name
            assert all("src=" in tag for tag in page.split("<script")[1:]), name

    def test_show_only_menu_entries_that_exist(self, as_ada, world):
        page = as_ada.get(reverse("overview"))

        for link in page.context["sections"]:
            for entry in link[1]:
                assert as_ada.get(entry.url).status_code == 200


class TestPresses:
    def test_need_the_token_of_our_own_form(self, ada, world):
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(ada)

        answers = {name: strict.post(url).status_code for name, url in every_press(world).items()}

        assert set(answers.values()) == {403}, answers

    def test_are_refused_to_who_may_only_look(self, as_ben, world):
        answers = {name: as_ben.post(url).status_code for name, url in every_press(world).items()}

        assert set(answers.values()) == {403}, answers

    def test_are_not_reached_by_a_link(self, as_ada, world):
        forms = {"add credential", "add destination", "add template"}
        links = {name: url for name, url in every_press(world).items() if name not in forms}

        answers = {name: as_ada.get(url).status_code for name, url in links.items()}

        assert set(answers.values()) == {405}, answers


class TestErrors:
    def test_have_a_page_of_their_own(self, as_ada, as_ben):
        missing = as_ada.get("/no/such/page/")
        refused = as_ben.get(reverse("credentials:add"))

        assert missing.status_code == 404
        assert "There is no such page" in missing.content.decode()
        assert refused.status_code == 403
        assert "may not do this" in refused.content.decode()
