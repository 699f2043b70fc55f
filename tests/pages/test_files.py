"""How files reach a destination, chosen on a page: as it was meant, or back with the reason."""

import re

import pytest
from django.urls import reverse

from accounts.models import Activity
from credentials import probes, ssh_keys, vault
from credentials.models import Credential
from destinations.models import DataTemplate, Destination
from tests.pages.test_forms import a_template_form
from tests.pages.world import World

pytestmark = pytest.mark.django_db

EMPTY = {"files-klaviyo-folder": "", "files-klaviyo-part_rows": "", "files-klaviyo-headers": ""}


@pytest.fixture
def uploads(world: World) -> Credential:
    return an_ssh_key("Uploads", "klaviyo_sftp")


@pytest.fixture
def partner(world: World) -> Destination:
    return Destination.objects.create(
        name="Partner", plugin="sftp", credential=an_ssh_key("Partner key", "sftp")
    )


def an_ssh_key(name: str, kind: str) -> Credential:
    credential = Credential(name=name, kind=kind)
    vault.save_secret(credential, ssh_keys.generate().openssh)
    return credential


def press(client, destination: Destination, **given: object) -> str:
    url = reverse("destinations:files", args=[destination.pk])
    prefixed = {f"files-{destination.plugin}-{name}": value for name, value in given.items()}
    return client.post(url, prefixed, follow=True).content.decode()


class TestAddDestination:
    def test_takes_the_key_for_large_lists(self, as_ada, world, uploads):
        given = {
            "name": "Klaviyo 2",
            "plugin": "klaviyo",
            "credential": world.credential.pk,
            "files-klaviyo-credential": uploads.pk,
            "files-klaviyo-part_rows": "20000",
        }

        as_ada.post(reverse("destinations:add"), EMPTY | given)

        made = Destination.objects.get(name="Klaviyo 2")
        assert made.sftp_credential == uploads
        assert made.settings == {"sftp": {"part_rows": 20000}}

    def test_makes_one_of_files(self, as_ada, world):
        key = an_ssh_key("Partner key", "sftp")
        given = {
            "name": "Partner",
            "plugin": "sftp",
            "credential": key.pk,
            "files-sftp-folder": "drop",
            "files-sftp-staging": "on",
            "files-sftp-headers": "email: E-mail address",
        }

        as_ada.post(reverse("destinations:add"), given)

        made = Destination.objects.get(name="Partner")
        assert made.settings == {"sftp": {"folder": "drop", "headers": {"email": "E-mail address"}}}
        assert made.sftp_credential is None

    def test_refuses_an_api_key_for_files(self, as_ada, world):
        given = {"name": "Partner", "plugin": "sftp", "credential": world.credential.pk}

        page = as_ada.post(reverse("destinations:add"), given).content.decode()

        assert "SFTP needs another type of credential" in page
        assert not Destination.objects.filter(name="Partner").exists()

    def test_says_where_an_sftp_key_comes_from_when_there_is_none(self, as_ada, world):
        Credential.objects.filter(kind="klaviyo_sftp").delete()

        page = as_ada.get(reverse("destinations:add")).content.decode()

        assert "There is no Klaviyo SFTP key yet" in page
        assert reverse("credentials:add") in page


class TestFiles:
    def test_are_changed_and_the_change_is_told(self, as_ada, world, uploads):
        page = press(as_ada, world.destination, credential=uploads.pk, folder="in", wait_minutes="90")

        world.destination.refresh_from_db()
        assert "the next run uses it" in page
        assert world.destination.sftp_credential == uploads
        assert world.destination.settings == {"sftp": {"folder": "in", "wait_minutes": 90}}
        assert Activity.objects.get(action="changed").data == {"fields": ["settings", "sftp_credential"]}

    def test_keep_what_has_no_field_on_the_page(self, as_ada, world, uploads):
        world.destination.settings = {"sftp": {"part_bytes": 1 << 20, "folder": "old"}}
        world.destination.save()

        press(as_ada, world.destination, credential=uploads.pk)

        world.destination.refresh_from_db()
        assert world.destination.settings == {"sftp": {"part_bytes": 1 << 20}}

    def test_say_that_nothing_was_changed(self, as_ada, world):
        page = press(as_ada, world.destination)

        assert "Nothing was changed" in page
        assert not Activity.objects.filter(action="changed").exists()

    @pytest.mark.parametrize(
        ("given", "reason"),
        [
            ({"part_rows": "0"}, "whole number from 1"),
            ({"folder": "../up"}, "“..”"),
            ({"headers": "first_name"}, "after a colon"),
            ({"headers": "a: b\na: c"}, "written twice"),
            ({"headers": "shoe_size: Shoe"}, "no field"),
        ],
    )
    def test_come_back_with_the_reason(self, as_ada, world, given, reason):
        page = press(as_ada, world.destination, **given)

        world.destination.refresh_from_db()
        assert reason in page
        assert world.destination.settings == {}

    def test_keep_the_way_of_a_template_open(self, as_ada, world, uploads):
        world.destination.sftp_credential = uploads
        world.destination.save()
        DataTemplate.objects.filter(pk=world.template.pk).update(path="sftp")

        page = press(as_ada, world.destination, credential="")

        world.destination.refresh_from_db()
        assert "could not be sent any more" in page
        assert world.destination.sftp_credential == uploads

    def test_are_written_to_a_server_as_they_were_chosen(self, as_ada, partner):
        page = press(as_ada, partner, folder="drop", headers="email: E-mail")

        partner.refresh_from_db()
        assert partner.settings == {
            "sftp": {"folder": "drop", "staging": False, "headers": {"email": "E-mail"}}
        }
        assert "<code>email</code> goes under <code>E-mail</code>" in page

    def test_go_into_the_folder_of_the_credential_unless_another_is_stated(self, as_ada, world, uploads):
        uploads.settings = {**uploads.settings, "folder": "from-the-key"}
        uploads.save(update_fields=["settings"])

        default = press(as_ada, world.destination, credential=uploads.pk)
        stated = press(as_ada, world.destination, credential=uploads.pk, folder="stated-here")

        assert '<dd class="mono">from-the-key' in default
        assert 'placeholder="from-the-key"' in default
        assert "the credential’s" in default
        assert '<dd class="mono">stated-here' in stated
        assert "the credential’s" not in stated

    def test_are_tested_in_the_folder_they_go_into(self, as_ada, world, uploads, partner, monkeypatch):
        tested: dict[str, str] = {}

        def probe(credential: Credential, *, folder: str = "") -> probes.Opened:
            tested[credential.name] = folder
            return probes.Opened("sftp:1", "acme", ())

        for kind in ("klaviyo_api_key", "klaviyo_sftp", "sftp"):
            monkeypatch.setitem(probes._probes, kind, probe)
        world.destination.settings = {"sftp": {"folder": "stated"}}
        world.destination.sftp_credential = uploads
        world.destination.save()
        partner.credential.settings = {"folder": "drop"}
        partner.credential.save(update_fields=["settings"])

        for destination in (world.destination, partner):
            as_ada.post(reverse("destinations:test", args=[destination.pk]))

        assert tested == {"Shop EU": "", "Uploads": "stated", "Partner key": "drop"}

    def test_do_not_share_a_key_between_accounts(self, as_ada, world, uploads):
        api_key = Credential.objects.create(name="Other", kind="klaviyo_api_key", account_id="OtherA")
        Destination.objects.create(
            name="Other shop",
            plugin="klaviyo",
            credential=api_key,
            sftp_credential=uploads,
            account_id="OtherA",
        )
        Credential.objects.filter(pk=world.credential.pk).update(account_id="XyZ9Ab")
        given = {"name": "New", "plugin": "klaviyo", "credential": world.credential.pk}

        changed = press(as_ada, world.destination, credential=uploads.pk)
        added = as_ada.post(
            reverse("destinations:add"), EMPTY | given | {"files-klaviyo-credential": uploads.pk}
        ).content.decode()

        for page in (changed, added):
            assert "is used by destination “Other shop”, which feeds another account" in page
        assert list(uploads.sftp_destinations.values_list("name", flat=True)) == ["Other shop"]

    def test_are_not_changed_by_who_may_only_look(self, as_ben, world):
        url = reverse("destinations:files", args=[world.destination.pk])

        page = as_ben.get(reverse("destinations:detail", args=[world.destination.pk])).content.decode()

        assert as_ben.post(url).status_code == 403
        assert "files-klaviyo" not in page


class TestCredential:
    def test_says_which_destination_it_lets_files_into(self, as_ada, world, uploads):
        press(as_ada, world.destination, credential=uploads.pk)

        page = as_ada.get(reverse("credentials:detail", args=[uploads.pk])).content.decode()

        assert reverse("destinations:detail", args=[world.destination.pk]) in page


class TestTemplate:
    def test_goes_by_the_fastest_way_unless_told(self, as_ada, world):
        url = reverse("destinations:add-template", args=[world.destination.pk])

        as_ada.post(url, a_template_form())

        assert DataTemplate.objects.get(name="Gold profile").path == "auto"

    def test_is_refused_a_way_without_a_key(self, as_ada, world):
        url = reverse("destinations:add-template", args=[world.destination.pk])

        page = as_ada.post(url, a_template_form(path="sftp")).content.decode()

        assert "has no SFTP credential" in page
        assert not DataTemplate.objects.filter(name="Gold profile").exists()

    def test_is_refused_a_field_that_cannot_go_that_way(self, as_ada, world, uploads):
        world.destination.sftp_credential = uploads
        world.destination.save()
        url = reverse("destinations:add-template", args=[world.destination.pk])
        mapped = {"fields-0-column": "first", "fields-0-target": "first_name", "full_profile": "on"}

        page = as_ada.post(url, a_template_form(path="sftp", **mapped)).content.decode()
        as_ada.post(url, a_template_form(path="auto", **mapped))

        assert "first_name cannot go by SFTP" in page
        assert DataTemplate.objects.get(name="Gold profile").path == "auto"

    def test_of_files_asks_for_columns_and_for_no_way(self, as_ada, partner):
        url = reverse("destinations:add-template", args=[partner.pk])
        mapped = {"fields-0-column": "tier", "fields-0-target": "Customer tier", "full_profile": "on"}

        page = as_ada.get(url).content.decode()
        as_ada.post(url, a_template_form(**mapped))

        assert "Columns of the file" in page
        assert re.search('<input[^>]*name="full_profile"[^>]* checked', page)
        assert 'name="path"' not in page
        made = DataTemplate.objects.get(name="Gold profile")
        assert made.mapping == [{"column": "tier", "target": "Customer tier", "type": "text"}]
