"""Connections that end at a deadline: a timeout for each read never ends an answer of one byte a second."""

import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore

CONNECT_SECONDS = 10.0
# Small enough that one piece cannot take long, large enough to send a body of 5 MB in 80.
_WRITE_BYTES = 65_536


class Deadlines:
    """When the request of each thread must be over; all that blocks runs in the thread that asks."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._thread = threading.local()

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Give this thread's reads and writes `seconds` altogether."""
        self._thread.ends = self._monotonic() + seconds
        try:
            yield
        finally:
            del self._thread.ends

    def left(self, late: type[Exception]) -> float:
        """Return the seconds that remain. Raises `late` when there are none."""
        seconds = self._thread.ends - self._monotonic()
        if seconds <= 0:
            raise late("the deadline has passed")
        return float(seconds)


class DeadlineBackend(httpcore.NetworkBackend):
    """Opens connections whose every step looks at the deadline."""

    def __init__(self, deadlines: Deadlines) -> None:
        self._inner = httpcore.SyncBackend()
        self._deadlines = deadlines

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        left = min(CONNECT_SECONDS, self._deadlines.left(httpcore.ConnectTimeout))
        stream = self._inner.connect_tcp(host, port, left, local_address, socket_options)
        return DeadlineStream(stream, self._deadlines)


class DeadlineStream(httpcore.NetworkStream):
    """A connection whose reads and writes share one deadline."""

    def __init__(self, inner: httpcore.NetworkStream, deadlines: Deadlines) -> None:
        self._inner = inner
        self._deadlines = deadlines

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._deadlines.left(httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), _WRITE_BYTES):
            left = self._deadlines.left(httpcore.WriteTimeout)
            self._inner.write(buffer[start : start + _WRITE_BYTES], left)

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = min(CONNECT_SECONDS, self._deadlines.left(httpcore.ConnectTimeout))
        return DeadlineStream(self._inner.start_tls(ssl_context, server_hostname, left), self._deadlines)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
