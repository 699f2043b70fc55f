import os
import struct
import subprocess
from pathlib import Path

import paramiko
import pytest
from paramiko.sftp import CMD_ATTRS, CMD_EXTENDED, CMD_EXTENDED_REPLY, CMD_STATUS, CMD_WRITE, SFTP_OK, int64

from simulator.control import Account, ControlError, Simulator
from tests import sshd
from tests.simulator.plain_sftp import GONE, Key, Uploader, ended, people, settle, write


@pytest.fixture
def uploader(account: Account) -> Uploader:
    account.sftp_settings(delay_seconds=0)
    return Uploader(account)


class TestLogin:
    def test_needs_a_key_that_was_given(self, account: Account, uploader: Uploader):
        stranger = Key()
        with uploader.transport() as transport:
            for attempt in (
                lambda: transport.auth_password(account.sftp.user, "secret"),
                lambda: transport.auth_none(account.sftp.user),
                lambda: transport.auth_publickey(account.sftp.user, stranger.private),
            ):
                with pytest.raises(paramiko.AuthenticationException):
                    attempt()
            transport.auth_publickey(account.sftp.user, uploader.key.private)

        logins = account.sftp_log("login")
        assert [(login["method"], login["accepted"]) for login in logins] == [
            ("password", False),
            ("none", False),
            ("publickey", False),
            ("publickey", True),
        ]
        assert logins[2]["key"] == stranger.private.fingerprint

    def test_does_not_open_another_account(self, simulator: Simulator, account: Account, uploader: Uploader):
        other = simulator.account("Other")

        with uploader.transport() as transport, pytest.raises(paramiko.AuthenticationException):
            transport.auth_publickey(other.sftp.user, uploader.key.private)

        assert account.sftp_log("login") == []
        assert [login["accepted"] for login in other.sftp_log("login")] == [False]

    def test_fails_once_the_key_is_withdrawn(self, account: Account, uploader: Uploader):
        account.withdraw(uploader.key.private.fingerprint)

        with pytest.raises(paramiko.AuthenticationException), uploader.connect():
            pass

    def test_takes_keys_of_all_three_kinds(self, account: Account, uploader: Uploader):
        for private in (paramiko.RSAKey.generate(2048), paramiko.ECDSAKey.generate(bits=384)):
            account.authorize(f"{private.get_name()} {private.get_base64()}")
            with uploader.transport() as transport:
                transport.auth_publickey(account.sftp.user, private)

                assert transport.is_authenticated()

    @pytest.mark.parametrize("line", ["", "ssh-ed25519", "ssh-ed25519 AAAA", "ssh-dss AAAA", "-----BEGIN"])
    def test_is_not_given_to_what_is_no_key(self, account: Account, line: str):
        with pytest.raises(ControlError):
            account.authorize(line)

    def test_has_a_user_name_like_klaviyos(self, account: Account):
        site, _, suffix = account.sftp.user.partition("_")

        assert site == account.id
        assert len(suffix) == 8

    def test_comes_after_keys_exchanged_strictly(self, account: Account, uploader: Uploader):
        uploader.upload(b"Email\n")

        order = [entry["event"] for entry in account.sftp_log()]
        assert order[:4] == ["connection", "key_exchange", "login", "request"]
        assert account.sftp_log("key_exchange")[0]["strict"] is True

    def test_gives_nothing_but_files(self, account: Account, uploader: Uploader):
        with uploader.transport() as transport:
            transport.auth_publickey(account.sftp.user, uploader.key.private)
            for ask in (lambda c: c.exec_command("id"), lambda c: c.invoke_shell(), lambda c: c.get_pty()):
                with pytest.raises(paramiko.SSHException):
                    ask(transport.open_session())
            with pytest.raises(paramiko.ChannelException):
                transport.open_channel("direct-tcpip", ("127.0.0.1", 80), ("127.0.0.1", 1))


class TestPaths:
    def test_lead_nowhere_else(self, account: Account, uploader: Uploader):
        with uploader.connect() as client:
            assert client.normalize("../../profiles/./x/..") == "/profiles"
            assert client.listdir("../../..") == ["events", "profiles"]
            for path in ("/etc/passwd", "../../../../etc/passwd", "profiles/../../spool/1"):
                with pytest.raises(FileNotFoundError):
                    client.open(path)
            with pytest.raises(OSError, match="unsupported"):
                client.symlink("/etc/passwd", "profiles/link")

    @pytest.mark.parametrize(
        "path", ["a.csv", "/", "profiles", "other/a.csv", "profiles/a/b.csv", "events/.."]
    )
    def test_are_written_only_in_the_two_folders(self, uploader: Uploader, path: str):
        with uploader.connect() as client, pytest.raises(OSError):
            client.open(path, "w")

    def test_make_no_folders(self, uploader: Uploader):
        with uploader.connect() as client:
            for act in (client.mkdir, client.rmdir):
                with pytest.raises(PermissionError):
                    act("profiles/inner")

    def test_do_not_follow_a_link_that_lies_there(self, tmp_path: Path):
        with Simulator.start(tmp_path / "data") as simulator:
            uploader = Uploader(simulator.account())
            uploader.upload(b"Email\n")
            secret = tmp_path / "secret"
            secret.write_text("secret")
            (folder,) = (tmp_path / "data").glob("sftp/*/files/profiles")
            (folder / "file").symlink_to(secret)
            (folder / "up").symlink_to(tmp_path)

            with uploader.connect() as client:
                for path in ("profiles/file", "profiles/up/secret"):
                    for mode in ("r", "w"):
                        with pytest.raises(PermissionError):
                            client.open(path, mode)

            assert secret.read_text() == "secret"

    def test_are_free_on_a_server_that_is_not_klaviyos(self, account: Account, uploader: Uploader):
        account.sftp_settings(kind="plain")

        with uploader.connect() as client:
            assert client.listdir(".") == []
            client.mkdir("out")
            write(client, people(1), "out/people.csv")
            write(client, people(1), "people.csv")
            assert client.listdir(".") == ["out", "people.csv"]
            with client.open("out/people.csv") as file:
                assert file.read() == people(1)

        assert [file["status"] for file in account.sftp_files()] == ["kept", "kept"]
        assert account.counts()["profiles"] == 0


class TestOpening:
    def test_refuses_a_name_that_is_taken(self, uploader: Uploader):
        uploader.upload(people(1))

        with uploader.connect() as client:
            with pytest.raises(OSError, match="Failure"):
                client.open("profiles/people.csv", "wx")
            client.open("profiles/other.csv", "wx").close()

    def test_refuses_to_change_what_is_not_there(self, uploader: Uploader):
        with uploader.connect() as client, pytest.raises(FileNotFoundError):
            client.open("profiles/people.csv", "r+")

    def test_goes_on_with_what_is_there(self, account: Account, uploader: Uploader):
        uploader.upload(people(1))

        with uploader.connect() as client, client.open("profiles/people.csv", "r+") as file:
            file.seek(0, os.SEEK_END)
            file.write(b"p1@example.org,\n")
        settle(account)

        assert account.sftp_file("people.csv") == people(2)
        assert account.counts()["profiles"] == 2

    def test_empties_what_is_there(self, account: Account, uploader: Uploader):
        uploader.upload(people(5))
        uploader.upload(people(1))

        assert account.sftp_file("people.csv") == people(1)


class TestRenaming:
    def test_overwrites_only_by_the_extension(self, uploader: Uploader):
        with uploader.connect() as client:
            write(client, people(1), "profiles/a.csv")
            write(client, people(2), "profiles/b.csv")

            with pytest.raises(OSError, match="Failure"):
                client.rename("profiles/a.csv", "profiles/b.csv")
            client.posix_rename("profiles/a.csv", "profiles/b.csv")

            assert client.listdir("profiles") == ["b.csv"]

    def test_is_refused_where_it_is_not_allowed(self, account: Account, uploader: Uploader):
        account.sftp_settings(rename_allowed=False)
        with uploader.connect() as client:
            write(client, people(1))

            for rename in (client.rename, client.posix_rename):
                with pytest.raises(PermissionError):
                    rename("profiles/people.csv", "profiles/b.csv")

    def test_has_no_extension_where_there_is_none(self, account: Account, uploader: Uploader):
        account.sftp_settings(posix_rename=False)
        with uploader.connect() as client, pytest.raises(OSError, match="unsupported"):
            client.posix_rename("profiles/people.csv", "profiles/b.csv")


class TestRequests:
    def test_tell_limits(self, uploader: Uploader):
        with uploader.connect() as client:
            kind, reply = client._request(CMD_EXTENDED, "limits@openssh.com")

            assert kind == CMD_EXTENDED_REPLY
            assert [reply.get_int64() for _ in range(4)] == [262_144, 261_120, 261_120, 0]

    def test_may_be_as_large_as_that(self, account: Account, uploader: Uploader):
        data = b"Email,Note\n" + b"a@example.org," + b"x" * 261_090 + b"\n"
        with uploader.connect() as client:
            file = client.open("profiles/people.csv", "w")
            client._request(CMD_WRITE, file.handle, int64(0), data)
            file.close()

        assert ended(account)[0]["bytes"] == len(data)

    def test_end_the_session_when_they_are_larger(self, account: Account, uploader: Uploader):
        with uploader.connect() as client:
            file = client.open("profiles/people.csv", "w")
            with pytest.raises(GONE):
                client._request(CMD_WRITE, file.handle, int64(0), b"x" * 300_000)

        assert ended(account)[0]["state"] == "cut"

    def test_that_are_not_known_are_refused(self, uploader: Uploader):
        with uploader.connect() as client:
            with pytest.raises(OSError, match="unsupported"):
                client._request(CMD_EXTENDED, "fsync@openssh.com", b"x")
            with pytest.raises(OSError, match="Bad message"):
                client._request(CMD_WRITE, b"no handle", int64(0), b"x")

    def test_may_be_answered_out_of_order(self, account: Account, uploader: Uploader):
        account.sftp_settings(shuffled_acks=True)
        data = people(2_000)
        pieces = [data[place : place + 1_000] for place in range(0, len(data), 1_000)]

        with uploader.connect() as client:
            file = client.open("profiles/people.csv", "w")
            channel = client.get_channel()
            packets = b"".join(packet(n, file.handle, n * 1_000, piece) for n, piece in enumerate(pieces))
            channel.sendall(packets)
            answers = [struct.unpack(">IBII", received(channel)[:13])[1:] for _ in pieces]
            file.close()

        numbers = [number for _, number, _ in answers]
        assert sorted(numbers) == list(range(len(pieces)))
        assert numbers != sorted(numbers)
        assert {(kind, code) for kind, _, code in answers} == {(CMD_STATUS, SFTP_OK)}
        assert account.sftp_file("people.csv") == data

    def test_ask_for_what_a_file_is_like(self, uploader: Uploader):
        with uploader.connect() as client:
            write(client, people(1))
            file = client.open("profiles/people.csv")

            assert file.stat().st_size == client.lstat("profiles/people.csv").st_size == len(people(1))
            assert client._request(paramiko.sftp.CMD_FSTAT, file.handle)[0] == CMD_ATTRS


class TestOpenSsh:
    @pytest.fixture(autouse=True)
    def client(self) -> None:
        """Its client comes with the server, which is installed where it is missing."""
        sshd.sshd()

    def test_uploads_lists_renames_and_reads_back(self, tmp_path: Path, account: Account, uploader: Uploader):
        (tmp_path / "a.csv").write_bytes(people(20_000, account.list_named("VIP")))
        batch = ["put a.csv profiles/a.csv", "rename profiles/a.csv profiles/b.csv", "ls profiles"]

        told = openssh(uploader, tmp_path, [*batch, "get profiles/b.csv b.csv"])
        settle(account)

        assert told.returncode == 0, told.stderr
        assert "profiles/b.csv" in told.stdout
        assert (tmp_path / "b.csv").read_bytes() == (tmp_path / "a.csv").read_bytes()
        assert len(account.members("VIP")) == 20_000
        accepted = [
            login["accepted"] for login in account.sftp_log("login") if login["method"] == "publickey"
        ]
        assert accepted == [True]

    def test_does_not_log_in_at_another_machine(self, tmp_path: Path, account: Account, uploader: Uploader):
        openssh(uploader, tmp_path, ["ls"])
        account.sftp_fault("other_host_key")
        before = len(account.sftp_log("login"))

        told = openssh(uploader, tmp_path, ["ls"])

        assert told.returncode != 0
        assert "HOST IDENTIFICATION HAS CHANGED" in told.stderr
        assert len(account.sftp_log("login")) == before


def openssh(uploader: Uploader, folder: Path, batch: list[str]) -> subprocess.CompletedProcess[str]:
    """Run OpenSSH's own client in a folder, which keeps the host keys it has seen."""
    door, key = uploader.account.sftp, folder / "key"
    key.write_text(uploader.key.text)
    key.chmod(0o600)
    options = ["StrictHostKeyChecking=accept-new", f"UserKnownHostsFile={folder}/known", "IdentitiesOnly=yes"]
    given = [part for option in options for part in ("-o", option)]
    command = ["sftp", "-b", "-", "-F", "none", "-P", str(door.port), "-i", str(key), *given]
    return subprocess.run(
        [*command, f"{door.user}@{door.host}"],
        input="\n".join(batch) + "\n",
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
    )


def packet(number: int, handle: bytes, offset: int, data: bytes) -> bytes:
    """Return a request to write, framed, so that many can be sent before any answer is read."""
    inner = struct.pack(">BII", CMD_WRITE, number, len(handle)) + handle
    inner += struct.pack(">QI", offset, len(data)) + data
    return struct.pack(">I", len(inner)) + inner


def received(channel: paramiko.Channel) -> bytes:
    """Return the next packet, with its length in front."""

    def exactly(count: int) -> bytes:
        data = b""
        while len(data) < count:
            data += channel.recv(count - len(data))
        return data

    head = exactly(4)
    return head + exactly(struct.unpack(">I", head)[0])
