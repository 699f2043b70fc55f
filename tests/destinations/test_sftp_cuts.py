"""Silence and cuts at every point: a worker is let go, and no row is ever torn."""

import hashlib
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

import pytest

from credentials import ssh_keys
from credentials.host_keys import Pin
from credentials.models import Credential
from destinations.errors import Ambiguous, DeliveryError, RetryLater
from destinations.gateway import NoHooks
from destinations.sftp.address import Address, Timeouts
from destinations.sftp.connection import Connection
from destinations.sftp.session import Session
from tests.destinations.sftp_wires import Wire, wire_to
from tests.destinations.test_sftp_faults import SHORT, failure_of, upload
from tests.destinations.test_sftp_session import ignore, some_blocks, whole
from tests.sshd import OpenSSH

PATIENT = Timeouts()
CUTS = 200


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
        assert ("went silent" if sent == 0 else "stopped answering") in caught.value.message
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
