"""What servers do wrong: each fault gets its code, nothing is torn, nobody waits, no word is kept."""

import logging
from collections.abc import Callable
from typing import Any

import paramiko
import pytest

from credentials import ssh_keys
from credentials.host_keys import Pin
from credentials.models import Credential
from destinations.clock import SystemClock
from destinations.errors import DeliveryError, NeedsDecision, RetryLater
from destinations.sftp.address import Address, Timeouts
from destinations.sftp.connection import Connection
from destinations.sftp.faults import HostKeyRefused
from destinations.sftp.session import Session, open_session
from destinations.sftp.upload import Uploaded
from tests.destinations.sftp_wires import HostileServer
from tests.destinations.test_sftp_session import ignore, some_blocks, whole
from tests.sshd import OpenSSH

SHORT = Timeouts(connect=0.6, banner=0.6, auth=0.6, channel=0.6, stall=0.6)


def upload(session: Session, *, rows: int = 30_000, staging: bool = False) -> Uploaded:
    return session.upload(some_blocks(rows), folder="profiles", name="a.csv", pulse=ignore, staging=staging)


def failure_of(credential: Credential, *, staging: bool = False) -> DeliveryError:
    """Return what an upload raises, when opening or later."""
    with (
        pytest.raises(DeliveryError) as caught,
        open_session(credential, clock=SystemClock(), timeouts=SHORT) as session,
    ):
        upload(session, staging=staging)
    return caught.value


def lose_the_lease(size: int, rows: int) -> None:
    raise OSError("the lease is lost")


class TestHostKey:
    def test_an_unknown_server_gets_no_login_and_no_byte(
        self, make_login: Callable[..., Credential], hostile: HostileServer
    ) -> None:
        credential = make_login(hostile.port, key=ssh_keys.generate().openssh)

        error = failure_of(credential)

        assert isinstance(error, HostKeyRefused)
        assert error.code == "host_key_unknown"
        assert str(error.presented) in error.message
        assert (hostile.seen.connections, hostile.seen.login_attempts, hostile.seen.bytes) == (1, 0, 0)

    def test_a_changed_server_gets_no_login_and_no_byte(
        self, make_login: Callable[..., Credential], hostile: HostileServer
    ) -> None:
        other = ssh_keys.generate()
        credential = make_login(hostile.port, key=ssh_keys.generate().openssh, pins=(other.public_line,))

        error = failure_of(credential)

        assert isinstance(error, HostKeyRefused)
        assert error.code == "host_key_changed"
        assert error.pinned == (Pin("ssh-ed25519", other.fingerprint),)
        assert ssh_keys.fingerprint(hostile.public_line) in error.message
        assert other.fingerprint in error.message
        assert (hostile.seen.connections, hostile.seen.login_attempts, hostile.seen.bytes) == (1, 0, 0)

    def test_openssh_hears_no_login_either(
        self, make_login: Callable[..., Credential], openssh: OpenSSH
    ) -> None:
        pins: tuple[tuple[str, ...], ...] = ((), (ssh_keys.generate().public_line,))
        before = openssh.login_attempts()
        for number, pinned in enumerate(pins):
            credential = make_login(
                openssh.port, key=openssh.private_key, user=openssh.user, pins=pinned, name=f"F{number}"
            )
            assert isinstance(failure_of(credential), HostKeyRefused)

        assert openssh.login_attempts() == before

    def test_never_logs_in_when_asked_to_without_a_check(
        self, openssh: OpenSSH, hostile: HostileServer
    ) -> None:
        address = Address("127.0.0.1", hostile.port, "someone")
        with Connection(address, pins=(), timeouts=SHORT) as connection, pytest.raises(HostKeyRefused):
            connection.log_in(openssh.private_key)

        assert hostile.seen.login_attempts == 0


class TestRefusals:
    def test_a_key_that_is_not_accepted(self, hostile: HostileServer, hostile_login: Credential) -> None:
        hostile.faults.refuses_login = True

        error = failure_of(hostile_login)

        assert isinstance(error, NeedsDecision)
        assert error.code == "sftp_login_refused"

    def test_a_server_that_hangs_up_at_the_login(
        self, hostile: HostileServer, hostile_login: Credential
    ) -> None:
        hostile.faults.hangs_up_at_login = True

        error = failure_of(hostile_login)

        assert isinstance(error, RetryLater)
        assert error.code == "sftp_unavailable"

    def test_a_login_that_may_not_use_sftp(self, hostile: HostileServer, hostile_login: Credential) -> None:
        hostile.faults.refuses_sftp = True

        assert failure_of(hostile_login).code == "sftp_denied"

    def test_a_folder_that_may_not_be_written(
        self, hostile: HostileServer, hostile_login: Credential
    ) -> None:
        hostile.faults.denies = frozenset({"open"})

        assert failure_of(hostile_login).code == "sftp_denied"

    def test_a_folder_that_is_not_there(self, hostile: HostileServer, hostile_login: Credential) -> None:
        (hostile.folder / "profiles").rmdir()

        assert failure_of(hostile_login).code == "sftp_folder_missing"

    def test_a_server_that_does_not_rename(self, hostile: HostileServer, hostile_login: Credential) -> None:
        hostile.faults.denies = frozenset({"rename"})

        error = failure_of(hostile_login, staging=True)

        assert error.code == "sftp_denied"
        assert list((hostile.folder / "profiles").iterdir()) == []

    @pytest.mark.parametrize("how", ["error", "close", "silently"])
    def test_a_full_disk_keeps_no_part_and_counts_nothing(
        self, how: str, hostile: HostileServer, hostile_login: Credential
    ) -> None:
        hostile.faults.full_after, hostile.faults.full_how = 100_000, how

        error = failure_of(hostile_login)

        assert isinstance(error, NeedsDecision)
        assert error.code == "sftp_no_space"
        assert list((hostile.folder / "profiles").iterdir()) == []

    def test_a_full_disk_stops_the_upload_at_its_first_word(
        self, hostile: HostileServer, hostile_login: Credential
    ) -> None:
        hostile.faults.full_after = 0
        with (
            pytest.raises(NeedsDecision),
            open_session(hostile_login, clock=SystemClock()) as session,
        ):
            upload(session, rows=400_000)

        # What was in flight already, and not the rest of 13 MB.
        assert hostile.seen.bytes < 5_000_000

    def test_a_file_that_is_taken_at_once_is_no_error(
        self, hostile: HostileServer, hostile_login: Credential
    ) -> None:
        hostile.faults.takes_on_close = True

        with open_session(hostile_login, clock=SystemClock()) as session:
            uploaded = upload(session)

        assert (uploaded.state, uploaded.rows) == ("taken", 30_000)

    @pytest.mark.parametrize(("keeps_open_files", "taken"), [(False, []), (True, ["a.csv"])])
    def test_what_was_begun_is_removed_before_its_close_could_deliver_it(
        self, keeps_open_files: bool, taken: list[str], hostile: HostileServer, hostile_login: Credential
    ) -> None:
        hostile.faults.takes_on_close, hostile.faults.keeps_open_files = True, keeps_open_files

        with (
            pytest.raises(OSError, match="the lease is lost"),
            open_session(hostile_login, clock=SystemClock()) as session,
        ):
            session.upload(some_blocks(100_000), folder="profiles", name="a.csv", pulse=lose_the_lease)

        assert hostile.seen.taken == taken
        assert list((hostile.folder / "profiles").iterdir()) == []

    def test_what_cannot_be_removed_while_it_is_open_is_removed_after(
        self, hostile: HostileServer, hostile_login: Credential
    ) -> None:
        hostile.faults.keeps_open_files = True
        hostile.faults.full_after = 100_000

        assert failure_of(hostile_login).code == "sftp_no_space"
        assert list((hostile.folder / "profiles").iterdir()) == []

    def test_a_login_that_may_write_but_not_look_leaves_the_proof_to_others(
        self, hostile: HostileServer, hostile_login: Credential
    ) -> None:
        hostile.faults.denies = frozenset({"stat"})

        with open_session(hostile_login, clock=SystemClock()) as session:
            uploaded = upload(session)

        assert uploaded.state == "taken"
        assert (hostile.folder / "profiles/a.csv").read_bytes() == whole(some_blocks())

    def test_small_requests_go_where_large_ones_are_not_offered(
        self, hostile: HostileServer, hostile_login: Credential
    ) -> None:
        with open_session(hostile_login, clock=SystemClock()) as session:
            upload(session)

        assert 31_000 < hostile.seen.largest_request <= 32_000


class TestCanary:
    PERSON = "ada.lovelace@example.org"
    WORDS = f"\x1b[31m<script>{PERSON}</script>\r\nforged line"

    def test_no_word_of_a_server_and_no_secret_gets_anywhere(
        self, hostile: HostileServer, hostile_login: Credential, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        hostile.faults.hostile = self.WORDS
        said: list[str] = []
        for change in (
            {"denies": frozenset({"list", "open"})},
            {"denies": frozenset({"stat"}), "full_after": 10},
            {"full_after": 10, "full_how": "close"},
            {"refuses_sftp": True},
            {"refuses_login": True},
        ):
            for name, value in change.items():
                setattr(hostile.faults, name, value)
            said += self._everything_about(failure_of(hostile_login))

        said += [record.getMessage() + str(record.exc_info) for record in ours(caplog)]
        everything = "\n".join(said)
        assert len(said) >= 5
        for word in ("lovelace", "script", "forged", "\x1b", "PRIVATE KEY"):
            assert word not in everything

    def _everything_about(self, error: BaseException) -> list[str]:
        found: list[str] = []
        cause: Any = error
        while cause is not None:
            # What is suppressed is not shown by anybody.
            found += [str(cause), repr(cause), repr(cause.args)]
            cause = cause.__cause__
        return found


def ours(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """Return what was logged on our side of the wire; the hostile server is on the other."""
    return [record for record in caplog.records if not record.name.startswith("tests.hostile")]


def test_the_library_is_one_whose_private_names_were_read() -> None:
    assert paramiko.__version__.startswith("5.")
