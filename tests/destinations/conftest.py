"""An open line to the account of a test, and clocks that do not make anybody wait."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from credentials import host_keys, ssh_keys, vault
from credentials.models import Credential, CredentialKind
from destinations.clock import SystemClock
from destinations.klaviyo.service import Session, open_session
from simulator.control import Account
from tests.destinations.sftp_wires import HostileServer
from tests.sshd import OpenSSH


class PatientClock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment

    def sleep(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> PatientClock:
    return PatientClock()


@pytest.fixture
def session(db: None, klaviyo: Account) -> Iterator[Session]:
    with open_session(klaviyo.key, klaviyo.id, clock=SystemClock()) as opened:
        yield opened


@pytest.fixture
def make_login(db: None) -> Callable[..., Credential]:
    """A credential for a server on this machine; `pins` are public lines of host keys."""

    def make(
        port: int,
        *,
        key: str,
        user: str = "someone",
        pins: tuple[str, ...] = (),
        kind: str = CredentialKind.SFTP,
        name: str = "Files",
    ) -> Credential:
        settings = {"host": "127.0.0.1", "port": port, "user": user, "folder": "profiles"}
        credential = Credential(name=name, kind=kind, settings=settings)
        vault.save_secret(credential, key)
        for line in pins:
            host_keys.accept(
                credential, type=line.split()[0], fingerprint=ssh_keys.fingerprint(line), by="test"
            )
        return credential

    return make


@pytest.fixture
def login(make_login: Callable[..., Credential], openssh: OpenSSH) -> Credential:
    """A credential that opens OpenSSH's server, whose keys are all pinned."""
    return make_login(
        openssh.port, key=openssh.private_key, user=openssh.user, pins=tuple(openssh.host_keys.values())
    )


@pytest.fixture
def hostile(tmp_path: Path) -> Iterator[HostileServer]:
    """A server that errs as it is told."""
    server = HostileServer(tmp_path)
    yield server
    server.close()


@pytest.fixture
def hostile_login(make_login: Callable[..., Credential], hostile: HostileServer) -> Credential:
    """A credential that opens the hostile server, whose key is pinned."""
    return make_login(hostile.port, key=ssh_keys.generate().openssh, pins=(hostile.public_line,))
