"""One request over the wire: a total deadline, a largest answer, no redirects, no environment."""

import ssl
import zlib
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Protocol
from urllib.parse import quote, urlencode

import httpcore

from destinations.calls import Answer, Call, encode
from destinations.errors import Ambiguous, DeliveryError, NeedsDecision, RetryLater
from destinations.sockets import DeadlineBackend, Deadlines

DEADLINE_SECONDS = 30.0
LARGEST_ANSWER_BYTES = 10_000_000
# One more than the gateway has threads.
_CONNECTIONS = 9
_NEVER_LEFT = (httpcore.ConnectError, httpcore.ConnectTimeout, httpcore.PoolTimeout)
_LOST = (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError)


class Classify(Protocol):
    """The vendor's rule on what an answer means."""

    def __call__(
        self, call: Call, status: int, headers: Mapping[str, str], body: bytes, *, now: datetime
    ) -> DeliveryError | None: ...


class Transport:
    """Sends calls to one host. Safe to use from several threads; close it when done."""

    def __init__(
        self,
        base_url: str,
        *,
        headers: Mapping[str, str],
        classify: Classify,
        parse: Callable[[bytes], dict[str, Any] | None],
        deadline_seconds: float = DEADLINE_SECONDS,
        largest_answer_bytes: int = LARGEST_ANSWER_BYTES,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._headers = dict(headers)
        self._classify = classify
        self._parse = parse
        self._deadline_seconds = deadline_seconds
        self._largest_answer_bytes = largest_answer_bytes
        self._now = now
        self._deadlines = Deadlines()
        self._pool = httpcore.ConnectionPool(
            max_connections=_CONNECTIONS,
            keepalive_expiry=5.0,
            network_backend=DeadlineBackend(self._deadlines),
        )

    def send(self, call: Call) -> Answer:
        """Send a call and return its answer; raise the DeliveryError it means, or its absence."""
        self._check_headers()
        try:
            with self._deadlines.within(self._deadline_seconds):
                status, headers, body = self._exchange(call)
        except _NEVER_LEFT as error:
            raise _not_sent(error) from None
        except _LOST:
            # What the library says may quote the request, so it is not passed on.
            raise _lost(call) from None
        problem = self._classify(call, status, headers, body, now=self._now())
        if problem is not None:
            raise problem
        return Answer(status, self._parse(body), headers)

    def close(self) -> None:
        self._pool.close()

    def __enter__(self) -> "Transport":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _check_headers(self) -> None:
        # A broken header would be quoted in the library's error, and this one holds the key.
        if not all(value.isascii() and value.isprintable() for value in self._headers.values()):
            message = "The key holds characters no key has. Paste a new private key."
            raise NeedsDecision("invalid_credentials", message)

    def _exchange(self, call: Call) -> tuple[int, dict[str, str], bytes]:
        url = self._base_url + quote(call.path, safe="/%")
        if call.query:
            url += "?" + urlencode(call.query, quote_via=quote, safe="")
        content = None if call.body is None else encode(call.body)
        headers = list(self._headers.items())
        if content is not None:
            headers.append(("content-type", "application/vnd.api+json"))
        with self._pool.stream(call.method, url, headers=headers, content=content) as response:
            found = {
                name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers
            }
            return response.status, found, self._body(response, found)

    def _body(self, response: httpcore.Response, headers: Mapping[str, str]) -> bytes:
        """Return the whole body, or nothing when it was cut short, too large or in an unknown encoding.

        The status is known by now, and it alone says whether a write was done.
        """
        pieces, size = [], 0
        try:
            for piece in _decoded(response.iter_stream(), headers.get("content-encoding", "")):
                size += len(piece)
                if size > self._largest_answer_bytes:
                    return b""
                pieces.append(piece)
        except (*_LOST, zlib.error):
            return b""
        return b"".join(pieces)


def _decoded(stream: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """Yield the body in pieces that stay small, however well it was packed. Raises zlib.error."""
    if encoding.strip().lower() not in ("gzip", ""):
        raise zlib.error("an encoding we did not ask for")
    if not encoding.strip():
        yield from stream
        return
    decoder = zlib.decompressobj(wbits=31)
    for packed in stream:
        waiting = packed
        while waiting:
            yield decoder.decompress(waiting, max_length=1_000_000)
            waiting = decoder.unconsumed_tail
    if not decoder.eof:
        raise zlib.error("cut short")


def _not_sent(error: Exception) -> RetryLater:
    if isinstance(error.__cause__ or error.__context__, ssl.SSLCertVerificationError):
        message = "The destination's certificate cannot be trusted; nothing was sent."
        return RetryLater("tls_untrusted", message, not_sent=True)
    return RetryLater("unreachable", "The destination could not be reached; nothing was sent.", not_sent=True)


def _lost(call: Call) -> DeliveryError:
    if call.is_read:
        return RetryLater("upstream_unavailable", f"The answer to {call.endpoint} did not come.")
    message = f"The answer to {call.endpoint} did not come; it may have been done."
    return Ambiguous("answer_lost", message)
