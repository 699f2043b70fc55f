import time

import paramiko
import pytest

from simulator.control import Account, ControlError, Simulator
from tests.simulator.plain_sftp import GONE, Uploader, ended, people, settle, write

DATA = people(100)


@pytest.fixture
def uploader(account: Account) -> Uploader:
    account.sftp_settings(delay_seconds=0)
    return Uploader(account)


class TestCut:
    def test_keeps_the_writes_that_came_whole(self, account: Account, uploader: Uploader):
        account.sftp_fault("cut", bytes=1_500, times=1)

        with uploader.connect() as client, pytest.raises(GONE):
            write(client, DATA, step=1_000)
        cut = ended(account)[0]
        uploader.upload(DATA)
        whole = ended(account, files=2)[1]

        assert (cut["state"], cut["bytes"], cut["received"]) == ("cut", 1_000, len(DATA))
        assert (whole["state"], whole["bytes"]) == ("complete", len(DATA))
        assert account.sftp_file("people.csv") == DATA
        assert [entry["action"] for entry in account.sftp_log("fault")] == ["cut"]

    def test_keeps_part_of_a_write_when_told_to(self, account: Account, uploader: Uploader):
        account.sftp_fault("cut", bytes=1_503, torn=True)

        with uploader.connect() as client, pytest.raises(GONE):
            write(client, DATA, step=1_000)

        assert ended(account)[0]["bytes"] == 1_503

    @pytest.mark.parametrize("at", ["tcp", "banner"])
    def test_ends_what_has_hardly_begun(
        self, simulator: Simulator, account: Account, uploader: Uploader, at: str
    ):
        account.sftp_fault("cut", at=at, times=1)

        with pytest.raises(GONE), uploader.transport():
            pass

        told = simulator.sftp_connections()[-1]
        assert (told["key_exchange"], told["logins"], told["faults"]) == (None, [], ["cut"])
        uploader.upload(DATA)

    def test_ends_a_login(self, account: Account, uploader: Uploader):
        account.sftp_fault("cut", at="auth", times=1)

        with pytest.raises(GONE), uploader.connect():
            pass

        told = account.sftp_connections()[-1]
        assert told["key_exchange"]["host_key"] == account.sftp.host_key
        assert not told["logged_in"]

    @pytest.mark.parametrize(("after", "files"), [(False, []), (True, [("cut", 0)])])
    def test_ends_an_open(
        self, account: Account, uploader: Uploader, after: bool, files: list[tuple[str, int]]
    ):
        account.sftp_fault("cut", at="open", after=after, times=1)

        with uploader.connect() as client, pytest.raises(GONE):
            client.open("profiles/people.csv", "w")

        assert [(f["state"], f["bytes"]) for f in ended(account, files=len(files))] == files

    @pytest.mark.parametrize(("after", "state"), [(False, "cut"), (True, "complete")])
    def test_ends_a_close(self, account: Account, uploader: Uploader, after: bool, state: str):
        account.sftp_fault("cut", at="close", after=after, times=1)

        with uploader.connect() as client:
            file = client.open("profiles/people.csv", "w")
            file.write(DATA)
            with pytest.raises(GONE):
                file.close()

        assert [(f["state"], f["bytes"]) for f in ended(account)] == [(state, len(DATA))]

    @pytest.mark.parametrize(("after", "name"), [(False, "a.part"), (True, "a.csv")])
    def test_ends_a_rename(self, account: Account, uploader: Uploader, after: bool, name: str):
        uploader.upload(DATA, "profiles/a.part")
        account.sftp_fault("cut", at="rename", after=after, times=1)

        with uploader.connect() as client, pytest.raises(GONE):
            client.posix_rename("profiles/a.part", "profiles/a.csv")

        with uploader.connect() as client:
            assert client.listdir("profiles") == [name]


class TestFullDisk:
    def test_is_told_as_an_error(self, account: Account, uploader: Uploader):
        account.sftp_fault("full", bytes=1_500)

        with uploader.connect() as client, pytest.raises(OSError, match="Failure"):
            write(client, DATA, step=1_000)

        assert ended(account)[0]["bytes"] == 1_000

    def test_is_not_told_at_all(self, account: Account, uploader: Uploader):
        account.sftp_fault("full", bytes=1_500, mode="silent", torn=True)

        with uploader.connect() as client:
            write(client, DATA, step=1_000)
            size = client.stat("profiles/people.csv").st_size

        assert size == 1_500
        assert ended(account)[0]["received"] == len(DATA)

    def test_is_told_when_the_file_is_closed(self, account: Account, uploader: Uploader):
        account.sftp_fault("full", bytes=1_500, mode="close")

        with uploader.connect() as client:
            file = client.open("profiles/people.csv", "w")
            for place in range(0, len(DATA), 1_000):
                file.write(DATA[place : place + 1_000])
            with pytest.raises(OSError, match="Failure"):
                # paramiko's own `close` does not wait for the answer, nor look at it.
                client._request(paramiko.sftp.CMD_CLOSE, file.handle)

        assert ended(account)[0]["bytes"] == 1_000


class TestRefusal:
    def test_of_an_open(self, account: Account, uploader: Uploader):
        account.sftp_fault("deny", at="open", times=1)

        with uploader.connect() as client:
            with pytest.raises(PermissionError):
                client.open("profiles/people.csv", "w")
            write(client, DATA)

    def test_of_a_folder(self, account: Account, uploader: Uploader):
        account.sftp_fault("deny", folder="profiles")

        with uploader.connect() as client:
            for act in (client.listdir, client.stat, client.remove):
                with pytest.raises(PermissionError):
                    act("profiles")
            write(client, DATA, "events/people.csv")

    def test_of_a_folder_that_is_missing(self, account: Account, uploader: Uploader):
        account.sftp_fault("missing_folder", folder="profiles")

        with uploader.connect() as client:
            assert client.listdir("/") == ["events"]
            with pytest.raises(FileNotFoundError):
                client.open("profiles/people.csv", "w")

    def test_of_every_key(self, account: Account, uploader: Uploader):
        account.sftp_settings(refuse_keys=True)

        with pytest.raises(paramiko.AuthenticationException), uploader.connect():
            pass

        assert [login["accepted"] for login in account.sftp_log("login")] == [False]
        account.sftp_settings(refuse_keys=False)
        uploader.upload(DATA)


class TestSilence:
    @pytest.mark.parametrize("at", ["tcp", "banner"])
    def test_before_keys_are_exchanged(
        self, simulator: Simulator, account: Account, uploader: Uploader, at: str
    ):
        account.sftp_fault("silent", at=at, times=1)

        with pytest.raises(paramiko.SSHException), uploader.transport(timeout=0.3):
            pass

        assert simulator.sftp_connections()[-1]["key_exchange"] is None

    def test_at_the_login(self, account: Account, uploader: Uploader):
        account.sftp_fault("silent", at="auth", times=1)

        with pytest.raises(paramiko.SSHException), uploader.connect(timeout=0.3):
            pass

    @pytest.mark.parametrize("fault", [{"at": "open"}, {"bytes": 1_500}, {"at": "close"}])
    def test_while_there_is_a_file(self, account: Account, uploader: Uploader, fault: dict[str, object]):
        account.sftp_fault("silent", **fault, times=1)

        with uploader.connect(timeout=0.3) as client, pytest.raises(TimeoutError):
            write_and_look(client)

        ended(account, files=0 if fault == {"at": "open"} else 1)
        assert [entry["action"] for entry in account.sftp_log("fault")] == ["silent"]


def write_and_look(client: paramiko.SFTPClient) -> None:
    """Write a file and ask for its folder, as paramiko's own `close` does not wait for an answer."""
    write(client, DATA, step=1_000)
    client.stat("profiles")


class TestHostKey:
    def test_is_another_machines(self, simulator: Simulator, account: Account, uploader: Uploader):
        expected = account.sftp.host_key
        account.sftp_fault("other_host_key", times=1)

        with uploader.transport() as transport:
            presented = transport.get_remote_server_key()

        told = simulator.sftp_connections()[-1]
        assert f"{presented.get_name()} {presented.fingerprint}" == told["key_exchange"]["host_key"]
        assert told["key_exchange"]["host_key"] != expected
        assert told["logins"] == []
        with uploader.transport() as transport:
            assert f"ssh-ed25519 {transport.get_remote_server_key().fingerprint}" == expected

    @pytest.mark.parametrize("kind", ["ssh-rsa", "ecdsa-sha2-nistp256"])
    def test_is_of_another_type(self, simulator: Simulator, uploader: Uploader, kind: str):
        (shown,) = simulator.sftp_host_keys(kind)
        try:
            with uploader.transport() as transport:
                presented = transport.get_remote_server_key()
        finally:
            simulator.sftp_host_keys("ssh-ed25519")

        assert shown == f"{kind} {presented.fingerprint}"

    def test_stays_the_same(self, tmp_path):
        shown = []
        for _ in range(2):
            with Simulator.start(tmp_path) as simulator:
                shown.append(simulator.sftp.host_key)

        assert shown[0] == shown[1]


class TestRules:
    def test_count_what_they_match(self, account: Account, uploader: Uploader):
        account.sftp_fault("deny", at="open", path=r"\.csv$", skip=1, times=1)

        answers = []
        with uploader.connect() as client:
            for name in ("a.txt", "a.csv", "b.csv", "c.csv"):
                try:
                    client.open(f"profiles/{name}", "w").close()
                    answers.append("ok")
                except PermissionError:
                    answers.append("denied")

        assert answers == ["ok", "ok", "denied", "ok"]
        assert [(fault["seen"], fault["acted"]) for fault in account.sftp_faults()] == [(3, 1)]

    def test_expire(self, account: Account, uploader: Uploader):
        account.sftp_fault("deny", at="open", for_seconds=0)

        uploader.upload(DATA)

    def test_leave_other_accounts_alone(self, simulator: Simulator, account: Account, uploader: Uploader):
        simulator.account("Other").sftp_fault("cut", at="open")

        uploader.upload(DATA)

    def test_end_with_all_others(self, account: Account, uploader: Uploader):
        account.sftp_fault("deny", at="open")

        account.clear_faults()

        assert account.sftp_faults() == []

    @pytest.mark.parametrize(
        "details",
        [{"action": "burn"}, {"action": "cut"}, {"action": "cut", "at": "moon"}, {"action": "full", "a": 1}],
    )
    def test_are_refused_when_they_could_never_act(self, account: Account, details: dict[str, object]):
        with pytest.raises(ControlError):
            account.sftp_fault(**details)


class TestSlowness:
    def test_is_as_great_as_an_account_says(self, account: Account, uploader: Uploader):
        account.sftp_settings(bytes_per_second=len(DATA) / 0.3)

        began = time.monotonic()
        uploader.upload(DATA)

        assert time.monotonic() - began >= 0.3
        settle(account)
