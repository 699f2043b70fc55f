"""Testing a credential of either kind: what is said, what is kept, and that an import is never started."""

from collections.abc import Callable

import pytest

from accounts.models import User
from credentials import host_keys, probes, ssh_keys
from credentials.models import Credential, CredentialKind
from destinations.models import Destination
from destinations.sftp import checking
from tests.destinations.sftp_wires import HostileServer
from tests.sshd import OpenSSH


@pytest.fixture
def person(db: None) -> User:
    return User.objects.create_user("operator")


class TestProbe:
    def test_logs_in_and_says_what_it_found(self, login: Credential, openssh: OpenSSH, person: User) -> None:
        for name in ("a.csv", "b.csv"):
            (openssh.folder / "profiles" / name).write_text("x")

        opened = probes.test(login, by=person)

        assert opened.account_name == f"{openssh.user}@127.0.0.1:{openssh.port}"
        assert opened.account_id.startswith("sftp:")
        assert opened.detail == (
            "The folder “profiles” is there and holds 2 files. This login may write into it and rename files."
        )
        assert sorted(path.name for path in (openssh.folder / "profiles").iterdir()) == ["a.csv", "b.csv"]

    def test_keeps_what_it_found(self, login: Credential, person: User) -> None:
        destination = Destination.objects.create(name="Files", plugin="sftp", credential=login)

        opened = probes.test(login, by=person)

        login.refresh_from_db()
        destination.refresh_from_db()
        assert login.settings["can_rename"] is True
        assert login.tested_at is not None
        assert (login.account_id, destination.account_id) == (opened.account_id, opened.account_id)
        assert len(host_keys.pinned(login)) == 3

    def test_never_writes_where_a_file_starts_an_import(
        self, make_login: Callable[..., Credential], hostile: HostileServer, person: User
    ) -> None:
        credential = make_login(
            hostile.port,
            key=ssh_keys.generate().openssh,
            pins=(hostile.public_line,),
            kind=CredentialKind.KLAVIYO_SFTP,
        )

        opened = probes.test(credential, by=person)

        assert hostile.seen.opened == []
        assert opened.detail == (
            "The folder “profiles” is there and is empty. Writing was not tried: "
            "a file there would start an import."
        )
        assert "can_rename" not in Credential.objects.get().settings

    def test_says_that_it_may_not_write(
        self, hostile: HostileServer, hostile_login: Credential, person: User
    ) -> None:
        hostile.faults.denies = frozenset({"open"})

        opened = probes.test(hostile_login, by=person)

        assert (
            opened.detail
            == "The folder “profiles” is there and is empty, but this login may not write into it."
        )

    def test_says_that_it_may_not_rename(
        self, hostile: HostileServer, hostile_login: Credential, person: User
    ) -> None:
        hostile.faults.denies = frozenset({"rename"})

        opened = probes.test(hostile_login, by=person)

        assert opened.detail.endswith("This login may write into it, but not rename files.")
        hostile_login.refresh_from_db()
        assert hostile_login.settings["can_rename"] is False
        assert list((hostile.folder / "profiles").iterdir()) == []

    def test_keeps_the_words_of_the_server_out(
        self, hostile: HostileServer, hostile_login: Credential, person: User
    ) -> None:
        hostile.faults.hostile = "<b>ada@example.org</b>\r\n"

        opened = probes.test(hostile_login, by=person)

        assert "ada" not in repr(opened)
        assert "holds 1 file." in opened.detail

    def test_says_why_it_failed(
        self, hostile: HostileServer, hostile_login: Credential, person: User
    ) -> None:
        hostile.faults.denies = frozenset({"list"})

        with pytest.raises(probes.ProbeFailed, match="does not let this login list the folder"):
            probes.test(hostile_login, by=person)

        hostile_login.refresh_from_db()
        assert hostile_login.tested_at is None

    def test_shows_the_key_of_a_server_nobody_accepted(
        self, make_login: Callable[..., Credential], hostile: HostileServer, person: User
    ) -> None:
        credential = make_login(hostile.port, key=ssh_keys.generate().openssh)

        with pytest.raises(probes.HostKeyUnknown) as caught:
            probes.test(credential, by=person)

        assert caught.value.type == "ecdsa-sha2-nistp256"
        assert caught.value.fingerprint == ssh_keys.fingerprint(hostile.public_line)
        host_keys.accept(credential, type=caught.value.type, fingerprint=caught.value.fingerprint, by=person)
        assert probes.test(credential, by=person).detail

    def test_shows_both_keys_of_a_server_that_changed(
        self, make_login: Callable[..., Credential], hostile: HostileServer, person: User
    ) -> None:
        other = ssh_keys.generate()
        credential = make_login(hostile.port, key=other.openssh, pins=(other.public_line,))

        with pytest.raises(probes.HostKeyChanged) as caught:
            probes.test(credential, by=person)

        assert caught.value.fingerprint == ssh_keys.fingerprint(hostile.public_line)
        assert [pin.fingerprint for pin in caught.value.pinned] == [other.fingerprint]

    def test_does_not_lead_a_destination_to_another_server(
        self, login: Credential, openssh: OpenSSH, person: User
    ) -> None:
        Destination.objects.create(name="Shop", plugin="sftp", credential=login, account_id="sftp:another")

        with pytest.raises(probes.ProbeFailed, match='destination "Shop" was made for another server'):
            probes.test(login, by=person)


class TestHostKey:
    def test_is_read_without_a_login(self, login: Credential, openssh: OpenSSH) -> None:
        before = openssh.login_attempts()

        pin = probes.host_key(login)

        assert pin == host_keys.Pin("ssh-ed25519", ssh_keys.fingerprint(openssh.host_keys["ssh-ed25519"]))
        assert openssh.login_attempts() == before

    def test_says_that_there_is_no_server(self, login: Credential) -> None:
        login.settings = {**login.settings, "host": ""}

        with pytest.raises(probes.NoHostKey, match="at which host"):
            checking.host_key(login)
