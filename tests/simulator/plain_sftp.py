"""Speaks SFTP to a simulator with paramiko's own client, and nothing of ours."""

import io
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property

import paramiko
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from simulator.control import Account

PATIENCE_SECONDS = 60.0
GONE = (EOFError, OSError, paramiko.SSHException)


class Key:
    """A key pair of somebody who uploads."""

    def __init__(self) -> None:
        private = ed25519.Ed25519PrivateKey.generate()
        self.text = private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
        ).decode()

    @cached_property
    def private(self) -> paramiko.PKey:
        return paramiko.Ed25519Key.from_private_key(io.StringIO(self.text))

    @property
    def public_line(self) -> str:
        return f"ssh-ed25519 {self.private.get_base64()} somebody"


class Uploader:
    """Somebody with a key that an account lets in."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.key = Key()
        account.authorize(self.key.public_line)

    @contextmanager
    def transport(self, *, timeout: float = 10.0) -> Iterator[paramiko.Transport]:
        """Connect as far as keys that both sides know; whoever wants to logs in."""
        door = self.account.sftp
        transport = paramiko.Transport((door.host, door.port))
        transport.banner_timeout = transport.auth_timeout = timeout
        try:
            transport.start_client(timeout=timeout)
            if not transport.initial_kex_done:
                raise paramiko.SSHException("there was no answer in time")
            yield transport
        finally:
            transport.close()

    @contextmanager
    def connect(self, *, timeout: float = 10.0) -> Iterator[paramiko.SFTPClient]:
        with self.transport(timeout=timeout) as transport:
            transport.auth_publickey(self.account.sftp.user, self.key.private)
            client = paramiko.SFTPClient.from_transport(transport)
            assert client is not None
            client.get_channel().settimeout(timeout)
            yield client

    def upload(self, data: bytes, path: str = "profiles/people.csv") -> None:
        """Upload a file, overwriting one of that name, and wait for each answer."""
        with self.connect() as client:
            write(client, data, path)

    def upload_settled(self, data: bytes, path: str = "profiles/people.csv") -> dict[str, object]:
        """Upload a file and return it, once its rows are in."""
        self.upload(data, path)
        settle(self.account)
        return self.account.sftp_files()[-1]


def write(
    client: paramiko.SFTPClient, data: bytes, path: str = "profiles/people.csv", step: int = 32_000
) -> None:
    with client.open(path, "w") as file:
        for place in range(0, len(data), step):
            file.write(data[place : place + step])


def table(header: str, rows: Sequence[str]) -> bytes:
    return "".join(f"{line}\n" for line in (header, *rows)).encode()


def people(count: int, list_id: str = "", *, first: int = 0) -> bytes:
    """Return a file of so many people, all to be put on one list."""
    rows = [f"p{n}@example.org,{list_id}" for n in range(first, first + count)]
    return table("Email,List ID", rows)


def settle(account: Account) -> None:
    """Wait until the rows of all files are in."""
    # Not by `counts`, which counts profiles too: asked that often, it would take the time the rows need.
    until(lambda: not {file["status"] for file in account.sftp_files()} & {"waiting", "processing"})


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end, f"it did not happen in {PATIENCE_SECONDS:.0f} seconds"
        time.sleep(0.01)


def ended(account: Account, files: int = 1) -> list[dict[str, object]]:
    """Return the uploads once there are so many and none of them is open."""

    def are_ended() -> bool:
        states = [file["state"] for file in account.sftp_files()]
        return len(states) == files and "open" not in states

    until(are_ended)
    return account.sftp_files()
