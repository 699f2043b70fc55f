"""What is filled in on a page arrives as it was meant, or comes back with the reason."""

import pytest
from django.urls import reverse

from accounts.models import Activity
from credentials import probes, vault
from credentials.models import Credential
from destinations.models import DataTemplate, Destination
from tests.pages.world import SECRET

pytestmark = pytest.mark.django_db

OTHER = "pk_" + "ab12" * 9
ONE_FIELD = {"fields-TOTAL_FORMS": "1", "fields-INITIAL_FORMS": "0", "fields-0-type": "text"}


def a_template_form(**given: str) -> dict[str, str]:
    named = {"name": "Gold profile", "list_name": "Gold", "mode": "mirror", "path": "auto"}
    return named | {"duplicates": "most_complete"} | ONE_FIELD | given


class TestAddCredential:
    def test_seals_the_secret_and_shows_its_end_alone(self, as_ada):
        given = {"name": "Shop US", "kind": "klaviyo_api_key", "secret": OTHER}

        page = as_ada.post(reverse("credentials:add"), given, follow=True).content.decode()

        assert vault.reveal(Credential.objects.get(name="Shop US")) == OTHER
        assert OTHER[-4:] in page
        assert OTHER not in page
        assert Activity.objects.filter(action="added").count() == 1

    @pytest.mark.parametrize(
        ("secret", "reason"),
        [("AbC123", "public API key"), (f" {OTHER}", "white space before"), (OTHER[:20], "cut short")],
    )
    def test_says_why_a_key_cannot_be_one(self, as_ada, secret, reason):
        given = {"name": "Shop US", "kind": "klaviyo_api_key", "secret": secret}

        page = as_ada.post(reverse("credentials:add"), given).content.decode()

        assert reason in page
        assert f'value="{secret}"' not in page
        assert not Credential.objects.exists()


class TestReplaceSecret:
    def test_forgets_what_the_old_one_opened(self, as_ada, world):
        url = reverse("credentials:replace-secret", args=[world.credential.pk])

        as_ada.post(url, {"secret": OTHER})

        world.credential.refresh_from_db()
        assert vault.reveal(world.credential) == OTHER
        assert world.credential.version == 2
        assert world.credential.account_id == ""

    def test_keeps_the_old_one_when_the_new_one_is_refused(self, as_ada, world):
        url = reverse("credentials:replace-secret", args=[world.credential.pk])

        page = as_ada.post(url, {"secret": "AbC123"}).content.decode()

        world.credential.refresh_from_db()
        assert "public API key" in page
        assert vault.reveal(world.credential) == SECRET


class TestTestCredential:
    def test_shows_what_it_opens(self, as_ada, world, monkeypatch):
        monkeypatch.setitem(
            probes._probes, "database_password", lambda _: probes.Opened("A1", "Fern & Moss", ("lists:read",))
        )
        url = reverse("credentials:test", args=[world.password.pk])

        page = as_ada.post(url, follow=True).content.decode()

        assert "opens Fern &amp; Moss (A1)" in page

    def test_says_why_it_opens_nothing(self, as_ada, world):
        url = reverse("credentials:test", args=[world.password.pk])

        page = as_ada.post(url, follow=True).content.decode()

        assert "tested where it is used" in page


class TestAddDestination:
    def test_takes_the_account_its_credential_opens(self, as_ada, world):
        given = {"name": "Klaviyo 2", "plugin": "klaviyo", "credential": world.credential.pk}

        answer = as_ada.post(reverse("destinations:add"), given)

        made = Destination.objects.get(name="Klaviyo 2")
        assert answer.url == reverse("destinations:detail", args=[made.pk])
        assert made.account_id == world.credential.account_id

    def test_offers_no_credential_of_another_type(self, as_ada, world):
        given = {"name": "Klaviyo 2", "plugin": "klaviyo", "credential": world.password.pk}

        page = as_ada.post(reverse("destinations:add"), given).content.decode()

        assert world.password.name not in page
        assert not Destination.objects.filter(name="Klaviyo 2").exists()


class TestAddTemplate:
    def test_keeps_the_mapping(self, as_ada, world):
        url = reverse("destinations:add-template", args=[world.destination.pk])
        given = a_template_form(**{"fields-0-column": "tier", "fields-0-target": "properties.Tier"})

        as_ada.post(url, given)

        made = DataTemplate.objects.get(name="Gold profile")
        assert made.mapping == [{"column": "tier", "target": "properties.Tier", "type": "text"}]
        assert made.full_profile is False

    def test_refuses_a_field_that_is_not_there(self, as_ada, world):
        url = reverse("destinations:add-template", args=[world.destination.pk])
        given = a_template_form(**{"fields-0-column": "tier", "fields-0-target": "shoe_size"})

        page = as_ada.post(url, given).content.decode()

        assert "no field" in page
        assert not DataTemplate.objects.filter(name="Gold profile").exists()

    def test_refuses_a_name_that_is_taken(self, as_ada, world):
        url = reverse("destinations:add-template", args=[world.destination.pk])

        page = as_ada.post(url, a_template_form(name=world.template.name)).content.decode()

        assert "already exists" in page


class TestSignIn:
    def test_offers_the_demo_only_in_the_demo(self, client, settings):
        settings.DEMO = False
        plain = client.get(reverse("accounts:sign-in")).content.decode()
        settings.DEMO = True
        offered = client.get(reverse("accounts:sign-in")).content.decode()

        assert "demo user" not in plain
        assert "Continue as the demo user" in offered

    def test_leads_in_and_out(self, client, ada):
        given = {"username": "ada", "password": "a long enough passphrase"}

        inside = client.post(reverse("accounts:sign-in"), given, follow=True)
        outside = client.post(reverse("accounts:sign-out"), follow=True)

        assert inside.request["PATH_INFO"] == reverse("overview")
        assert "Sign in" in outside.content.decode()
