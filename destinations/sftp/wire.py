"""The library's SFTP client, made to hear what the server can do and to keep none of the server's words."""

import logging
import struct
from dataclasses import dataclass
from typing import Any

import paramiko
from paramiko.message import Message
from paramiko.sftp import CMD_EXTENDED, CMD_EXTENDED_REPLY, CMD_INIT, CMD_VERSION, SFTP_EOF, SFTP_OK

from destinations.sftp.faults import RemoteStatus

LIMITS = "limits@openssh.com"
POSIX_RENAME = "posix-rename@openssh.com"
# What every server takes, and what leaves SSH packets full where the server takes more.
SMALL_REQUEST_BYTES = 32_000
LARGE_REQUEST_BYTES = 261_120
# Of a packet, beside the data: its type, its number, the handle (256 bytes at most), the offset, a length.
_AROUND_DATA_BYTES = 1_024
_EXTENSIONS = 64

# Banners, file names and errors of a server are written into these logs by the library, at every level.
LOG_CHANNEL = "destinations.sftp.library"
logging.getLogger(LOG_CHANNEL).setLevel(logging.CRITICAL + 1)


@dataclass(frozen=True)
class Limits:
    """The most bytes of data one request may carry."""

    write_bytes: int = SMALL_REQUEST_BYTES
    read_bytes: int = SMALL_REQUEST_BYTES


class Client(paramiko.SFTPClient):
    """A client that raises RemoteStatus for a refusal, and knows the extensions that the server named."""

    extensions: frozenset[str] = frozenset()

    def _send_version(self) -> int:
        hello = Message()
        hello.add_int(3)
        self._send_packet(CMD_INIT, hello)
        kind, data = self._read_packet()
        if kind != CMD_VERSION or len(data) < 4:
            raise paramiko.SFTPError("not SFTP")
        self.extensions = _names(data[4:])
        return int(struct.unpack(">I", data[:4])[0])

    def _convert_status(self, msg: Any) -> None:
        status = msg.get_int()
        if status == SFTP_OK:
            return
        if status == SFTP_EOF:
            raise EOFError
        raise RemoteStatus(status)

    def limits(self) -> Limits:
        """Ask how much a request may carry, where the server says that it can be asked."""
        if LIMITS not in self.extensions:
            return Limits()
        try:
            kind, answer = self._request(CMD_EXTENDED, LIMITS)
        except RemoteStatus:
            return Limits()
        if kind != CMD_EXTENDED_REPLY:
            return Limits()
        packet, read, write = (answer.get_int64() for _ in range(3))
        return Limits(_bounded(write, packet), _bounded(read, packet))


def _bounded(told: int, packet: int) -> int:
    """Return what to use of what was told; 0 means that the server did not want to say."""
    if told <= 0:
        return SMALL_REQUEST_BYTES
    if packet > 0:
        told = min(told, packet - _AROUND_DATA_BYTES)
    return max(1, min(told, LARGE_REQUEST_BYTES))


def _names(data: bytes) -> frozenset[str]:
    """Return the names of the extensions, which come in pairs with their versions."""
    message, found = Message(data), set()
    for _ in range(_EXTENSIONS):
        name, _version = message.get_binary(), message.get_binary()
        if not name:
            break
        found.add(name.decode("ascii", "replace"))
    return frozenset(found)
