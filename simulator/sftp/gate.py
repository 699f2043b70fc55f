"""The door of one connection: who comes in, and what goes wrong on the way."""

import select
import socket
import threading
from typing import TYPE_CHECKING

import paramiko
from paramiko.common import (
    AUTH_FAILED,
    AUTH_SUCCESSFUL,
    OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED,
    OPEN_SUCCEEDED,
)

from simulator.accounts import Account
from simulator.sftp import access, keys
from simulator.sftp.faults import Fault
from simulator.sftp.journal import Connection
from simulator.world import World

if TYPE_CHECKING:
    from simulator.sftp.session import Session

LONGEST_SILENCE_SECONDS = 900
ENDING_SECONDS = 30.0


class Spoilt(Exception):
    """This connection goes no further: it is to be cut, or to stay open in silence."""

    def __init__(self, action: str) -> None:
        super().__init__(action)
        self.action = action


class Gate(paramiko.ServerInterface):
    """Lets users in by their public keys, and over to files. Its methods run in the transport's thread."""

    def __init__(self, world: World, sock: socket.socket, connection: Connection) -> None:
        self.world = world
        self.sftp = world.sftp
        self.connection = connection
        self.account: Account | None = None
        self.transport: paramiko.Transport | None = None
        self.sessions: list[Session] = []
        self._sock = sock
        self._lock = threading.Lock()

    # Asked by paramiko

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_none(self, username: str) -> int:
        return self._refuse(username, "none")

    def check_auth_password(self, username: str, password: str) -> int:
        return self._refuse(username, "password")

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        self.note_key_exchange()
        account = access.account_of(self.world.accounts, username)
        blob = key.asbytes()
        accepted = account is not None and self.sftp.access.opens(account, blob)
        self._note_login(username, account, "publickey", keys.fingerprint(blob), accepted=accepted)
        try:
            self.spoil("auth", account)
        except Spoilt as spoilt:
            self.end(spoilt.action)
            return AUTH_FAILED
        if not accepted:
            return AUTH_FAILED
        self.account = account
        return AUTH_SUCCESSFUL

    def check_channel_request(self, kind: str, chanid: int) -> int:
        self.connection.logged_in = True
        return OPEN_SUCCEEDED if kind == "session" else OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED

    # What goes wrong

    def spoil(self, at: str, account: Account | None = None, path: str = "") -> None:
        """Raise Spoilt where a fault cuts or silences this connection."""
        fault = self.acting(at, account, path)
        if fault:
            raise Spoilt(fault.action)

    def acting(self, at: str, account: Account | None = None, path: str = "") -> Fault | None:
        names = (account.key, account.id) if account else ()
        fault = self.sftp.faults.acting(at, self.world.clock.now(), names=names, path=path)
        if fault:
            self.sftp.journal.spoilt(self.connection, fault.action, at)
        return fault

    def end(self, action: str) -> None:
        """Cut the connection, after a long silence if that is what is to be."""
        if action == "silent":
            self.stay_silent()
        self.cut()

    def cut(self) -> None:
        with self._lock:
            try:
                self._sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # the client was faster

    def stay_silent(self) -> None:
        """Say nothing until the client gives up."""
        poll = select.poll()
        poll.register(self._sock, getattr(select, "POLLRDHUP", 0) | select.POLLHUP | select.POLLERR)
        for _ in range(LONGEST_SILENCE_SECONDS * 4):
            if self.world.stopping.is_set() or self._sock.fileno() < 0 or poll.poll(250):
                return

    def wait_until_over(self) -> None:
        """Return when the sessions of this connection have ended their files, or after a while."""
        for session in self.sessions:
            session.over.wait(ENDING_SECONDS)

    # What is noted

    def note_key_exchange(self) -> None:
        transport = self.transport
        if transport is None or not transport.initial_kex_done:
            return
        key = transport.get_server_key()
        self.connection.client = transport.remote_version
        self.sftp.journal.exchanged(
            self.connection,
            host_key=keys.shown(key),
            host_key_algorithm=transport.host_key_type,
            cipher=transport.remote_cipher,
            strict=transport.agreed_on_strict_kex,
        )

    def _refuse(self, username: str, method: str) -> int:
        self.note_key_exchange()
        account = access.account_of(self.world.accounts, username)
        self._note_login(username, account, method, "", accepted=False)
        return AUTH_FAILED

    def _note_login(
        self, user: str, account: Account | None, method: str, key: str, *, accepted: bool
    ) -> None:
        account_id = account.id if account else None
        self.sftp.journal.login(
            self.connection, user=user, account=account_id, method=method, key=key, accepted=accepted
        )
