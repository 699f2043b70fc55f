"""SFTP keys in a configuration file: made or pointed to, pinned as written, exported without the secret."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from accounts.models import Activity
from api.configuration.applying import apply
from api.configuration.errors import ConfigurationError
from api.configuration.export import as_yaml, export
from credentials import host_keys, ssh_keys, vault
from credentials.models import Credential
from tests.api.shop import command
from tests.credentials import ssh

pytestmark = pytest.mark.django_db
PIN = "ssh-ed25519 SHA256:" + "a" * 43


@pytest.fixture
def write(tmp_path: Path):
    def write(**given: Any) -> Path:
        stated = {"kind": "klaviyo_sftp", **given}
        path = tmp_path / "rollcall.yaml"
        path.write_text(yaml.safe_dump({"credentials": {"Klaviyo SFTP": stated}}))
        return path

    return write


def refused(path: Path) -> str:
    with pytest.raises(ConfigurationError) as error:
        apply(path)
    return str(error.value)


def stored() -> dict[str, Any]:
    return Credential.objects.values().get()


class TestApply:
    def test_makes_a_key_pair_once_and_tells_its_public_half(self, write):
        path = write()

        first = apply(path)
        before, told = stored(), Activity.objects.count()
        second = apply(path)

        made = Credential.objects.get()
        assert first.public_keys == {"Klaviyo SFTP": made.public_key}
        assert ssh_keys.read(vault.reveal(made)).public_line == made.public_key
        assert (second.changed, second.public_keys) == (False, {})
        assert (stored(), Activity.objects.count()) == (before, told)

    def test_prints_the_public_half_for_a_person_and_for_a_script(self, write):
        path = write()

        for_a_script = command("apply", str(path), "--json").json
        line = Credential.objects.get().public_key
        Credential.objects.all().delete()
        for_a_person = command("apply", str(path)).out

        assert for_a_script["public_keys"] == {"Klaviyo SFTP": line}
        assert Credential.objects.get().public_key in for_a_person
        assert "PRIVATE KEY" not in for_a_person

    def test_takes_a_key_from_a_file_with_its_passphrase(self, write, tmp_path, monkeypatch):
        (tmp_path / "id").write_text(ssh.text("rsa", "pkcs8", ssh.PASSPHRASE))
        monkeypatch.setenv("KEY_PASSPHRASE", ssh.PASSPHRASE)
        path = write(secret="file:id", passphrase="env:KEY_PASSPHRASE", user="AbC123_x")

        applied = apply(path)
        before = stored()

        assert not apply(path).changed
        assert stored() == before
        assert Credential.objects.get().public_key == ssh.public_line("rsa")
        assert applied.public_keys == {}

    def test_pins_the_keys_a_person_wrote_and_no_others(self, write):
        apply(write(host_keys=[PIN]))
        entry = host_keys.entries(Credential.objects.get())[0]

        applied = apply(write(host_keys=[PIN.replace("a" * 43, "b" * 43)]))

        pins = host_keys.pinned(Credential.objects.get())
        assert entry["accepted_by"] == "configuration file"
        assert [str(pin) for pin in pins] == [PIN.replace("a" * 43, "b" * 43)]
        assert applied.changes[0].fields == ("host_keys",)
        assert Activity.objects.filter(action="accepted_host_key").count() == 2

    def test_leaves_what_the_file_does_not_state(self, write):
        apply(write(host="sftp.example.org", port=2222, user="AbC123_x", folder="in", host_keys=[PIN]))
        before = stored()

        assert not apply(write()).changed

        assert stored() == before

    def test_drops_the_pins_of_another_server(self, write):
        apply(write(host_keys=[PIN]))

        applied = apply(write(host="sftp.example.org"))

        assert applied.changes[0].fields == ("host",)
        assert host_keys.pinned(Credential.objects.get()) == ()


class TestRefusal:
    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ({"kind": "sftp", "host": "sftp.example.org"}, "› user: The user name on the server is missing"),
            ({"kind": "sftp", "user": "acme"}, "› host: The server's host name is missing"),
            ({"host": "sftp://sftp.example.org"}, "› host: Give the host name alone"),
            ({"port": 0}, "› port: must be at least 1"),
            ({"host_keys": ["SHA256:abc"]}, "written as its type and fingerprint"),
            ({"host_keys": [PIN] * 4}, "host_keys"),
            ({"kind": "database_password", "host": "x"}, "a database_password takes no host"),
            ({"passphrase": "env:HOME"}, "a passphrase needs the secret that it opens"),
            ({"secret": "env:NOT_THERE_AT_ALL"}, "› secret: the environment variable NOT_THERE_AT_ALL"),
            ({"secret": "file:huge"}, "larger than 65,536 bytes"),
            ({"secret": "file:id.pub"}, "› secret: This is the public half"),
            ({"secret": "file:locked"}, "› secret: This key is protected by a passphrase"),
            ({"secret": "file:locked", "passphrase": "file:id.pub"}, "passphrase does not open this key"),
        ],
    )
    def test_says_what_cannot_be_and_writes_nothing(self, write, tmp_path, given, said):
        locked = ssh.text("ed25519", "pkcs8", ssh.PASSPHRASE)
        (tmp_path / "id.pub").write_text(ssh.public_line())
        (tmp_path / "locked").write_text(locked)
        with (tmp_path / "huge").open("wb") as huge:
            huge.truncate(1_000_000_000)

        told = refused(write(**given))

        assert said in told
        assert not any(line in told for line in ssh.canaries(locked))
        assert not Credential.objects.exists()

    def test_never_repeats_a_key_that_was_written_into_the_file(self, write):
        text = ssh.text()

        told = refused(write(secret=text))

        assert "never written into the file" in told
        assert not any(line in told for line in ssh.canaries(text))


class TestExport:
    def test_comes_back_as_it_was_and_holds_no_secret(self, write, tmp_path):
        apply(write(host="sftp.example.org", user="AbC123_x", host_keys=[PIN]))
        before = stored()
        text = as_yaml(export())
        (tmp_path / "exported.yaml").write_text(text)

        assert not apply(tmp_path / "exported.yaml").changed

        assert stored() == before
        assert yaml.safe_load(text)["credentials"]["Klaviyo SFTP"] == {
            "kind": "klaviyo_sftp",
            "host": "sftp.example.org",
            "port": 22,
            "user": "AbC123_x",
            "folder": "profiles",
            "host_keys": [PIN],
        }
        assert not any(line in text for line in ssh.canaries(vault.reveal(Credential.objects.get())))
