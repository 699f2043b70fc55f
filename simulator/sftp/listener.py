"""The socket: takes connections, and shows each the key of the host it is to be."""

import logging
import socket
import socketserver

import paramiko

from simulator.sftp.gate import Gate, Spoilt
from simulator.sftp.protocol import Protocol
from simulator.world import World

# Windows wide enough that a client never waits for one; wider ones cost paramiko more than they save.
WINDOW_BYTES = 1 << 22
PACKET_BYTES = 1 << 18
GREETING = "SSH-2.0-AWS_SFTP_1.1"


class Listener(socketserver.ThreadingTCPServer):
    """A thread for each connection, beside paramiko's own."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], world: World) -> None:
        logging.getLogger("paramiko").setLevel(logging.CRITICAL + 1)
        self.world = world
        super().__init__(address, Handler)
        world.sftp.host, world.sftp.port = address[0], self.server_address[1]


class Handler(socketserver.BaseRequestHandler):
    server: Listener
    request: socket.socket

    def handle(self) -> None:
        world = self.server.world
        connection = world.sftp.journal.connected()
        gate = Gate(world, self.request, connection)
        world.sftp.arrived(gate)
        try:
            self._serve(gate)
        except Spoilt as spoilt:
            gate.end(spoilt.action)
        except (paramiko.SSHException, EOFError, OSError):
            return  # the client went away before there was anything to serve
        finally:
            world.sftp.left(gate)
            world.sftp.journal.ended(connection)

    def _serve(self, gate: Gate) -> None:
        gate.spoil("tcp")
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            gate.spoil("banner")
        except Spoilt:
            self.request.sendall(f"{GREETING}\r\n".encode())
            raise
        transport = paramiko.Transport(
            self.request, default_window_size=WINDOW_BYTES, default_max_packet_size=PACKET_BYTES
        )
        transport.daemon = True
        transport.local_version = GREETING
        for key in self._host_keys(gate):
            transport.add_server_key(key)
        transport.set_subsystem_handler("sftp", Protocol)
        gate.transport = transport
        try:
            transport.start_server(server=gate)
            gate.note_key_exchange()
            while transport.is_alive() and not gate.world.stopping.is_set():
                transport.join(0.5)
        finally:
            transport.close()
            gate.wait_until_over()

    def _host_keys(self, gate: Gate) -> list[paramiko.PKey]:
        sftp = gate.sftp
        fault = gate.acting("key_exchange")
        if fault:
            return [sftp.keys.other(fault.key_type)]
        return [sftp.keys.own(kind) for kind in sftp.host_key_types]
