"""The socket: reads requests, hands them to the API or to the controls, and sends or spoils the answers."""

import http.server
import select
import socket
import socketserver
import sys
import threading
from dataclasses import replace
from email.utils import formatdate
from http import HTTPStatus

from simulator import control_api, gateway, misbehaviour
from simulator.accounts import Account
from simulator.faults import Fault
from simulator.journal import Entry
from simulator.misbehaviour import Delivery
from simulator.spec import Route
from simulator.wire import Answer, Request
from simulator.world import World

LONGEST_SILENCE_SECONDS = 900


class Server(socketserver.ThreadingTCPServer):
    """A thread for each connection, kept alive between requests."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], world: World) -> None:
        self.world = world
        super().__init__(address, Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a client that went away in the middle; anything else is worth a traceback."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Without a buffer and with Nagle's algorithm every answer waits 40 ms for the client's
    # acknowledgement of its headers.
    wbufsize = -1
    disable_nagle_algorithm = True
    server: Server

    def serve(self) -> None:
        world = self.server.world
        if self.headers.get("Transfer-Encoding"):
            self.close_connection = True
            self._send(Answer(411))
            return
        length = int(self.headers.get("Content-Length") or 0)
        request = Request(
            method=self.command,
            target=self.path,
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(length) if length else b"",
            base=f"http://{self.headers.get('Host') or self._own_name()}",
        )
        if request.path.startswith("/_control"):
            self._send(control_api.answer(world, request))
        else:
            self._serve_api(world, request)

    do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = do_HEAD = do_OPTIONS = serve  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is written to the terminal; the journal has it."""

    def _serve_api(self, world: World, request: Request) -> None:
        began = world.clock.now()
        account = gateway.account_of(world, request)
        route = world.spec.route(request.method, request.path)
        name = route.operation.name if route else None
        names = (account.key, account.id) if account else ()
        acting = world.faults.acting(request.method, request.path, name, names, began)
        late = misbehaviour.late(acting)
        if late:
            self._serve_late(world, request, account, route, late, began)
            return
        delivery = misbehaviour.perform(
            acting, lambda: gateway.answer(world, request, account, route), stopping=world.stopping
        )
        world.journal.note(_entry(world, request, account, route, delivery, acting, began))
        self._deliver(delivery)

    def _serve_late(
        self,
        world: World,
        request: Request,
        account: Account | None,
        route: Route | None,
        fault: Fault,
        began: int,
    ) -> None:
        unheard = Delivery(Answer(200), "late")
        entry = _entry(world, request, account, route, unheard, [fault], began)
        world.journal.note(entry)

        def act() -> None:
            done = gateway.answer(world, request, account, route)
            world.journal.amend(entry, replace(entry, items=done.items, applied=done.applied))

        timer = threading.Timer(fault.seconds, act)
        timer.daemon = True
        timer.start()
        self._cut()

    def _deliver(self, delivery: Delivery) -> None:
        answer, way = delivery.answer, delivery.way
        if way == "whole":
            self._send(answer)
        elif way in ("timeout", "timeout_after"):
            self._stay_silent()
        elif way in ("drop_before", "drop_after"):
            self._cut()
        elif way == "drip":
            self._drip(answer, delivery.pause)
        elif way == "truncate":
            self.wfile.write(_head(answer) + answer.body[: len(answer.body) // 2])
            self._cut()
        elif way == "garbage":
            self.wfile.write(b"\x16\x03\x01\x00\xa5 garbage \x00\xff\r\n\r\n")
            self._cut()
        else:
            self._stream(way)

    def _send(self, answer: Answer) -> None:
        body = b"" if self.command == "HEAD" else answer.body
        self.wfile.write(_head(answer) + body)

    def _drip(self, answer: Answer, pause: float) -> None:
        self.wfile.write(_head(answer))
        self.wfile.flush()
        for place in range(len(answer.body)):
            self.server.world.stopping.wait(pause)
            self.wfile.write(answer.body[place : place + 1])
            self.wfile.flush()

    def _stream(self, way: str) -> None:
        """Send a body in chunks, until it ends or the client has had enough."""
        packed = "Content-Encoding: gzip\r\n" if way == "bomb" else ""
        self.wfile.write(
            f"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.api+json\r\n{packed}"
            "Transfer-Encoding: chunked\r\n\r\n".encode()
        )
        for piece in misbehaviour.bomb() if way == "bomb" else misbehaviour.endless():
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            if self.server.world.stopping.is_set():
                break
        self.wfile.write(b"0\r\n\r\n")

    def _stay_silent(self) -> None:
        """Keep the connection open without a word until the client gives up."""
        for _ in range(LONGEST_SILENCE_SECONDS * 4):
            readable, _, _ = select.select([self.connection], [], [], 0.25)
            if readable or self.server.world.stopping.is_set():
                break
        self._cut()

    def _cut(self) -> None:
        self.wfile.flush()
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _own_name(self) -> str:
        host, port = self.server.server_address[:2]
        return f"{host!s}:{port}"


def _head(answer: Answer) -> bytes:
    reason = HTTPStatus(answer.status).phrase if answer.status in set(HTTPStatus) else "Unknown"
    lines = [
        f"HTTP/1.1 {answer.status} {reason}",
        f"Date: {formatdate(usegmt=True)}",
        *(f"{name}: {value}" for name, value in answer.headers.items()),
    ]
    if answer.status != 204:
        lines.append(f"Content-Length: {len(answer.body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _entry(
    world: World,
    request: Request,
    account: Account | None,
    route: Route | None,
    delivery: Delivery,
    acting: list[Fault],
    began: int,
) -> Entry:
    account_id = account.id if account else None
    kept = request.body.decode(errors="replace") if world.journal.keeps_bodies(account_id) else None
    return Entry(
        at=began / 1e6,
        account=account_id,
        method=request.method,
        path=request.path,
        operation=route.operation.name if route else None,
        seconds=(world.clock.now() - began) / 1e6,
        faults=tuple(fault.action for fault in acting),
        query=request.target.partition("?")[2],
        body=kept,
        **misbehaviour.told(delivery),
    )
