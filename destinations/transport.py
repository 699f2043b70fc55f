"""One request over the wire: a total deadline, a largest answer, no redirects, no environment."""

import ssl
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import Any, Protocol
from urllib.parse import quote, urlencode

import httpx

from destinations import redacted
from destinations.calls import Answer, Call, encode
from destinations.errors import Ambiguous, DeliveryError, NeedsDecision, Rejected, RetryLater
from destinations.sockets import Deadlines, DeadlineTransport

DEADLINE_SECONDS = 30.0
LARGEST_ANSWER_BYTES = 10_000_000
# httpx makes no request for more than 65,536.
LONGEST_URL = 65_000
# One more than the gateway has threads.
_CONNECTIONS = 9
_NEVER_LEFT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_LOST = (httpx.NetworkError, httpx.TimeoutException, httpx.ProtocolError)


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
        self._client = httpx.Client(
            transport=DeadlineTransport(self._deadlines, connections=_CONNECTIONS),
            follow_redirects=False,
            trust_env=False,
            # For each read; the sockets look at the deadline instead.
            timeout=deadline_seconds,
            # No request may depend on the answer to another, so cookies are kept from nowhere.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        )

    def send(self, call: Call) -> Answer:
        """Send a call and return its answer; raise the DeliveryError it means, or its absence."""
        self._check_headers()
        url = self._url(call)
        try:
            with self._deadlines.within(self._deadline_seconds):
                status, headers, body = self._exchange(call, url)
        except httpx.InvalidURL:
            # Only the host and the port are not ours to encode, and they come from the settings.
            message = "The address set for the destination is not one; nothing was sent."
            raise RetryLater("unreachable", message, not_sent=True) from None
        except _NEVER_LEFT as error:
            raise _not_sent(error) from None
        except _LOST:
            # What the library says may quote the request, so it is not passed on.
            raise _lost(call) from None
        problem = self._classify(call, status, headers, body, now=self._now())
        if problem is not None:
            problem.heard = redacted.raw(call, status, headers, body)
            raise problem
        return Answer(status, self._parse(body), headers)

    def close(self) -> None:
        self._client.close()

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

    def _url(self, call: Call) -> str:
        url = self._base_url + quote(call.path, safe="/%")
        if call.query:
            # Not left to httpx, which writes a space as "+", as forms do.
            url += "?" + urlencode(call.query, quote_via=quote, safe="")
        if len(url) > LONGEST_URL:
            message = (
                f"The address of {call.endpoint} would be too long with all its values; nothing was sent."
            )
            raise Rejected("too_large", message)
        return url

    def _exchange(self, call: Call, url: str) -> tuple[int, dict[str, str], bytes]:
        headers, content = self._headers, None
        if call.body is not None:
            headers, content = headers | {"content-type": "application/vnd.api+json"}, encode(call.body)
        with self._client.stream(call.method, url, headers=headers, content=content) as response:
            return response.status_code, dict(response.headers), self._body(response)

    def _body(self, response: httpx.Response) -> bytes:
        """Return the whole body, or nothing when it was cut short, too large or in an unknown encoding.

        The status is known by now, and it alone says whether a write was done.
        """
        encoding = response.headers.get("content-encoding", "").strip().lower()
        if encoding not in ("gzip", ""):
            return b""
        body = bytearray()
        try:
            for piece in response.iter_bytes():
                body += piece
                if len(body) > self._largest_answer_bytes:
                    return b""
        except (*_LOST, httpx.DecodingError):
            return b""
        # httpx takes gzip that ends early for whole; its last four bytes say how much it should have held.
        if encoding == "gzip" and int.from_bytes(response.extensions["ending"](), "little") != len(body):
            return b""
        return bytes(body)


def _not_sent(error: httpx.TransportError) -> RetryLater:
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLCertVerificationError):
        cause = cause.__cause__ or cause.__context__
    if cause is not None:
        message = "The destination's certificate cannot be trusted; nothing was sent."
        return RetryLater("tls_untrusted", message, not_sent=True)
    return RetryLater("unreachable", "The destination could not be reached; nothing was sent.", not_sent=True)


def _lost(call: Call) -> DeliveryError:
    if call.is_read:
        return RetryLater("upstream_unavailable", f"The answer to {call.endpoint} did not come.")
    message = f"The answer to {call.endpoint} did not come; it may have been done."
    return Ambiguous("answer_lost", message)
