"""What a client may ask of the files, and what it is answered."""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import paramiko
from paramiko.sftp import (
    SFTP_DESC,
    SFTP_FAILURE,
    SFTP_NO_SUCH_FILE,
    SFTP_OK,
    SFTP_OP_UNSUPPORTED,
    SFTP_PERMISSION_DENIED,
)

from simulator.accounts import Account
from simulator.sftp import uploads
from simulator.sftp.access import Behaviour
from simulator.sftp.files import File
from simulator.sftp.folders import Denied, Folders, clean
from simulator.sftp.gate import Gate, Spoilt
from simulator.sftp.ingest import enqueue

REFUSALS = {"deny": SFTP_PERMISSION_DENIED, "missing_folder": SFTP_NO_SUCH_FILE}
WRITING = os.O_WRONLY | os.O_RDWR


class Session(paramiko.SFTPServerInterface):
    """The files of one logged-in user, over one channel."""

    def __init__(self, gate: Gate) -> None:
        super().__init__(gate)
        if gate.account is None:
            raise paramiko.SSHException("nobody has logged in")
        self.gate = gate
        self.account: Account = gate.account
        self.over = threading.Event()
        self.files: list[File] = []
        gate.sessions.append(self)

    @property
    def behaviour(self) -> Behaviour:
        return self.gate.sftp.access.behaviour(self.account)

    @property
    def folders(self) -> Folders:
        return self.gate.sftp.folders(self.account)

    def session_ended(self) -> None:
        """Close every file, even one whose handle the client was never told."""
        for file in list(self.files):
            file.close()

    def open(self, path: str, flags: int, attr: object) -> File | int:
        def act() -> File:
            return self._create(path, flags) if flags & WRITING else self._read(path)

        return self._do("open", path, act)

    def list_folder(self, path: str) -> list[paramiko.SFTPAttributes] | int:
        def act() -> list[paramiko.SFTPAttributes]:
            place = self.folders.on_disk(path)
            return [
                paramiko.SFTPAttributes.from_stat(entry.lstat(), entry.name)
                for entry in sorted(place.iterdir())
                if not self._is_missing(clean(f"{path}/{entry.name}"))
            ]

        return self._do("list", path, act)

    def stat(self, path: str) -> paramiko.SFTPAttributes | int:
        def act() -> paramiko.SFTPAttributes:
            return paramiko.SFTPAttributes.from_stat(self.folders.on_disk(path).lstat())

        return self._do("stat", path, act)

    lstat = stat

    def remove(self, path: str) -> int:
        return self._do("remove", path, lambda: self.folders.writable(path).unlink())

    def rename(self, oldpath: str, newpath: str) -> int:
        return self._do("rename", oldpath, lambda: self._rename(oldpath, newpath, over=False))

    def posix_rename(self, oldpath: str, newpath: str) -> int:
        if not self.behaviour.posix_rename:
            return SFTP_OP_UNSUPPORTED
        return self._do("rename", oldpath, lambda: self._rename(oldpath, newpath, over=True))

    def mkdir(self, path: str, attr: object) -> int:
        return self._do("mkdir", path, lambda: self._folder(path).mkdir())

    def rmdir(self, path: str) -> int:
        return self._do("remove", path, lambda: self._folder(path).rmdir())

    def chattr(self, path: str, attr: object) -> int:
        return SFTP_OK

    def canonicalize(self, path: str) -> str:
        return clean(path)

    def _do(self, operation: str, path: str, act: Callable[[], object]) -> Any:
        """Answer one request: with what it gives, or with the code of what is in its way."""
        fault = self.gate.acting(operation, self.account, clean(path))
        if fault and fault.action in REFUSALS:
            answer: object = REFUSALS[fault.action]
        elif fault and not fault.after:
            raise Spoilt(fault.action)
        else:
            answer = self._attempt(act)
        told = SFTP_DESC[answer] if isinstance(answer, int) else SFTP_DESC[SFTP_OK]
        self.gate.sftp.journal.note(
            self.gate.connection, "request", operation=operation, path=clean(path), answer=told
        )
        if fault and fault.action not in REFUSALS:
            raise Spoilt(fault.action)
        return answer

    def _attempt(self, act: Callable[[], object]) -> object:
        try:
            given = act()
        except Denied:
            return SFTP_PERMISSION_DENIED
        except (FileNotFoundError, NotADirectoryError):
            return SFTP_NO_SUCH_FILE
        except OSError:
            return SFTP_FAILURE
        return SFTP_OK if given is None else given

    def _create(self, path: str, flags: int) -> File:
        world, path = self.gate.world, clean(path)
        with world.store.write() as db:
            n = uploads.begin(
                db, self.account, path, connection=self.gate.connection.n, now=world.clock.now()
            )
            return File(self, path, self.folders.create(path, n, flags), upload_n=n)

    def _read(self, path: str) -> File:
        place = self.folders.on_disk(path)
        if place.is_dir():
            raise IsADirectoryError
        return File(self, clean(path), os.open(place, os.O_RDONLY | os.O_NOFOLLOW))

    def _rename(self, old: str, new: str, *, over: bool) -> None:
        if not self.behaviour.rename_allowed:
            raise Denied
        source, target = self.folders.writable(old), self.folders.writable(new)
        if target.exists() and not over:
            raise FileExistsError
        source.rename(target)
        with self.gate.world.store.write() as db:
            n = uploads.rename(db, self.account, clean(old), clean(new))
            if n is not None:
                enqueue(self.gate.world, db, self.account, n, clean(new))
        self.gate.sftp.ring()

    def _folder(self, path: str) -> Path:
        if self.behaviour.kind != "plain":
            raise Denied
        return self.folders.writable(path)

    def _is_missing(self, path: str) -> bool:
        names = (self.account.key, self.account.id)
        return self.gate.sftp.faults.hides(path, self.gate.world.clock.now(), names=names)
