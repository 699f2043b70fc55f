"""The key of a server, read and pinned from the command line."""

from collections.abc import Callable

import pytest

from credentials import host_keys, probes, vault
from credentials.host_keys import Pin
from credentials.models import Credential
from tests.api.shop import command
from tests.credentials import ssh

pytestmark = pytest.mark.django_db(transaction=True)
NOW = Pin("ssh-ed25519", "SHA256:" + "n" * 43)
BEFORE = Pin("ssh-rsa", "SHA256:" + "b" * 43)


@pytest.fixture
def sftp(monkeypatch: pytest.MonkeyPatch) -> Credential:
    """A credential whose server presents NOW to everybody who asks."""
    monkeypatch.setitem(probes._readers, "sftp", lambda _: (NOW.type, NOW.fingerprint))
    credential = Credential(name="Partner", kind="sftp", settings={"host": "sftp.example.org"})
    vault.save_secret(credential, ssh.text())
    return credential


@pytest.fixture
def pinned(sftp: Credential) -> Callable[[], list[Pin]]:
    return lambda: list(host_keys.pinned(Credential.objects.get(pk=sftp.pk)))


class TestHostkey:
    def test_prints_what_the_server_presents_and_pins_nothing(self, pinned):
        told = command("hostkey", "Partner")
        as_json = command("hostkey", "Partner", "--json").json

        assert told.code == 0
        assert f"sftp.example.org:22 presents: {NOW}" in told.out
        assert "It is not pinned" in told.out
        assert (as_json["fingerprint"], as_json["pinned"], as_json["pins"]) == (NOW.fingerprint, False, [])
        assert pinned() == []

    def test_pins_the_one_that_was_compared(self, pinned):
        ended = command("hostkey", "Partner", "--accept", str(NOW))
        again = command("hostkey", "Partner", "--accept", str(NOW), "--json")

        assert (ended.code, again.code) == (0, 0)
        assert "It is pinned." in ended.out
        assert again.json["pinned"] is True
        assert pinned() == [NOW]

    def test_pins_nothing_that_the_server_does_not_present(self, pinned):
        ended = command("hostkey", "Partner", "--accept", str(BEFORE), "--json")

        assert (ended.code, ended.json["error"]["code"]) == (1, "host_key_differs")
        assert pinned() == []

    def test_keeps_the_pinned_key_until_told_to_replace_it(self, sftp, pinned):
        host_keys.accept(sftp, type=BEFORE.type, fingerprint=BEFORE.fingerprint, by="a test")

        looked = command("hostkey", "Partner")
        hesitant = command("hostkey", "Partner", "--accept", str(NOW), "--json")
        kept = pinned()
        replaced = command("hostkey", "Partner", "--accept", str(NOW), "--replace")

        assert "It is NOT the key that is pinned" in looked.out
        assert (hesitant.code, hesitant.json["error"]["code"]) == (1, "host_key_changed")
        assert "--replace" in hesitant.json["error"]["resolutions"][0]
        assert kept == [BEFORE]
        assert replaced.code == 0
        assert pinned() == [NOW]

    def test_says_how_a_key_is_written(self, sftp):
        ended = command("hostkey", "Partner", "--accept", "n" * 43)

        assert ended.code == 2
        assert "type and fingerprint" in ended.err

    def test_names_what_was_probably_meant(self, sftp):
        ended = command("hostkey", "Partnr")

        assert ended.code == 1
        assert "Did you mean “Partner”?" in ended.err

    def test_repeats_why_the_server_gave_no_key(self, sftp, monkeypatch):
        def silent(credential: Credential) -> tuple[str, str]:
            raise probes.NoHostKey("sftp.example.org:22 does not answer.")

        monkeypatch.setitem(probes._readers, "sftp", silent)

        ended = command("hostkey", "Partner")

        assert ended.code == 1
        assert "does not answer" in ended.err
