"""Carries out the faults that act on a request: what is done, when, and what of the answer gets through."""

import json
import math
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from simulator.faults import Fault
from simulator.wire import Answer, Problem, Refusal

HTML = (
    b"<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>Enable JavaScript.</body></html>"
)
CODES = {
    400: "invalid",
    401: "not_authenticated",
    403: "permission_denied",
    404: "not_found",
    409: "duplicate_profile",
    410: "gone",
    429: "throttled",
}
UNDONE = frozenset({"status", "timeout", "drop_before", "garbage", "endless", "bomb"})
BOMB_BYTES = 1 << 30
PIECE = 1 << 16


@dataclass(frozen=True)
class Delivery:
    """How an answer goes out: `way` is an action, or `whole`. `pause` is in seconds, between bytes."""

    answer: Answer
    way: str = "whole"
    pause: float = 0.0

    @property
    def silent(self) -> bool:
        """Tell whether the client hears nothing it could take for an answer."""
        return self.way in ("timeout", "timeout_after", "drop_before", "drop_after", "late", "garbage")


def perform(acting: Sequence[Fault], act: Callable[[], Answer], *, stopping: threading.Event) -> Delivery:
    """Do what the request asks as far as the faults let it, and say how to answer.

    A `late` fault is not for here: see `late`. Several faults add up: all the waits, then the first one
    that keeps the call from being done, then the first one that spoils its answer.
    """
    for fault in acting:
        if fault.action == "slow":
            stopping.wait(fault.seconds)
    undone = next((fault for fault in acting if fault.action in UNDONE), None)
    if undone:
        given = answer_of(undone) if undone.action == "status" else Answer(200)
        way = "whole" if undone.action == "status" else undone.action
        return _spoiled(Delivery(given, way), acting)
    return _spoiled(Delivery(act()), acting)


def late(acting: Sequence[Fault]) -> Fault | None:
    """Return the fault that makes a call take effect long after the connection was cut, if one acts."""
    return next((fault for fault in acting if fault.action == "late"), None)


def _spoiled(delivery: Delivery, acting: Sequence[Fault]) -> Delivery:
    if delivery.way != "whole":
        return delivery
    for fault in acting:
        if fault.action == "status_after":
            told = answer_of(fault)
            delivery = replace(
                delivery, answer=replace(told, applied=delivery.answer.applied, items=delivery.answer.items)
            )
        elif fault.action in ("timeout_after", "drop_after", "drip", "truncate"):
            return replace(delivery, way=fault.action, pause=fault.seconds)
        elif fault.action == "truncate_json":
            body = delivery.answer.body
            delivery = replace(delivery, answer=replace(delivery.answer, body=body[: len(body) // 2]))
    return delivery


def answer_of(fault: Fault) -> Answer:
    """Return the answer a fault tells: an error in Klaviyo's form, Cloudflare's page, or any body given."""
    if fault.body == "html":
        page = {
            "Content-Type": "text/html; charset=UTF-8",
            "cf-mitigated": "challenge",
            "Server": "cloudflare",
        }
        return Answer(fault.status, HTML, {**page, **fault.headers})
    if fault.body == "json":
        code = fault.code or CODES.get(fault.status, "error")
        headers = dict(fault.headers)
        if fault.status == 429:
            headers.setdefault("Retry-After", str(math.ceil(fault.seconds)))
        detail = fault.detail or "A fault that was asked for."
        return Refusal(fault.status, Problem(detail, code=code, title="Fault."), headers=headers).answer()
    body = fault.body if isinstance(fault.body, str) else json.dumps(fault.body)
    return Answer(fault.status, body.encode(), {"Content-Type": "application/vnd.api+json", **fault.headers})


def endless() -> Iterator[bytes]:
    """Yield white space for ever: a document whose end never comes."""
    yield b'{"data": ['
    while True:
        yield b" " * PIECE


def bomb() -> Iterator[bytes]:
    """Yield a gigabyte of white space, packed with gzip."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    blank = b" " * PIECE
    for _ in range(BOMB_BYTES // PIECE):
        piece = packer.compress(blank)
        if piece:
            yield piece
    yield packer.flush()


def told(delivery: Delivery) -> dict[str, Any]:
    """Return what the journal should say of a delivery."""
    answer = delivery.answer
    return {
        "status": None if delivery.silent else answer.status,
        "items": answer.items,
        "applied": answer.applied,
    }
