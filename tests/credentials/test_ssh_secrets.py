"""Private keys of SSH in the vault: sealed without their passphrase, with their public half in step."""

import logging
import traceback

import pytest

from accounts.models import Activity
from credentials import keeping, kinds, rotation, ssh_keys, vault
from credentials.models import Credential
from tests.credentials import ssh
from tests.credentials.conftest import a_key
from tests.credentials.test_at_rest import dump, spellings

pytestmark = pytest.mark.django_db


def a_credential(secret: str | None = None, passphrase: str | None = None) -> Credential:
    credential = Credential(name="Klaviyo SFTP", kind="klaviyo_sftp")
    vault.save_secret(credential, secret or ssh.text(), passphrase=passphrase)
    return credential


class TestSaveSecret:
    @pytest.mark.parametrize("form", ["openssh", "pkcs8", "pem"])
    def test_seals_a_key_that_needs_no_passphrase(self, keys, form):
        made = a_credential(ssh.text("rsa", form, ssh.PASSPHRASE), ssh.PASSPHRASE)

        revealed = vault.reveal(Credential.objects.get())
        assert revealed.startswith("-----BEGIN OPENSSH PRIVATE KEY-----")
        assert ssh_keys.read(revealed).public_line == made.public_key == ssh.public_line("rsa")

    def test_changes_nothing_when_the_same_key_is_written_differently(self, keys):
        a_credential(ssh.text("rsa", "pkcs8"))
        before = Credential.objects.values().get()

        assert vault.save_secret(Credential.objects.get(), ssh.text("rsa", "openssh")) is False

        assert Credential.objects.values().get() == before

    def test_gives_the_new_public_half_with_the_new_key(self, keys):
        credential = a_credential()
        Credential.objects.update(settings={**credential.settings, "folder": "in"})

        assert vault.save_secret(credential, ssh.text("nistp384")) is True

        found = Credential.objects.get()
        assert found.public_key == credential.public_key == ssh.public_line("nistp384")
        assert (found.version, found.settings["folder"]) == (2, "in")

    def test_refuses_what_is_no_key_and_writes_nothing(self, keys):
        with pytest.raises(vault.RefusedSecret, match="public half"):
            a_credential(ssh.public_line())

        assert not Credential.objects.exists()

    def test_gives_no_hint(self, keys):
        assert a_credential().hint == ""

    def test_takes_a_key_that_is_longer_than_a_password_can_be(self, keys):
        text = ssh.text("rsa")

        assert kinds.longest("database_password") < len(text) < kinds.longest("sftp")
        assert a_credential(text).has_secret

    def test_is_opened_by_a_newer_key_of_the_keyring(self, keys, settings):
        credential = a_credential()
        settings.CREDENTIALS_KEYS = [a_key(9), *settings.CREDENTIALS_KEYS]

        rotation.rotate()

        found = Credential.objects.get()
        assert ssh_keys.read(vault.reveal(found)).public_line == credential.public_key

    def test_tries_something_with_a_key_that_is_not_stored(self, keys):
        unsaved = vault.unsaved(
            "x", "sftp", ssh.text("rsa", "pem", ssh.PASSPHRASE), passphrase=ssh.PASSPHRASE
        )

        assert unsaved.public_key == ssh.public_line("rsa")
        assert not Credential.objects.exists()


@pytest.mark.django_db(transaction=True)
class TestCanaries:
    def test_are_in_no_table_message_log_or_repr(self, keys, caplog):
        caplog.set_level(logging.DEBUG)
        text = ssh.text("ed25519", "pkcs8", ssh.PASSPHRASE)
        said: list[str] = []
        credential = Credential(name="Klaviyo SFTP", kind="klaviyo_sftp")
        for secret, passphrase in ((text, "wrong passphrase"), (text, None), (text[:150], ssh.PASSPHRASE)):
            try:
                keeping.add(credential, secret, passphrase=passphrase, by=None)
            except vault.RefusedSecret:
                said.append(traceback.format_exc())
        keeping.add(credential, text, passphrase=ssh.PASSPHRASE, by=None)
        keeping.replace(credential, ssh.text("nistp256"), by=None)
        keeping.replace(credential, text, passphrase=ssh.PASSPHRASE, by=None)
        said += [
            caplog.text,
            repr(credential),
            str(credential.settings),
            str(list(Activity.objects.values())),
        ]

        opened = vault.reveal(credential)
        kept = dump() + "\n".join(said).encode()

        assert len(said) == 7
        for canary in (*ssh.canaries(text), *own_lines(opened), ssh.PASSPHRASE):
            assert not any(spelling in kept for spelling in spellings(canary)), canary[:4]

    def test_would_be_seen_if_they_were(self, keys):
        opened = vault.reveal(a_credential())

        Credential.objects.update(description=opened)

        kept = dump()
        assert all(any(spelling in kept for spelling in spellings(line)) for line in own_lines(opened))


def own_lines(opened: str) -> list[str]:
    """Return the last two lines of an OpenSSH file, where the private half stands."""
    return [line for line in opened.splitlines() if "-----" not in line][-2:]


class TestCandidate:
    def test_opens_with_another_key_at_the_same_place_and_changes_nothing(self, keys):
        stored = Credential(name="Files", kind="sftp", settings={"host": "sftp.example.org", "user": "shop"})
        vault.save_secret(stored, ssh.text())
        key = ssh_keys.generate()

        made = vault.candidate(stored, key.openssh)

        assert ssh_keys.read(vault.reveal(made)).public_line == key.public_line
        assert made.settings == {**stored.settings, "public_key": key.public_line}
        stored.refresh_from_db()
        assert (stored.version, made.version) == (1, 2)
        assert stored.public_key != key.public_line
