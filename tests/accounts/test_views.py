"""Signing in and out, through the front door."""

from copy import deepcopy

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Activity, User

PASSWORD = "a long enough passphrase"
PAGE = "{{ form.non_field_errors }}{% if demo_offered %}one click{% endif %}"


@pytest.fixture(autouse=True)
def front_door(settings):
    """This room's addresses alone, with a plain page in place of the designed one."""
    settings.ROOT_URLCONF = "tests.accounts.urls"
    settings.TEMPLATES = deepcopy(settings.TEMPLATES)
    settings.TEMPLATES[0].update(APP_DIRS=False, DIRS=[])
    settings.TEMPLATES[0]["OPTIONS"] = {
        "loaders": [("django.template.loaders.locmem.Loader", {"accounts/sign_in.html": PAGE})]
    }


@pytest.fixture
def ada(db):
    return User.objects.create_user("ada", password=PASSWORD)


def try_to_sign_in(
    client: Client, password: str = PASSWORD, *, username: str = "ada", address: str = "192.0.2.1"
):
    return client.post(
        reverse("accounts:sign-in"), {"username": username, "password": password}, REMOTE_ADDR=address
    )


@pytest.mark.django_db
class TestSignIn:
    def test_is_where_everybody_else_is_sent(self, client):
        answer = client.get("/")

        assert answer.status_code == 302
        assert answer["Location"] == f"{reverse('accounts:sign-in')}?next=/"

    def test_lets_in_with_the_right_password_and_says_so_in_the_log(self, client, ada):
        assert try_to_sign_in(client).status_code == 302

        assert client.get("/").content == b"inside"
        assert Activity.objects.get().action == "signed_in"

    def test_gives_the_same_answer_for_a_wrong_password_an_unknown_name_and_a_closed_account(
        self, client, ada
    ):
        User.objects.create_user("grace", password=PASSWORD, is_active=False)

        answers = [
            try_to_sign_in(client, "wrong"),
            try_to_sign_in(client, username="nobody"),
            try_to_sign_in(client, username="grace"),
        ]

        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.content for answer in answers}) == 1
        assert b"do not belong together" in answers[0].content

    def test_turns_the_sixth_try_away_even_with_the_right_password(self, client, ada):
        for _ in range(5):
            try_to_sign_in(client, "wrong")

        answer = try_to_sign_in(client)

        assert (answer.status_code, answer["Retry-After"]) == (429, "60")
        assert b"Too many tries" in answer.content
        assert client.get("/").status_code == 302

    def test_lets_ada_in_while_a_stranger_guesses(self, client, ada):
        for _ in range(6):
            try_to_sign_in(Client(), "wrong", address="203.0.113.9")

        assert try_to_sign_in(client).status_code == 302

    def test_is_not_moved_by_a_forwarded_address(self, client, ada):
        for number in range(6):
            answer = client.post(
                reverse("accounts:sign-in"),
                {"username": "ada", "password": "wrong"},
                HTTP_X_FORWARDED_FOR=f"198.51.100.{number}",
            )

        assert answer.status_code == 429

    def test_never_counts_tries_that_succeed(self, client, ada):
        for _ in range(8):
            assert try_to_sign_in(Client()).status_code == 302

    def test_follows_next_only_to_this_place(self, client, ada):
        answer = client.post(
            reverse("accounts:sign-in") + "?next=https://evil.example.com/",
            {"username": "ada", "password": PASSWORD},
        )

        assert answer["Location"] == "/"

    def test_takes_no_password_longer_than_128_characters(self, client, ada):
        ada.set_password("x" * 129)
        ada.save(update_fields=["password"])

        assert try_to_sign_in(client, "x" * 129).status_code == 200

    def test_wants_a_token_against_forged_forms(self, ada):
        assert try_to_sign_in(Client(enforce_csrf_checks=True)).status_code == 403


@pytest.mark.django_db
class TestSignOut:
    def test_closes_the_door_and_says_so_in_the_log(self, client, ada):
        client.force_login(ada)

        client.post(reverse("accounts:sign-out"))

        assert client.get("/").status_code == 302
        assert Activity.objects.get().action == "signed_out"

    def test_is_never_done_by_a_link(self, client, ada):
        client.force_login(ada)

        assert client.get(reverse("accounts:sign-out")).status_code == 405

        assert client.get("/").status_code == 200


@pytest.mark.django_db
class TestDemoSignIn:
    @pytest.fixture
    def demo(self, settings):
        settings.DEMO = True

    def enter(self, client, **extra):
        return client.post(reverse("accounts:demo-sign-in"), **extra)

    @pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
    def test_enters_with_one_click_from_this_machine(self, client, demo, address):
        assert self.enter(client, REMOTE_ADDR=address).status_code == 302

        assert client.get("/").content == b"inside"
        assert not User.objects.get().has_usable_password()

    def test_is_the_same_visitor_the_second_time(self, demo):
        self.enter(Client())
        self.enter(Client())

        assert User.objects.count() == 1

    def test_is_not_there_outside_the_demo(self, client, settings):
        settings.DEMO = False

        assert self.enter(client).status_code == 404
        assert not User.objects.exists()

    @pytest.mark.parametrize("address", ["192.0.2.1", "10.0.0.1", "", "a socket"])
    def test_is_not_there_from_elsewhere(self, client, demo, address):
        assert self.enter(client, REMOTE_ADDR=address).status_code == 404

    @pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
    def test_is_not_there_through_a_proxy(self, client, demo, header):
        assert self.enter(client, headers={header: "192.0.2.1"}).status_code == 404

    def test_does_not_enter_an_account_that_belongs_to_a_person(self, client, demo):
        User.objects.create_user("demo", password=PASSWORD)

        assert self.enter(client).status_code == 404

    def test_is_done_by_a_form_with_its_token_alone(self, client, demo):
        assert client.get(reverse("accounts:demo-sign-in")).status_code == 405
        assert self.enter(Client(enforce_csrf_checks=True)).status_code == 403

    def test_is_offered_on_the_page_only_where_it_works(self, client, demo):
        assert b"one click" in client.get(reverse("accounts:sign-in")).content
        assert b"one click" not in client.get(reverse("accounts:sign-in"), REMOTE_ADDR="192.0.2.1").content
