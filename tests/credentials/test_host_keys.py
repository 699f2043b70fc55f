"""The keys a server is known by, and where a key of SSH is used."""

import pytest

from accounts.models import Activity, User
from credentials import host_keys, keeping, probes, vault
from credentials.addresses import Address
from credentials.host_keys import Pin
from credentials.models import Credential
from tests.credentials import ssh

pytestmark = pytest.mark.django_db

HOME = Address("sftp.example.org", 22, "acme", "in")


def fingerprint(letter: str) -> str:
    return "SHA256:" + letter * 43


def pins(credential: Credential) -> list[str]:
    """Return the letters of what is pinned, as the database has it."""
    return [pin.fingerprint[-1] for pin in host_keys.pinned(Credential.objects.get(pk=credential.pk))]


@pytest.fixture
def grace(db) -> User:
    return User.objects.create_user("grace")


@pytest.fixture
def sftp(keys) -> Credential:
    credential = Credential(name="Partner", kind="sftp", settings=HOME.as_settings())
    vault.save_secret(credential, ssh.text())
    return credential


@pytest.fixture
def accept(sftp: Credential, grace: User):
    def accept(letter: str, **options: bool) -> None:
        host_keys.accept(sftp, type="ssh-ed25519", fingerprint=fingerprint(letter), by=grace, **options)

    return accept


class TestParse:
    def test_reads_what_it_writes(self):
        pin = Pin("ecdsa-sha2-nistp256", fingerprint("a"))

        assert host_keys.parse(f"  {pin} ") == pin

    @pytest.mark.parametrize(
        "text",
        ["", fingerprint("a"), "ssh-dss " + fingerprint("a"), "ssh-rsa SHA256:short", "ssh-rsa MD5:aa:bb"],
    )
    def test_refuses_anything_else(self, text):
        with pytest.raises(ValueError, match="type and fingerprint"):
            host_keys.parse(text)


class TestAccept:
    def test_keeps_who_accepted_and_when(self, sftp, accept):
        accept("a")

        entry = host_keys.entries(Credential.objects.get())[0]
        assert entry["accepted_by"] == "grace"
        assert entry["accepted_at"].endswith("+00:00")
        told = Activity.objects.get(action="accepted_host_key")
        assert told.actor is not None
        assert told.data["key"] == f"ssh-ed25519 {fingerprint('a')}"

    def test_stands_beside_the_others_and_keeps_three(self, sftp, accept):
        for letter in "abcd":
            accept(letter)

        assert pins(sftp) == ["b", "c", "d"]

    def test_changes_nothing_the_second_time(self, sftp, accept):
        accept("a")
        before = Credential.objects.values().get()

        accept("a")

        assert Credential.objects.values().get() == before
        assert Activity.objects.filter(action="accepted_host_key").count() == 1

    def test_takes_the_place_of_the_others_when_told_so(self, sftp, accept):
        accept("a")
        accept("b")

        accept("c", replace=True)

        assert pins(sftp) == ["c"]
        told = Activity.objects.filter(action="accepted_host_key").latest("pk")
        assert len(told.data["dropped"]) == 2

    def test_loses_nothing_to_somebody_who_read_the_row_before(self, sftp, accept):
        stale = Credential.objects.get()
        accept("a")

        stale.description = "Renamed meanwhile."
        stale.save()
        vault.save_secret(stale, ssh.text("nistp256"))

        assert pins(sftp) == ["a"]
        assert Credential.objects.get().public_key == ssh.public_line("nistp256")


class TestKeepOnly:
    def test_pins_exactly_these_and_keeps_who_accepted_them(self, sftp, accept):
        accept("a")
        accept("b")

        wanted = [Pin("ssh-ed25519", fingerprint(letter)) for letter in "bc"]
        changed = host_keys.keep_only(sftp, wanted, by="configuration file")
        again = host_keys.keep_only(sftp, wanted, by="configuration file")

        assert (changed, again) == (True, False)
        assert pins(sftp) == ["b", "c"]
        accepted = [entry["accepted_by"] for entry in host_keys.entries(sftp)]
        assert accepted == ["grace", "configuration file"]

    def test_tells_what_it_dropped(self, sftp, accept):
        accept("a")

        host_keys.keep_only(sftp, [], by="configuration file")

        assert pins(sftp) == []
        assert Activity.objects.get(action="dropped_host_key").data["way"] == "configuration file"


class TestReaddress:
    @pytest.mark.parametrize(
        ("moved", "pinned", "tested"),
        [
            (Address("sftp.example.com", 22, "acme", "in"), [], False),
            (Address("sftp.example.org", 2222, "acme", "in"), [], False),
            (Address("sftp.example.org", 22, "other", "in"), ["a"], False),
            (Address("sftp.example.org", 22, "acme", "out"), ["a"], True),
            (HOME, ["a"], True),
        ],
        ids=["host", "port", "user", "folder", "nothing"],
    )
    def test_forgets_what_no_longer_holds(self, sftp, accept, grace, moved, pinned, tested):
        accept("a")
        sftp.note_test(account_id="sftp:1", account_name="x", scopes=[], at=sftp.created_at)

        changed = keeping.readdress(sftp, moved, by=grace)

        assert pins(sftp) == pinned
        assert (Credential.objects.get().tested_at is not None) is tested
        assert Activity.objects.filter(action="changed").count() == len(changed)
        assert Credential.objects.get().public_key == ssh.public_line()

    @pytest.mark.parametrize("folder", ["in", "out"])
    def test_forgets_whether_files_may_be_renamed_somewhere_else(self, sftp, grace, folder):
        Credential.objects.update(settings={**sftp.settings, **HOME.as_settings(), "can_rename": True})

        keeping.readdress(sftp, Address("sftp.example.org", 22, "acme", folder), by=grace)

        assert ("can_rename" in Credential.objects.get().settings) is (folder == HOME.folder)


class TestHostKeyReader:
    def test_is_asked_for_its_kind(self, sftp, monkeypatch):
        monkeypatch.setitem(probes._readers, "sftp", lambda _: ("ssh-ed25519", fingerprint("a")))

        assert probes.host_key(sftp) == Pin("ssh-ed25519", fingerprint("a"))

    def test_is_missed_for_another_kind(self, make_credential):
        with pytest.raises(probes.NoHostKey, match="no server"):
            probes.host_key(make_credential())
