"""One open file: bytes are written where the client says, until the disk is full or the line is cut."""

import hashlib
import os
from typing import TYPE_CHECKING

import paramiko
from paramiko.sftp import SFTP_EOF, SFTP_FAILURE, SFTP_OK, SFTP_PERMISSION_DENIED

from simulator.sftp import uploads
from simulator.sftp.faults import Fault
from simulator.sftp.folders import is_removed
from simulator.sftp.gate import Spoilt
from simulator.sftp.ingest import fate

if TYPE_CHECKING:
    from simulator.sftp.session import Session


class File(paramiko.SFTPHandle):
    """Open for writing if it has the number of an upload, else for reading."""

    def __init__(
        self, session: "Session", path: str, descriptor: int, *, upload_n: int | None = None
    ) -> None:
        super().__init__()
        self._session = session
        self._path = path
        self._descriptor = descriptor
        self._upload_n = upload_n
        self._received = 0
        self._passed: set[int] = set()
        self._full: Fault | None = None
        self._ended = False
        session.files.append(self)

    def read(self, offset: int, length: int) -> bytes | int:
        return os.pread(self._descriptor, length, offset) or SFTP_EOF

    def stat(self) -> paramiko.SFTPAttributes:
        return paramiko.SFTPAttributes.from_stat(os.fstat(self._descriptor))

    def chattr(self, attr: object) -> int:
        return SFTP_OK

    def write(self, offset: int, data: bytes | memoryview) -> int:
        if self._upload_n is None:
            return SFTP_PERMISSION_DENIED
        self._count(len(data))
        if self._full is None:
            fault = self._crossed(offset + len(data))
            if fault is None:
                os.pwrite(self._descriptor, data, offset)
                return SFTP_OK
            if fault.torn and fault.bytes > offset:
                os.pwrite(self._descriptor, data[: fault.bytes - offset], offset)
            if fault.action != "full":
                raise Spoilt(fault.action)
            self._full = fault
        return SFTP_FAILURE if self._full.mode == "error" else SFTP_OK

    def finish(self) -> int:
        """Close the file because the client asked to; return the answer."""
        if self._upload_n is None:
            self.close()
            return SFTP_OK
        fault = self._session.gate.acting("close", self._session.account, self._path)
        if fault and not fault.after:
            if fault.action == "deny":
                return SFTP_PERMISSION_DENIED
            raise Spoilt(fault.action)
        self._end("complete")
        if fault:
            raise Spoilt(fault.action)
        return SFTP_FAILURE if self._full and self._full.mode == "close" else SFTP_OK

    def close(self) -> None:
        """Close the file because the session is over, which makes it a partial upload."""
        self._end("cut")

    def _count(self, count: int) -> None:
        self._received += count
        session = self._session
        session.gate.sftp.receive(session.account, count)
        speed = session.behaviour.bytes_per_second
        if speed:
            session.gate.world.stopping.wait(count / speed)

    def _crossed(self, size: int) -> Fault | None:
        gate, account = self._session.gate, self._session.account
        fault = gate.sftp.faults.crossed(
            size,
            gate.world.clock.now(),
            names=(account.key, account.id),
            path=self._path,
            passed=self._passed,
        )
        if fault:
            gate.sftp.journal.spoilt(gate.connection, fault.action, "bytes")
        return fault

    def _end(self, state: str) -> None:
        if self._ended:
            return
        self._ended = True
        self._session.files.remove(self)
        if self._upload_n is not None:
            self._file_upload(self._upload_n, state)
        os.close(self._descriptor)

    def _file_upload(self, n: int, state: str) -> None:
        session = self._session
        world, account = session.gate.world, session.account
        about = os.fstat(self._descriptor)
        with open(self._descriptor, "rb", closefd=False) as file:
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if session.behaviour.taken_at_once:
            session.folders.take_away(self._path, n)
        now = world.clock.now()
        if is_removed(about):
            state, status, due = "removed", "kept", 0
        else:
            status, due = fate(world, account, self._path, now=now)
        ending = uploads.Ending(state, status, about.st_size, self._received, digest, now, due)
        with world.store.write() as db:
            uploads.end(db, n, ending)
        session.gate.sftp.ring()
