"""The SFTP protocol on one channel: paramiko's, made fast enough for writing large files."""

import struct

import paramiko
from paramiko import SFTPServer
from paramiko.message import Message
from paramiko.sftp import (
    CMD_CLOSE,
    CMD_EXTENDED,
    CMD_EXTENDED_REPLY,
    CMD_INIT,
    CMD_VERSION,
    CMD_WRITE,
    SFTP_BAD_MESSAGE,
    SFTPError,
    int64,
)

from simulator.sftp.gate import Gate, Spoilt
from simulator.sftp.session import Session

# What OpenSSH takes: packets up to 256 KiB, of which a kilobyte may be the packet's own.
LONGEST_PACKET = 262_144
LONGEST_DATA = LONGEST_PACKET - 1_024
EXTENSIONS = (("posix-rename@openssh.com", "1"), ("limits@openssh.com", "1"))
HELD_ACKS = 8
PIECE = 1 << 20


class Protocol(SFTPServer):
    """Started by paramiko in a thread of its own."""

    server: Session

    def __init__(self, channel: paramiko.Channel, name: str, server: Gate, *given: object) -> None:
        super().__init__(channel, name, server, Session)
        self._buffer = bytearray()
        self._held: list[tuple[int, int]] = []

    def start_subsystem(self, name: str, transport: paramiko.Transport, channel: paramiko.Channel) -> None:
        self.sock = channel
        try:
            self._greet()
            while True:
                self._serve(*self._read_packet())
        except Spoilt as spoilt:
            self.server.gate.end(spoilt.action)
        except (EOFError, OSError, SFTPError):
            return  # the client is gone, or speaks another language

    def finish_subsystem(self) -> None:
        """Close what is still open, as a partial upload."""
        try:
            super().finish_subsystem()
        finally:
            self.server.over.set()

    def _greet(self) -> None:
        kind, _ = self._read_packet()
        if kind != CMD_INIT:
            raise SFTPError("the client did not begin with its version")
        message = Message()
        message.add_int(3)
        for name, version in EXTENSIONS:
            if name != "posix-rename@openssh.com" or self.server.behaviour.posix_rename:
                message.add_string(name)
                message.add_string(version)
        self._send_packet(CMD_VERSION, message)

    def _serve(self, kind: int, data: bytes) -> None:
        try:
            (number,) = struct.unpack_from(">I", data)
            if kind == CMD_WRITE:
                self._write(number, memoryview(data)[4:])
                return
            self._acknowledge()
            message = Message(data[4:])
            if kind == CMD_CLOSE and (handle := message.get_binary()) in self.file_table:
                self._send_status(number, self.file_table.pop(handle).finish())
            elif kind == CMD_EXTENDED and message.get_text() == "limits@openssh.com":
                self._tell_limits(number)
            else:
                self._process(kind, number, Message(data[4:]))
        except (struct.error, UnicodeDecodeError, KeyError):
            self._send_status(number, SFTP_BAD_MESSAGE)

    def _write(self, number: int, rest: memoryview) -> None:
        (length,) = struct.unpack_from(">I", rest)
        handle = bytes(rest[4 : 4 + length])
        offset, count = struct.unpack_from(">QI", rest, 4 + length)
        begin = 4 + length + 12
        file = self.file_table.get(handle)
        known = file is not None and len(rest) >= begin + count
        code = file.write(offset, rest[begin : begin + count]) if known else SFTP_BAD_MESSAGE
        if not self.server.behaviour.shuffled_acks:
            self._send_status(number, code)
            return
        self._held.append((number, code))
        if len(self._held) >= HELD_ACKS:
            self._acknowledge()

    def _acknowledge(self) -> None:
        """Answer the writes that have not been, the newest first."""
        while self._held:
            self._send_status(*self._held.pop())

    def _tell_limits(self, number: int) -> None:
        limits = (LONGEST_PACKET, LONGEST_DATA, LONGEST_DATA, 0)
        self._response(number, CMD_EXTENDED_REPLY, *(int64(limit) for limit in limits))

    # Reading: paramiko asks its channel twice for each packet, which costs more than the packet.

    def _read_packet(self) -> tuple[int, bytes]:
        (size,) = struct.unpack(">I", self._take(4))
        if not 0 < size <= LONGEST_PACKET:
            raise SFTPError("the packet is of a size that no packet has")
        data = self._take(size)
        return data[0], data[1:]

    def _take(self, count: int) -> bytes:
        while len(self._buffer) < count:
            if self._held and not self.sock.recv_ready():
                self._acknowledge()
            piece = self.sock.recv(PIECE)
            if not piece:
                raise EOFError
            self._buffer += piece
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    def _log(self, level: int, msg: object, *args: object) -> None:
        """Say nothing; the journal has it."""
