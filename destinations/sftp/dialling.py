"""Finding a server and connecting to it: its name is looked up once, and what was found is what is called."""

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

LookUp = Callable[..., list[tuple[Any, ...]]]


def dial(host: str, port: int, *, seconds: float, look_up: LookUp = socket.getaddrinfo) -> socket.socket:
    """Return a connected socket. Raises OSError; TimeoutError when it took more than `seconds` altogether."""
    ends = time.monotonic() + seconds
    failed: OSError = OSError("the name has no address")
    for address in _addresses(host, port, seconds=seconds, look_up=look_up):
        left = ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("no address answered in time")
        try:
            connected = socket.create_connection((address, port), timeout=left)
        except OSError as error:
            failed = error
        else:
            # Small requests, such as the last rows of a file, must not wait for company.
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return connected
    raise failed


def _addresses(host: str, port: int, *, seconds: float, look_up: LookUp) -> list[str]:
    found: Future[list[tuple[Any, ...]]] = Future()

    def ask() -> None:
        try:
            found.set_result(look_up(host, port, type=socket.SOCK_STREAM))
        except Exception as error:
            found.set_exception(error)

    # The system's look-up takes no timeout, so it is left behind in a thread when it takes too long.
    threading.Thread(target=ask, name="look-up", daemon=True).start()
    try:
        return list(dict.fromkeys(str(entry[4][0]) for entry in found.result(seconds)))
    except UnicodeError as error:
        raise OSError("the name is not one") from error
