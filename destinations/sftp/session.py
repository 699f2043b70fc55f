"""A logged-in session with a server of files: list a folder, put a file there, read one back."""

import hashlib
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from types import TracebackType

from paramiko import SFTPAttributes
from paramiko.sftp import CMD_CLOSE, CMD_NAME, CMD_OPENDIR, CMD_READDIR

from credentials import host_keys, vault
from credentials.models import Credential
from destinations.calls import Answer, Call
from destinations.clock import Clock
from destinations.csv_file import Block
from destinations.errors import DeliveryError
from destinations.gateway import Hooks, NoHooks
from destinations.sftp import faults
from destinations.sftp.address import Address, Timeouts
from destinations.sftp.connection import Connection, LoginDropped
from destinations.sftp.faults import BROKEN, FromCaller, RemoteStatus, tell
from destinations.sftp.logins import Logins
from destinations.sftp.upload import Pulse, Upload, Uploaded, staged_name
from destinations.sftp.wire import Client, Limits

# A folder with more is not one that anything takes files from.
MOST_ENTRIES = 100_000
READ_PULSE_SECONDS = 1.0


@dataclass(frozen=True)
class Entry:
    """A file in a folder, with its size. The name is the server's: never put it into a message."""

    name: str
    bytes: int


@dataclass(frozen=True)
class Abilities:
    """What a login may do in a folder, found by doing it."""

    may_write: bool
    can_rename: bool


def open_session(
    credential: Credential, *, clock: Clock, hooks: Hooks | None = None, timeouts: Timeouts | None = None
) -> "Session":
    """Log in with a credential; use the session as a context manager.

    The host key is compared with the pins before anything is sent that could log in. Raises NeedsDecision:
    `host_key_unknown` and `host_key_changed` (as HostKeyRefused), `sftp_login_refused` (also, without
    connecting, after two refused logins in 15 minutes), `sftp_denied`; RetryLater(sftp_unavailable);
    VaultError when there is no secret.
    """
    address = Address.of(credential.settings)
    if not address.is_complete:
        raise faults.incomplete(credential.name)
    private_key = vault.reveal(credential)
    logins = Logins(address, credential, clock)
    logins.check()
    connection = Connection(address, pins=host_keys.pinned(credential), timeouts=timeouts or Timeouts())
    try:
        connection.verify()
        _log_in(connection, private_key, logins)
        return Session(connection, connection.open_client(), hooks=hooks or NoHooks())
    except BaseException:
        connection.close()
        raise


def _log_in(connection: Connection, private_key: str, logins: Logins) -> None:
    try:
        connection.log_in(private_key)
    except LoginDropped:
        # Many a server refuses by hanging up, so this counts as well.
        logins.note_refused()
        raise faults.dropped(connection.address, late=False) from None
    except DeliveryError as error:
        if error.code == "sftp_login_refused":
            logins.note_refused()
        raise
    logins.note_success()


class Session:
    """One login. Not for two threads at once."""

    def __init__(self, connection: Connection, client: Client, *, hooks: Hooks) -> None:
        self._connection = connection
        self._client = client
        self._hooks = hooks
        self._limits: Limits | None = None

    @property
    def address(self) -> Address:
        return self._connection.address

    @property
    def extensions(self) -> frozenset[str]:
        """The names of the extensions that the server says it has."""
        return self._client.extensions

    @property
    def negotiated(self) -> tuple[str, str, bool]:
        """The cipher we send with, the type of the host key, and whether the exchange of keys was strict."""
        return self._connection.negotiated

    def listing(self, folder: str) -> list[Entry]:
        """Return the files in a folder, not the folders in it; in no order, 100,000 at most.

        Raises NeedsDecision(sftp_folder_missing, sftp_denied) and RetryLater.
        """
        with self._reading():
            try:
                return list(self._entries(folder))
            except RemoteStatus as error:
                raise faults.of_folder(self.address, error, doing="list the folder") from None

    def upload(
        self, blocks: Iterable[Block], *, folder: str, name: str, pulse: Pulse, staging: bool = False
    ) -> Uploaded:
        """Put a new file into a folder; a file of that name is never overwritten.

        `pulse` is told all bytes and rows that the server has confirmed, about once a second or megabyte;
        when it raises, what was written is removed before it is closed, where the server allows that, and the
        exception passes through. Unless it is certain that nothing was left, the hooks are told no outcome
        then: the attempt stays open and counts as one that may have had an effect. With `staging` the file
        is written under another name and renamed. The hooks see one call, `sftp.upload`.

        Raises Ambiguous(sftp_cut) when the connection ended after the file was begun: what is there ends with
        a whole row, and the file is to be sent again under another name; NeedsDecision(sftp_no_space,
        sftp_denied, sftp_folder_missing); Rejected(sftp_name_taken, too_large); RetryLater(sftp_unavailable).
        """
        _check_name(name)
        call = Call("sftp.upload", "PUT", _inside(folder) + name, effect="repeatable")
        upload = self._begin(folder, name, pulse, staging=staging)
        token = self._hooks.before(call)
        self._hooks.leaving(token)
        try:
            uploaded = upload.run(blocks)
        except DeliveryError as error:
            error.left_nothing = upload.left_nothing
            self._hooks.after(token, error, None)
            raise
        except BaseException:
            if upload.left_nothing:
                self._hooks.after(token, faults.stopped(self.address), None)
            raise
        self._hooks.after(token, None, _answer(uploaded))
        return uploaded

    def digest(
        self,
        folder: str,
        name: str,
        *,
        at_most: int | None = None,
        pulse: Callable[[int], None] = lambda size: None,
    ) -> tuple[int, str] | None:
        """Read a file back and return its size and SHA-256 (hexadecimal); None when it is gone.

        With `at_most`, the bytes it should have, reading ends one byte after: the size returned is then
        larger, and the hash that of a beginning. `pulse` is told the bytes read so far. Raises
        NeedsDecision(sftp_denied) and RetryLater.
        """
        _check_name(name)
        path = _inside(folder) + name
        with self._reading():
            try:
                return self._digest(path, at_most, pulse)
            except RemoteStatus as error:
                if error.status == faults.NO_SUCH_FILE:
                    return None
                raise faults.of_folder(self.address, error, doing="read a file back") from None

    def remove(self, folder: str, name: str) -> bool:
        """Remove a file of ours; return whether it is gone, also when it was not there. Raises RetryLater.

        A directory is not removed, and what a server does not let us remove stays.
        """
        _check_name(name)
        path = _inside(folder) + name
        with self._reading():
            try:
                self._client.remove(path)
            except RemoteStatus as error:
                return error.status == faults.NO_SUCH_FILE
            return True

    def discard(self, folder: str, name: str) -> bool:
        """Remove what an upload of this name may have left, under its name or the one it had while staged.

        Return whether both are gone. Raises RetryLater.
        """
        return all([self.remove(folder, name), self.remove(folder, staged_name(name))])

    def try_out(self, folder: str, name: str) -> Abilities:
        """Write a line into a new file, rename it, remove it again. Raises RetryLater."""
        before, after = _inside(folder) + f".{name}", _inside(folder) + name
        with self._reading():
            written = self._try(lambda: self._write_line(before))
            renamed = written and self._try(lambda: self._client.posix_rename(before, after))
            for path in (before, after):
                self._try(partial(self._client.remove, path))
            return Abilities(may_write=written, can_rename=renamed)

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> "Session":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _begin(self, folder: str, name: str, pulse: Pulse, *, staging: bool) -> Upload:
        return Upload(
            self._connection,
            self._client,
            folder=_inside(folder),
            name=name,
            staging=staging,
            request_bytes=self._request_bytes(),
            pulse=pulse,
        )

    def _request_bytes(self) -> int:
        if self._limits is None:
            with self._reading():
                self._limits = self._client.limits()
        return self._limits.write_bytes

    def _entries(self, folder: str) -> Iterator[Entry]:
        """Ask for page after page. The library's own listing goes on for as long as a server likes."""
        client, count = self._client, 0
        _, opened = client._request(CMD_OPENDIR, folder or ".")
        handle = opened.get_binary()
        while count < MOST_ENTRIES:
            try:
                kind, page = client._request(CMD_READDIR, handle)
            except EOFError:
                break
            if kind != CMD_NAME:
                raise ValueError("not a page of a folder")
            for _ in range(min(page.get_int(), MOST_ENTRIES)):
                name, _long = page.get_binary(), page.get_binary()
                about = SFTPAttributes._from_msg(page)
                count += 1
                if not stat.S_ISDIR(about.st_mode or 0) and name not in (b".", b".."):
                    yield Entry(name.decode("utf-8", "replace"), int(about.st_size or 0))
        client._request(CMD_CLOSE, handle)

    def _digest(self, path: str, at_most: int | None, pulse: Callable[[int], None]) -> tuple[int, str]:
        total, sha256, told = 0, hashlib.sha256(), time.monotonic()
        told_size = int(self._client.stat(path).st_size or 0)
        size = told_size if at_most is None else min(told_size, at_most)
        with self._client.open(path, "rb", bufsize=0) as file:
            file.MAX_REQUEST_SIZE = self._client.limits().read_bytes
            # One byte more than promised tells that it is longer; a server cannot make this go on for ever.
            while total <= size and (piece := file.read(min(file.MAX_REQUEST_SIZE, size + 1 - total))):
                self._connection.watch.progress()
                total += len(piece)
                sha256.update(piece)
                if time.monotonic() - told >= READ_PULSE_SECONDS:
                    tell(pulse, total)
                    told = time.monotonic()
        return total, sha256.hexdigest()

    def _write_line(self, path: str) -> None:
        with self._client.open(path, "wx", bufsize=0) as file:
            file.write(b"Rollcall may write here.\n")

    def _try(self, act: Callable[[], object]) -> bool:
        try:
            act()
        except RemoteStatus:
            return False
        return True

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Give the server its time; a connection that breaks now has changed nothing that counts."""
        watch = self._connection.watch
        with watch.within(self._connection.timeouts.stall):
            try:
                yield
            except FromCaller as error:
                raise error.cause from None
            except BROKEN as error:
                late = watch.late or isinstance(error, TimeoutError)
                raise faults.dropped(self.address, late=late) from None


def _inside(folder: str) -> str:
    """Return what to put before a name; the folder of the login itself is `.` or nothing."""
    trimmed = folder.rstrip("/")
    if trimmed in ("", "."):
        return "/" if folder.startswith("/") else ""
    return trimmed + "/"


def _check_name(name: str) -> None:
    if not name or "/" in name or name in (".", "..") or not name.isprintable():
        raise ValueError("this cannot be the name of a file")


def _answer(uploaded: Uploaded) -> Answer:
    data = {
        "bytes": uploaded.bytes,
        "rows": uploaded.rows,
        "sha256": uploaded.sha256,
        "state": uploaded.state,
    }
    return Answer(200, data, {})
