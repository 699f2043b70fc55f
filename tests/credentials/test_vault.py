"""Secrets of credentials and sealed files."""

import json
from datetime import UTC, datetime

import pytest
from django.core import serializers
from django.db import IntegrityError, transaction
from django.forms import modelform_factory
from django.forms.models import model_to_dict

from credentials import vault
from credentials.models import Credential, CredentialKind
from tests.credentials.conftest import a_key, a_klaviyo_key


@pytest.mark.django_db
class TestSaveSecret:
    def test_gives_back_the_same_secret_later(self, make_credential):
        made = make_credential(secret=a_klaviyo_key(3))

        found = Credential.objects.get(pk=made.pk)

        assert vault.reveal(found) == vault.reveal(made) == a_klaviyo_key(3)
        assert (found.version, found.hint) == (1, a_klaviyo_key(3)[-4:])

    def test_refuses_a_secret_of_the_wrong_shape_and_writes_nothing(self, keys):
        credential = Credential(name="Shop EU", kind=CredentialKind.KLAVIYO_API_KEY)

        with pytest.raises(vault.RefusedSecret, match="public API key"):
            vault.save_secret(credential, "AbC123")

        assert not Credential.objects.exists()

    def test_changes_nothing_when_the_secret_is_the_same(self, make_credential):
        credential = make_credential()
        before = Credential.objects.values().get()

        assert vault.save_secret(credential, a_klaviyo_key(7)) is False

        assert Credential.objects.values().get() == before

    def test_forgets_what_the_old_secret_opened(self, make_credential):
        credential = make_credential()
        credential.note_test(
            account_id="AbC123",
            account_name="Shop",
            scopes=["lists:read"],
            at=datetime(2026, 1, 1, tzinfo=UTC),
        )

        assert vault.save_secret(credential, a_klaviyo_key(8)) is True

        found = Credential.objects.get()
        assert (found.version, found.account_id, found.account_name, found.scopes) == (2, "", "", [])
        assert found.tested_at is None

    def test_yields_when_somebody_else_replaced_it_first(self, make_credential):
        mine = make_credential()
        theirs = Credential.objects.get(pk=mine.pk)
        vault.save_secret(theirs, a_klaviyo_key(8))

        with pytest.raises(vault.StaleCredential):
            vault.save_secret(mine, a_klaviyo_key(9))

        assert vault.reveal(Credential.objects.get()) == a_klaviyo_key(8)

    def test_replaces_a_secret_that_no_key_opens(self, make_credential, settings):
        credential = make_credential()
        settings.CREDENTIALS_KEYS = [a_key(5)]

        assert vault.save_secret(credential, a_klaviyo_key(7)) is True

        assert vault.reveal(Credential.objects.get()) == a_klaviyo_key(7)


@pytest.mark.django_db
class TestReveal:
    def test_detects_swapped_rows(self, make_credential):
        ours, theirs = make_credential("Ours", secret=a_klaviyo_key(1)), make_credential("Theirs")
        Credential.objects.filter(pk=ours.pk).update(ciphertext=theirs.ciphertext)
        Credential.objects.filter(pk=theirs.pk).update(ciphertext=ours.ciphertext)

        for credential in Credential.objects.order_by("name"):
            with pytest.raises(vault.Tampered, match=f'"{credential.name}" was changed or moved'):
                vault.reveal(credential)

    def test_detects_an_older_secret_put_back(self, make_credential):
        credential = make_credential()
        older = bytes(credential.ciphertext)
        vault.save_secret(credential, a_klaviyo_key(8))
        Credential.objects.update(ciphertext=older)

        with pytest.raises(vault.Tampered):
            vault.reveal(Credential.objects.get())

    def test_detects_a_changed_version(self, make_credential):
        make_credential()
        Credential.objects.update(version=2)

        with pytest.raises(vault.Tampered):
            vault.reveal(Credential.objects.get())

    def test_names_the_key_that_is_missing(self, make_credential, settings):
        credential = make_credential()
        settings.CREDENTIALS_KEYS = [a_key(5)]

        with pytest.raises(vault.UnknownKey, match=f"sealed with key {credential.key_id}, which is not"):
            vault.reveal(credential)

    def test_says_so_when_there_is_no_secret(self, keys):
        with pytest.raises(vault.NoSecret, match='"Empty" holds no secret yet'):
            vault.reveal(Credential(name="Empty", kind=CredentialKind.KLAVIYO_API_KEY))

    def test_opens_what_an_older_key_sealed(self, make_credential, settings, keys):
        credential = make_credential()

        settings.CREDENTIALS_KEYS = [a_key(5), *keys]

        assert vault.reveal(credential) == a_klaviyo_key(7)


@pytest.mark.django_db
class TestCredential:
    def test_shows_its_secret_nowhere(self, make_credential):
        credential = make_credential()
        form = modelform_factory(Credential, fields="__all__")(instance=credential)

        shown = [
            str(credential),
            repr(credential),
            str(vars(credential)),
            form.as_p(),
            json.dumps(model_to_dict(credential), default=str),
            serializers.serialize("json", [credential]),
        ]

        assert not any(a_klaviyo_key(7) in text for text in shown)
        assert "ciphertext" not in form.fields

    def test_saves_other_columns_without_writing_an_old_secret_back(self, make_credential):
        read_early = make_credential()
        vault.save_secret(Credential.objects.get(), a_klaviyo_key(8))

        read_early.description = "for the autumn"
        read_early.save()

        found = Credential.objects.get()
        assert (found.description, vault.reveal(found)) == ("for the autumn", a_klaviyo_key(8))

    def test_keeps_a_test_result_away_from_a_secret_replaced_meanwhile(self, make_credential):
        tested = make_credential()
        vault.save_secret(Credential.objects.get(), a_klaviyo_key(8))

        kept = tested.note_test(
            account_id="AbC123", account_name="Shop", scopes=[], at=datetime(2026, 1, 1, tzinfo=UTC)
        )

        assert kept is False
        assert Credential.objects.get().account_id == ""

    @pytest.mark.parametrize(
        "columns",
        [
            {"name": ""},
            {"name": "x", "kind": "telepathy"},
            {"name": "x", "version": 1},
            {"name": "x", "key_id": "0" * 16},
        ],
    )
    def test_cannot_be_what_makes_no_sense(self, columns):
        with pytest.raises(IntegrityError), transaction.atomic():
            Credential.objects.create(**{"kind": CredentialKind.KLAVIYO_API_KEY, **columns})


class TestSeal:
    def test_opens_under_its_own_context_alone(self, keys):
        sealed = vault.seal(b"row 1, row 2", context="workflow 1|rejects")

        assert vault.unseal(sealed, context="workflow 1|rejects") == b"row 1, row 2"
        with pytest.raises(vault.Tampered, match="changed or moved"):
            vault.unseal(sealed, context="workflow 2|rejects")

    def test_keeps_nothing_readable(self, keys):
        assert b"ada@example.org" not in vault.seal(b"ada@example.org" * 100, context="w")

    def test_opens_under_an_older_key_until_that_is_dropped(self, keys, settings):
        sealed = vault.seal(b"rows", context="w")

        settings.CREDENTIALS_KEYS = [a_key(5), *keys]
        assert vault.unseal(sealed, context="w") == b"rows"

        settings.CREDENTIALS_KEYS = [a_key(5)]
        with pytest.raises(vault.UnknownKey, match="Put that key back"):
            vault.unseal(sealed, context="w")

    @pytest.mark.parametrize("length", [0, 3, 11, 30, 50])
    def test_notices_a_file_cut_short(self, keys, length):
        sealed = vault.seal(b"a row of thirty characters ...", context="w")

        with pytest.raises(vault.Tampered):
            vault.unseal(sealed[:length], context="w")

    def test_wants_a_context(self, keys):
        with pytest.raises(ValueError, match="context"):
            vault.seal(b"rows", context="")


class TestDerive:
    def test_differs_by_purpose_and_stays_under_rotation(self, keys, settings):
        addresses, rows = vault.derive("addresses"), vault.derive("rows")

        settings.CREDENTIALS_KEYS = [a_key(5)]

        assert vault.derive("addresses") == addresses != rows
        assert len(addresses) == 32

    def test_changes_with_the_lookup_key(self, keys, settings):
        before = vault.derive("addresses")

        settings.LOOKUP_KEY = a_key(9)

        assert vault.derive("addresses") != before
