"""Servers of files that do wrong, and a wire that can be cut or frozen at any byte."""

import os
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import paramiko
from paramiko.sftp import CMD_CLOSE, SFTP_FAILURE, SFTP_NO_SUCH_FILE, SFTP_OK, SFTP_PERMISSION_DENIED

_PIECE = 65_536
RESET = struct.pack("ii", 1, 0)


class Wire:
    """A TCP connection to `port` through our hands. Counts what clients send from the last arming on."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._lock = threading.Lock()
        self._left: int | None = None
        self._freezes = False
        self._released = threading.Event()
        self.sent = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut_after(self, sent: int) -> None:
        """Let so many more bytes from the client through, and then end the connection."""
        self._arm(sent, freezes=False)

    def freeze_after(self, sent: int) -> None:
        """Let so many more bytes from the client through, and then nothing either way."""
        self._arm(sent, freezes=True)

    def count(self) -> None:
        """Let everything through, and count from here."""
        self._arm(None, freezes=False)

    def close(self) -> None:
        self._released.set()
        self._listener.close()

    def _arm(self, left: int | None, *, freezes: bool) -> None:
        with self._lock:
            self._left, self._freezes, self.sent = left, freezes, 0

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._target))
            for pump in (self._upwards, self._downwards):
                threading.Thread(target=pump, args=(client, server), daemon=True).start()

    def _upwards(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(_PIECE):
                allowed = self._allow(len(data))
                server.sendall(data[:allowed])
                if allowed < len(data):
                    self._end(client)
                    break
        with suppress(OSError):
            server.shutdown(socket.SHUT_WR)

    def _downwards(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(_PIECE):
                if self._freezes and self._left == 0:
                    self._released.wait()
                client.sendall(data)
        with suppress(OSError):
            client.shutdown(socket.SHUT_WR)

    def _allow(self, size: int) -> int:
        with self._lock:
            allowed = size if self._left is None else min(size, self._left)
            self._left = None if self._left is None else self._left - allowed
            self.sent += allowed
            return allowed

    def _end(self, client: socket.socket) -> None:
        if self._freezes:
            self._released.wait()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        with suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)


@contextmanager
def wire_to(port: int) -> Iterator[Wire]:
    wire = Wire(port)
    yield wire
    wire.close()


@dataclass
class Faults:
    """What the server does wrong. `hostile` is put wherever a server may put words of its own."""

    full_after: int | None = None
    full_how: str = "error"
    takes_on_close: bool = False
    keeps_open_files: bool = False
    denies: frozenset[str] = frozenset()
    refuses_login: bool = False
    hangs_up_at_login: bool = False
    refuses_sftp: bool = False
    hostile: str = ""


@dataclass
class Seen:
    """What reached the server."""

    connections: int = 0
    login_attempts: int = 0
    bytes: int = 0
    largest_request: int = 0
    opened: list[str] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    open: set[Path] = field(default_factory=set)


class HostileServer:
    """A server of the files in `folder`, without the limits extension, that errs as it is told."""

    def __init__(self, folder: Path, *, host_key: paramiko.PKey | None = None) -> None:
        self.folder = folder
        (folder / "profiles").mkdir()
        self.faults = Faults()
        self.seen = Seen()
        self.host_key = host_key or paramiko.ECDSAKey.generate()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._transports: list[paramiko.Transport] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def public_line(self) -> str:
        return f"{self.host_key.get_name()} {self.host_key.get_base64()}"

    def close(self) -> None:
        self._listener.close()
        for transport in self._transports:
            transport.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.seen.connections += 1
            transport = paramiko.Transport(client)
            transport.set_log_channel("tests.hostile")
            transport.add_server_key(self.host_key)
            transport.set_subsystem_handler("sftp", _Handler, _Files, self)
            self._transports.append(transport)
            with suppress(paramiko.SSHException, EOFError, OSError):
                transport.start_server(event=threading.Event(), server=_Door(self, transport))


class _Door(paramiko.ServerInterface):
    def __init__(self, server: HostileServer, transport: paramiko.Transport) -> None:
        self._server, self._transport = server, transport

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def get_banner(self) -> tuple[str, str]:
        return self._server.faults.hostile or "Welcome", "en"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        self._server.seen.login_attempts += 1
        if self._server.faults.hangs_up_at_login:
            self._transport.close()
        refused = self._server.faults.refuses_login
        return paramiko.AUTH_FAILED if refused else paramiko.AUTH_SUCCESSFUL

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED

    def check_channel_subsystem_request(self, channel: paramiko.Channel, name: str) -> bool:
        return not self._server.faults.refuses_sftp and super().check_channel_subsystem_request(channel, name)


class _Handler(paramiko.SFTPServer):
    """Says what a hostile server says: its words stand in every refusal."""

    _is_closing = False

    def _process(self, kind: int, request_number: int, message: paramiko.Message) -> None:
        self._is_closing = kind == CMD_CLOSE
        super()._process(kind, request_number, message)

    def _send_status(self, request_number: int, code: int, desc: str | None = None) -> None:
        faults = self.server.owner.faults
        if self._is_closing and faults.full_after is not None and faults.full_how == "close":
            code = SFTP_FAILURE
        super()._send_status(request_number, code, faults.hostile or desc)


class _Files(paramiko.SFTPServerInterface):
    def __init__(self, door: _Door, server: HostileServer) -> None:
        super().__init__(door)
        self.owner = server

    @property
    def hostile(self) -> str:
        return self.owner.faults.hostile

    def _real(self, path: str) -> Path:
        return self.owner.folder / path.lstrip("/")

    def _denied(self, what: str) -> bool:
        return what in self.owner.faults.denies

    def list_folder(self, path: str) -> list[paramiko.SFTPAttributes] | int:
        if self._denied("list"):
            return SFTP_PERMISSION_DENIED
        if not self._real(path).is_dir():
            return SFTP_NO_SUCH_FILE
        found = [
            paramiko.SFTPAttributes.from_stat(each.stat(), each.name) for each in self._real(path).iterdir()
        ]
        if self.hostile:
            about = paramiko.SFTPAttributes.from_stat(self.owner.folder.stat(), self.hostile)
            about.st_mode = 0o100644
            found.append(about)
        return found

    def stat(self, path: str) -> paramiko.SFTPAttributes | int:
        if self._denied("stat"):
            return SFTP_PERMISSION_DENIED
        if not self._real(path).exists():
            return SFTP_NO_SUCH_FILE
        return paramiko.SFTPAttributes.from_stat(self._real(path).stat())

    lstat = stat

    def open(self, path: str, flags: int, attr: paramiko.SFTPAttributes) -> "_File | int":
        self.owner.seen.opened.append(path)
        if self._denied("open"):
            return SFTP_PERMISSION_DENIED
        try:
            descriptor = os.open(self._real(path), flags, 0o644)
        except FileExistsError:
            return SFTP_FAILURE
        except FileNotFoundError:
            return SFTP_NO_SUCH_FILE
        mode = "wb" if flags & os.O_WRONLY else "rb"
        return _File(self.owner, self._real(path), os.fdopen(descriptor, mode))

    def remove(self, path: str) -> int:
        if not self._real(path).exists():
            return SFTP_NO_SUCH_FILE
        if self.owner.faults.keeps_open_files and self._real(path) in self.owner.seen.open:
            return SFTP_FAILURE
        self._real(path).unlink()
        return SFTP_OK

    def posix_rename(self, before: str, after: str) -> int:
        if self._denied("rename"):
            return SFTP_PERMISSION_DENIED
        self._real(before).replace(self._real(after))
        return SFTP_OK


class _File(paramiko.SFTPHandle):
    """A file on a disk that may be full: it says so with an `error`, only at `close`, or `silently` never."""

    def __init__(self, owner: HostileServer, path: Path, file: object) -> None:
        super().__init__()
        self._owner, self._path = owner, path
        self.readfile = self.writefile = self._file = file
        owner.seen.open.add(path)

    def write(self, offset: int, data: bytes) -> int:
        seen, faults = self._owner.seen, self._owner.faults
        seen.bytes += len(data)
        seen.largest_request = max(seen.largest_request, len(data))
        if faults.full_after is not None and offset + len(data) > faults.full_after:
            return SFTP_FAILURE if faults.full_how == "error" else SFTP_OK
        return super().write(offset, data)

    def close(self) -> None:
        super().close()
        self._owner.seen.open.discard(self._path)
        if self._owner.faults.takes_on_close and self._path.exists():
            self._owner.seen.taken.append(self._path.name)
            self._path.unlink()

    def stat(self) -> paramiko.SFTPAttributes:
        return paramiko.SFTPAttributes.from_stat(os.stat(self._path))
