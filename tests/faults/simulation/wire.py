"""The way between the product and Klaviyo: the product's own transport, with the network replaced by fate."""

from collections.abc import Callable
from contextlib import nullcontext
from datetime import datetime
from typing import Any, Protocol

import httpx

from destinations.calls import Call, encode
from destinations.klaviyo.classify import classify, parse
from destinations.transport import DEADLINE_SECONDS, Transport
from simulator import misbehaviour
from simulator.faults import Fault
from simulator.wire import Answer
from tests.faults.simulation.hub import Hub
from tests.faults.simulation.klaviyo import BASE, Klaviyo
from tests.faults.simulation.misfortunes import Misfortunes

Exchange = tuple[int, dict[str, str], bytes]
HTML = Answer(200, b"<html>Just a moment...</html>", {"Content-Type": "text/html"})


class Watcher(Protocol):
    """Whoever looks at what goes over the wire."""

    def leaves(self, key: str, call: Call, way: str) -> None:
        """A call is on its way."""

    def acted(self, key: str, call: Call, answer: Answer) -> None:
        """Klaviyo has done what it asks, or refused."""


class Line:
    """Carries calls. A worker whose process ends on the way leaves its call to go on alone."""

    def __init__(self, hub: Hub, klaviyo: Klaviyo, fate: Misfortunes, watcher: Watcher) -> None:
        self._hub = hub
        self._klaviyo = klaviyo
        self._fate = fate
        self._watcher = watcher
        self.interrupt: Callable[..., None] = lambda moment, **_: None

    def transport(self, key: str, **_: Any) -> Transport:
        """Stand in for `destinations.klaviyo.service.transport`."""
        return Seam(self, key, now=self._hub.now)

    def carry(self, key: str, headers: dict[str, str], call: Call, url: str) -> Exchange:
        way = self._fate.wire(is_read=call.is_read, about=call.endpoint)
        self._watcher.leaves(key, call, way)
        body = encode(call.body) if call.body is not None else b""
        sent = headers | ({"content-type": "application/vnd.api+json"} if body else {})
        given: list[Answer] = []

        def act() -> None:
            answer = self._klaviyo.act(sent, call.method, url, body)
            self._watcher.acted(key, call, answer)
            given.append(answer)

        if way == "unsent":
            raise httpx.ConnectError("")
        if way == "late":
            self._hub.sleep(self._fate.patience())
            self._hub.after(self._fate.lateness(), act)
            raise httpx.ReadTimeout("")
        done = way in ("well", "heard", "broke", "nonsense")
        if done:
            self._hub.after(self._fate.travel(), act)
        self.interrupt("in_flight", about=call.endpoint, writes=not call.is_read)
        self._hub.sleep(0.4 if done else self._fate.travel())
        if way in ("lost", "heard"):
            self._hub.sleep(self._fate.patience())
            raise httpx.RemoteProtocolError("")
        return _shown(_spoiled(way) or given[0])


def _spoiled(way: str) -> Answer | None:
    """The answer that comes instead of Klaviyo's own, None when that comes through."""
    if way == "throttled":
        return misbehaviour.answer_of(Fault(0, "status", status=429, seconds=3))
    if way == "refused":
        return misbehaviour.answer_of(Fault(0, "status", status=503))
    if way == "broke":
        return misbehaviour.answer_of(Fault(0, "status", status=502, body="html"))
    return HTML if way == "nonsense" else None


def _shown(answer: Answer) -> Exchange:
    return answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.body


class Seam(Transport):
    """The product's transport without its HTTP client: what an answer or its absence means stays its own."""

    def __init__(self, line: Line, key: str, *, now: Callable[[], datetime]) -> None:
        self._line = line
        self._key = key
        self._base_url = BASE
        self._headers = {
            "authorization": f"Klaviyo-API-Key {key}",
            "revision": "2026-07-15",
            "accept": "application/vnd.api+json",
        }
        self._classify, self._parse, self._now = classify, parse, now
        self._deadline_seconds = DEADLINE_SECONDS
        self._deadlines = _NoDeadlines()  # type: ignore[assignment]

    def _exchange(self, call: Call, url: str) -> Exchange:
        return self._line.carry(self._key, self._headers, call, url)

    def close(self) -> None:
        """There is no connection."""


class _NoDeadlines:
    def within(self, seconds: float) -> nullcontext[None]:
        return nullcontext()
