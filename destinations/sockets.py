"""The sockets under httpx: they end at a deadline, where a timeout for each read lets an answer drip."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import httpcore
import httpx

CONNECT_SECONDS = 10.0
# Small enough that one piece cannot take long, large enough to send a body of 5 MB in 80.
_WRITE_BYTES = 65_536
# Bodies are handed on in pieces of this size. Deflate packs 1,032 to 1 at best: none unpacks to over 4.3 MB.
_PIECE_BYTES = 4_096
_AS_HTTPX: dict[type[Exception], type[httpx.TransportError]] = {
    httpcore.ConnectTimeout: httpx.ConnectTimeout,
    httpcore.ReadTimeout: httpx.ReadTimeout,
    httpcore.WriteTimeout: httpx.WriteTimeout,
    httpcore.PoolTimeout: httpx.PoolTimeout,
    httpcore.TimeoutException: httpx.TimeoutException,
    httpcore.ConnectError: httpx.ConnectError,
    httpcore.ReadError: httpx.ReadError,
    httpcore.WriteError: httpx.WriteError,
    httpcore.NetworkError: httpx.NetworkError,
    httpcore.ProxyError: httpx.ProxyError,
    httpcore.UnsupportedProtocol: httpx.UnsupportedProtocol,
    httpcore.LocalProtocolError: httpx.LocalProtocolError,
    httpcore.RemoteProtocolError: httpx.RemoteProtocolError,
    httpcore.ProtocolError: httpx.ProtocolError,
}
LookUp = Callable[..., list[tuple[Any, ...]]]


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


class DeadlineTransport(httpx.BaseTransport):
    """What httpx sends through: a pool of connections that look at the deadline of the thread that asks.

    Raises httpx's errors. `extensions["ending"]()` of a response gives the last bytes of its body as they
    came, up to four.
    """

    def __init__(self, deadlines: Deadlines, *, connections: int) -> None:
        self._deadlines = deadlines
        self._pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context(trust_env=False),
            max_connections=connections,
            keepalive_expiry=5.0,
            network_backend=DeadlineBackend(deadlines),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        with _as_httpx():
            wait = {"pool": self._deadlines.left(httpcore.PoolTimeout)}
            url = httpcore.URL(
                scheme=request.url.raw_scheme,
                host=request.url.raw_host,
                port=request.url.port,
                target=request.url.raw_path,
            )
            response = self._pool.handle_request(
                httpcore.Request(
                    request.method,
                    url,
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions={**request.extensions, "timeout": wait},
                )
            )
        pieces = _Pieces(response)
        return httpx.Response(
            response.status,
            headers=_without_direction(response),
            stream=pieces,
            extensions={**response.extensions, "ending": pieces.ending},
        )

    def close(self) -> None:
        self._pool.close()


class _Pieces(httpx.SyncByteStream):
    """A body as it comes, cut small, because httpx unpacks each piece at once, however much is in it."""

    def __init__(self, response: httpcore.Response) -> None:
        self._response = response
        self._ending = b""

    def __iter__(self) -> Iterator[bytes]:
        with _as_httpx():
            for part in self._response.iter_stream():
                self._ending = (self._ending + part[-4:])[-4:]
                for start in range(0, len(part), _PIECE_BYTES):
                    yield part[start : start + _PIECE_BYTES]

    def ending(self) -> bytes:
        return self._ending

    def close(self) -> None:
        with _as_httpx():
            self._response.close()


def _without_direction(response: httpcore.Response) -> list[tuple[bytes, bytes]]:
    """Return the headers, less where a redirect points.

    Nobody goes there; but httpx would read it, and fail on nonsense before anyone has seen the status.
    """
    redirected = 300 <= response.status < 400
    return [
        (name, value) for name, value in response.headers if not (redirected and name.lower() == b"location")
    ]


@contextmanager
def _as_httpx() -> Iterator[None]:
    """Raise httpcore's errors as the errors of the same names that httpx documents."""
    try:
        yield
    except tuple(_AS_HTTPX) as error:
        kind = next(_AS_HTTPX[kind] for kind in type(error).__mro__ if kind in _AS_HTTPX)
        raise kind(str(error)) from error


class DeadlineBackend(httpcore.NetworkBackend):
    """Opens connections whose every step, from finding the address, looks at the deadline."""

    def __init__(self, deadlines: Deadlines, *, look_up: LookUp = socket.getaddrinfo) -> None:
        self._inner = httpcore.SyncBackend()
        self._deadlines = deadlines
        self._look_up = look_up

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        failed: Exception = httpcore.ConnectError("the name has no address")
        for address in self._addresses(host, port):
            # Asked anew for every address: left alone, each would be given all of the time.
            left = self._left()
            try:
                stream = self._inner.connect_tcp(address, port, left, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
            else:
                return DeadlineStream(stream, self._deadlines)
        raise failed

    def _addresses(self, host: str, port: int) -> list[str]:
        """Return the addresses of a name. Raises ConnectTimeout when they are not found in time."""
        found: Future[list[tuple[Any, ...]]] = Future()

        def ask() -> None:
            try:
                found.set_result(self._look_up(host, port, type=socket.SOCK_STREAM))
            except Exception as error:
                found.set_exception(error)

        # The system's look-up takes no timeout, so it is left behind in a thread when it takes too long.
        threading.Thread(target=ask, name="look-up", daemon=True).start()
        try:
            return list(dict.fromkeys(str(entry[4][0]) for entry in found.result(self._left())))
        except TimeoutError as error:
            raise httpcore.ConnectTimeout("the address was not found in time") from error
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError("the address was not found") from error

    def _left(self) -> float:
        return min(CONNECT_SECONDS, self._deadlines.left(httpcore.ConnectTimeout))


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
