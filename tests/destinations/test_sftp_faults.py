"""What servers do wrong: each fault gets its code, nothing is torn, nobody waits, no word is kept."""

import hashlib
import logging
import random
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import paramiko
import pytest

from credentials import ssh_keys
from credentials.host_keys import Pin
from credentials.models import Credential
from destinations.clock import SystemClock
from destinations.errors import Ambiguous, DeliveryError, NeedsDecision, RetryLater
from destinations.gateway import NoHooks
from destinations.sftp.address import Address, Timeouts
from destinations.sftp.connection import Connection
from destinations.sftp.faults import HostKeyRefused
from destinations.sftp.session import Session, open_session
from destinations.sftp.upload import Uploaded
from tests.destinations.sftp_wires import HostileServer, Wire, wire_to
from tests.destinations.test_sftp_session import ignore, some_blocks, whole
from tests.sshd import OpenSSH

SHORT = Timeouts(connect=0.6, banner=0.6, auth=0.6, channel=0.6, stall=0.6)
PATIENT = Timeouts()
CUTS = 200


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


class TestSilence:
    """Each within its own time-out, which is 10 to 60 seconds in life and 0.6 here."""

    @pytest.fixture
    def begun(self) -> float:
        return time.monotonic()

    @pytest.fixture
    def wire(self, openssh: OpenSSH) -> Iterator[Wire]:
        with wire_to(openssh.port) as wire:
            yield wire

    @pytest.fixture
    def connection(self, wire: Wire, openssh: OpenSSH) -> Iterator[Connection]:
        with connect(wire.port, openssh) as connection:
            yield connection

    def test_at_the_connection(self, begun: float) -> None:
        # A queue of one that is full: the second connection waits for a place for ever.
        with socket.socket() as listener, socket.socket() as first:
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
            first.connect(listener.getsockname())
            address = Address("127.0.0.1", listener.getsockname()[1], "someone")
            with pytest.raises(RetryLater) as caught:
                Connection(address, pins=(), timeouts=SHORT)

        assert caught.value.code == "sftp_unavailable"
        assert caught.value.not_sent
        assert time.monotonic() - begun < 2

    def test_at_the_banner(self, begun: float) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            address = Address("127.0.0.1", listener.getsockname()[1], "someone")
            with pytest.raises(RetryLater) as caught:
                Connection(address, pins=(), timeouts=SHORT)

        assert caught.value.message == (
            f"The SFTP server {address} did not answer in time. Nothing was written."
        )
        assert time.monotonic() - begun < 2

    def test_at_the_login(self, connection: Connection, wire: Wire, openssh: OpenSSH, begun: float) -> None:
        wire.freeze_after(0)

        with pytest.raises(RetryLater):
            connection.log_in(openssh.private_key)

        assert time.monotonic() - begun < 2

    def test_after_the_login(
        self, connection: Connection, wire: Wire, openssh: OpenSSH, begun: float
    ) -> None:
        connection.log_in(openssh.private_key)
        wire.freeze_after(0)

        with pytest.raises(RetryLater):
            connection.open_client()

        assert time.monotonic() - begun < 2

    @pytest.mark.parametrize("sent", [0, 1_000_000])
    def test_in_the_upload(
        self, sent: int, connection: Connection, wire: Wire, openssh: OpenSSH, begun: float
    ) -> None:
        connection.log_in(openssh.private_key)
        session = Session(connection, connection.open_client(), hooks=NoHooks())
        session.listing("profiles")
        wire.freeze_after(sent)

        with pytest.raises(RetryLater if sent == 0 else Ambiguous) as caught:
            upload(session, rows=400_000)

        assert caught.value.code == ("sftp_unavailable" if sent == 0 else "sftp_cut")
        assert time.monotonic() - begun < 3

    def test_nobody_there(self, make_login: Callable[..., Credential]) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            credential = make_login(unused.getsockname()[1], key=ssh_keys.generate().openssh)

            error = failure_of(credential)

        assert isinstance(error, RetryLater)
        assert error.code == "sftp_unavailable"


def connect(port: int, openssh: OpenSSH, timeouts: Timeouts = SHORT) -> Connection:
    pins = tuple(Pin(kind, ssh_keys.fingerprint(line)) for kind, line in openssh.host_keys.items())
    connection = Connection(Address("127.0.0.1", port, openssh.user), pins=pins, timeouts=timeouts)
    connection.verify()
    return connection


def log_in(port: int, openssh: OpenSSH, timeouts: Timeouts = PATIENT) -> Session:
    connection = connect(port, openssh, timeouts)
    connection.log_in(openssh.private_key)
    return Session(connection, connection.open_client(), hooks=NoHooks())


@dataclass(frozen=True)
class Cut:
    """Where to end the connection: so many bytes after the login. Every cut has a file of its own."""

    number: int
    staging: bool
    after: int

    @property
    def name(self) -> str:
        return f"cut-{self.number}.csv"


class TestCuts:
    BLOCKS = some_blocks(20_000)
    CONTENT = whole(BLOCKS)

    def test_200_cuts_leave_no_damaged_row_and_the_resend_is_the_same(self, openssh: OpenSSH) -> None:
        totals = {staging: self._measure(openssh, staging=staging) for staging in (False, True)}
        # A login takes a tenth of a second of waiting for the other side, so three go on at once.
        with ExitStack() as open_ones, ThreadPoolExecutor(3) as threads:
            steady: SimpleQueue[Session] = SimpleQueue()
            for _ in range(3):
                steady.put(open_ones.enter_context(log_in(openssh.port, openssh)))
            ends = list(threads.map(lambda cut: self._run(cut, openssh, steady), self._cuts(totals)))

        counts = Counter(code for code, _ in ends)
        assert {digest for _, digest in ends} == {hashlib.sha256(self.CONTENT).hexdigest()}
        assert counts.total() == CUTS
        assert counts.keys() <= {"sftp_cut", "sftp_unavailable"}
        assert counts["sftp_cut"] > CUTS * 0.9

    def _cuts(self, totals: dict[bool, int]) -> Iterator[Cut]:
        dice = random.Random(20261121)
        for number in range(CUTS):
            staging, total = number % 2 == 0, totals[number % 2 == 0]
            # A third of them while the file is closed, looked at and renamed.
            after = total - 1 - dice.randrange(500) if number % 3 == 0 else dice.randrange(total)
            yield Cut(number, staging, after)

    def _measure(self, openssh: OpenSSH, *, staging: bool) -> int:
        """Return the bytes that a client sends for one upload after its login."""
        with wire_to(openssh.port) as wire, log_in(wire.port, openssh) as session:
            wire.count()
            session.upload(
                self.BLOCKS, folder="profiles", name=f"{staging}.csv", pulse=ignore, staging=staging
            )
            return wire.sent

    def _run(self, cut: Cut, openssh: OpenSSH, steady: SimpleQueue[Session]) -> tuple[str, str]:
        """Return the code of the error, and the digest of what was sent again under another name."""
        folder = openssh.folder / "profiles"
        with wire_to(openssh.port) as wire, log_in(wire.port, openssh) as session:
            wire.cut_after(cut.after)
            with pytest.raises(DeliveryError) as caught:
                session.upload(
                    self.BLOCKS, folder="profiles", name=cut.name, pulse=ignore, staging=cut.staging
                )
        for path in (folder / cut.name, folder / f".{cut.name}.uploading"):
            self._check_rows(path)
        session = steady.get()
        again = session.upload(self.BLOCKS, folder="profiles", name=f"again-{cut.name}", pulse=ignore)
        steady.put(session)
        assert (folder / again.name).read_bytes() == self.CONTENT
        return caught.value.code, again.sha256

    def _check_rows(self, path: Path) -> None:
        # The server works through what had reached it after the cut, and ends with a whole row.
        ends = time.monotonic() + 5
        while not self._is_whole_rows(path.read_bytes() if path.exists() else b""):
            assert time.monotonic() < ends, "a damaged row was left"

    def _is_whole_rows(self, kept: bytes) -> bool:
        return self.CONTENT.startswith(kept) and (not kept or kept.endswith(b"\n"))


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
