"""What was asked and answered, fit to be shown: its shape, ids, types, codes and counts, and no person.

Nothing is kept because it looks harmless: what has no place among the known ones is blotted out. Names of
fields stay in what we send, for they are ours; of those in an answer only the known ones do.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import unquote

from destinations.calls import Answer, Call, encode

MOST_CHARS = 4_000
SHOWN = 2
_MOST_DEPTH = 12
_MOST_KEYS = 40
_LONGEST_TEXT = 1_200
_LOOKED_AT = 4_800
_LARGEST_COUNT = 1_000_000_000

# Words of JSON:API and of Klaviyo's documents; any other name in an answer may be somebody's data.
_VOCABULARY = """
data type id attributes relationships links meta included jsonapi errors status code title detail source
pointer parameter profiles profile lists list import-errors profile-bulk-import-job profile-import
profile-bulk-import-jobs segment flow flows account email phone_number external_id first_name last_name
organization locale image location address1 address2 city country region zip timezone latitude longitude
ip properties name created updated joined_group_at opt_in_process profile_count created_at started_at
completed_at expires_at total_count completed_count failed_count original_payload subscriptions
marketing consent can_receive_email_marketing suppression reason contact_information organization_name
public_api_key test_account self related next prev first last version duplicate_profile_id error message
trigger_type archived is_processing is_starred tags
"""
_NAMES = frozenset(_VOCABULARY.split())
_COUNTS = frozenset(("status", "total_count", "completed_count", "failed_count", "profile_count"))
_WORDS = frozenset(("type", "status", "code", "opt_in_process", "version", "reason"))
_MOMENTS = frozenset(("created", "updated", "created_at", "started_at", "completed_at", "expires_at"))
_HEADERS = {
    "retry-after": re.compile(r"\d{1,6}|[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT"),
    "ratelimit-limit": re.compile(r"\d{1,5}(?:, ?\d{1,5};w=\d{1,5}){0,4}"),
    "ratelimit-remaining": re.compile(r"\d{1,5}"),
    "ratelimit-reset": re.compile(r"\d{1,5}"),
    "content-type": re.compile(r"[a-z]{1,20}/[a-z.+-]{1,40}(?:; ?charset=[A-Za-z0-9-]{1,12})?"),
    "x-klaviyo-req-id": re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
    "x-request-id": re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
    "cf-ray": re.compile(r"[0-9a-f]{16}-[A-Z]{3}"),
}
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_ID = re.compile(r"[A-Za-z0-9_=-]{4,64}")
_WORD = re.compile(r"[a-z][a-z_.-]{0,39}")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)?")
_POINTER = re.compile(r"/[A-Za-z0-9_$/ .-]{0,120}")
_FIELD_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_$ .:-]{0,63}")
_LONG_NUMBER = re.compile(r"\d(?:[\W_]*\d){5,}")
_PIECES = re.compile(r"([\s<>\"'=,;()\[\]{}]+)")
_PLAIN = re.compile(r"[A-Za-z][A-Za-z-]{0,24}[.:!?]?|\d{1,4}[.:%]?|/?[a-z]{1,10}/?")
_PARTS = re.compile(r"[^\W_]+")
# Whatever is in there was somebody's, or names somebody.
_CLOSED = frozenset(
    ("original_payload", "properties", "location", "links", "meta", "contact_information", "subscriptions")
)
# What our own filters say besides values.
_GRAMMAR = frozenset(("any", "equals", "greater", "or", "equal", "less", "than"))


def request(call: Call) -> dict[str, Any]:
    """Return what was sent as `method`, `path`, `body` (a text of at most 4,000 characters) and `bytes`.

    Values of the query are left out, and so is every value of a profile.
    """
    names = ", ".join(name for name, _ in call.query if _FIELD_NAME.fullmatch(_flat(name)))
    path = call.path if call.endpoint.startswith("sftp.") else _path(call.path)
    shown = {"method": call.method, "path": f"{path} ({names})" if names else path, "body": "", "bytes": 0}
    if call.body is not None:
        shown["body"] = _text(_Blotter(call, ours=True).blotted(call.body), _summary(call.body))
        shown["bytes"] = len(encode(call.body))
    return shown


def answer(call: Call, found: Answer) -> dict[str, Any]:
    """Return what came back as `status`, `headers`, `body` and `ids`; of a file its size and its hash."""
    if call.endpoint.startswith("sftp."):
        told = ", ".join(f"{name}: {value}" for name, value in sorted((found.data or {}).items()))
        return {"status": found.status, "headers": {}, "body": told, "ids": []}
    return _document(call, found.status, found.headers, found.data)


def raw(call: Call, status: int, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """Return an answer whose `body` is whatever came: a document if it is one, else its plain words."""
    try:
        return _document(call, status, headers, json.loads(body))
    except (ValueError, RecursionError):
        words = _Blotter(call).plain(body[:_LOOKED_AT].decode("utf-8", "replace"))
    told = f"{len(body):,} bytes that are no document. {words}".strip() if body else ""
    return {"status": status, "headers": _headers(headers), "body": told[:MOST_CHARS], "ids": []}


def _document(call: Call, status: int, headers: Mapping[str, str], data: object) -> dict[str, Any]:
    shown = "" if data is None else _text(_Blotter(call).blotted(data), _summary(data))
    return {"status": status, "headers": _headers(headers), "body": shown, "ids": _ids(data)}


def _headers(headers: Mapping[str, str]) -> dict[str, str]:
    lower = {name.lower(): value for name, value in headers.items()}
    found = {name: lower[name] for name in _HEADERS if name in lower}
    return {name: value for name, value in found.items() if _HEADERS[name].fullmatch(value)}


def _ids(data: object) -> list[str]:
    """The ids of the errors, for the destination's support."""
    errors = data.get("errors") if isinstance(data, dict) else None
    given = errors[:5] if isinstance(errors, list) else []
    found = [each.get("id") for each in given if isinstance(each, dict)]
    return [each for each in found if isinstance(each, str) and _is_id(each)]


def _flat(name: str) -> str:
    return name.replace("[", "").replace("]", "")


def _path(path: str) -> str:
    parts = path.split("/")
    return "/".join(part if not part or _WORD.fullmatch(part) or _is_id(part) else "…" for part in parts)


def _summary(data: object) -> str:
    """Say how much is left out of the longest list, such as the profiles of an import."""
    name, size = max(_lists(data), key=lambda pair: pair[1], default=("", 0))
    return f"{size:,} {name}, the first {SHOWN} shown.\n" if size > SHOWN else ""


def _lists(data: object, depth: int = 0) -> Iterator[tuple[str, int]]:
    """Yield of each list what it holds, and how many."""
    if depth > _MOST_DEPTH:
        return
    if isinstance(data, list):
        kind = data[0].get("type") if data and isinstance(data[0], dict) else None
        yield f"{kind}s" if isinstance(kind, str) and kind in _NAMES else "entries", len(data)
        for each in data[:SHOWN]:
            yield from _lists(each, depth + 1)
    elif isinstance(data, dict):
        for value in list(data.values())[:_MOST_KEYS]:
            yield from _lists(value, depth + 1)


def _text(blotted: object, summary: str) -> str:
    whole = summary + json.dumps(blotted, ensure_ascii=False, indent=1)
    return whole if len(whole) <= MOST_CHARS else whole[: MOST_CHARS - 1] + "…"


@dataclass(frozen=True)
class _Blotter:
    """Blots out one document: what we sent ourselves (`ours`), or what came back to `call`."""

    call: Call
    ours: bool = False

    def blotted(self, value: object, *, key: str = "", closed: bool = False, depth: int = 0) -> object:
        """Return `value` with everything but its shape and the known kinds of values taken out.

        `closed`: inside of somebody's profile, where no value is kept at all.
        """
        if depth > _MOST_DEPTH:
            return "…"
        if isinstance(value, dict):
            return self._object(value, closed, depth)
        if isinstance(value, list):
            some = [self.blotted(each, key=key, closed=closed, depth=depth + 1) for each in value[:SHOWN]]
            return some if len(value) <= SHOWN else [*some, f"… and {len(value) - SHOWN:,} more"]
        return self._leaf(value, "" if closed else key)

    def _object(self, value: dict[str, Any], closed: bool, depth: int) -> dict[str, object]:
        inside = _is_person(value)
        shown = {}
        for number, (name, inner) in enumerate(list(value.items())[:_MOST_KEYS]):
            shut = closed or name in _CLOSED or (inside and name not in ("type", "id", "relationships"))
            shown[self._name(name, number)] = self.blotted(inner, key=name, closed=shut, depth=depth + 1)
        if len(value) > _MOST_KEYS:
            shown["…"] = f"and {len(value) - _MOST_KEYS:,} more"
        return shown

    def _name(self, name: str, number: int) -> str:
        if name in _NAMES or (self.ours and _FIELD_NAME.fullmatch(name) and not _LONG_NUMBER.search(name)):
            return name
        return f"‹name {number + 1}›"

    def _leaf(self, value: object, key: str) -> object:
        if value is None or (isinstance(value, bool) and key):
            return value
        if isinstance(value, bool):
            return "‹yes or no›"
        if isinstance(value, int | float):
            return value if key in _COUNTS and abs(value) < _LARGEST_COUNT else "‹number›"
        if not isinstance(value, str):
            return "‹value›"
        return value if not value or _may_stay(value, key) else self._told(value, key)

    def _told(self, value: str, key: str) -> str:
        """What is said of a text that cannot stay as it is."""
        if key in ("pointer", "parameter") and _POINTER.fullmatch(value) and not self._quotes(value):
            return value if not _LONG_NUMBER.search(value) else "…"
        return self.plain(value) if key in ("title", "detail") else "‹text›"

    def plain(self, text: str) -> str:
        """Return a text with plain words and small numbers alone, none of them among the values sent."""
        pieces = _PIECES.split(_LONG_NUMBER.sub("…", text[:_LOOKED_AT]))
        kept = (
            piece if index % 2 or not piece or self._is_plain(piece) else "…"
            for index, piece in enumerate(pieces)
        )
        return re.sub(r"…(?:\s*…)+", "…", "".join(kept))[:_LONGEST_TEXT]

    def _is_plain(self, piece: str) -> bool:
        return bool(_PLAIN.fullmatch(piece)) and not self._quotes(piece)

    def _quotes(self, text: str) -> bool:
        return not self._sent.isdisjoint(part.lower() for part in _PARTS.findall(text))

    @cached_property
    def _sent(self) -> frozenset[str]:
        """Every word among the values that were sent."""
        found: set[str] = set()
        for value in _values(self.call):
            found.update(part.lower() for part in _PARTS.findall(value))
        return frozenset(found - _NAMES - _GRAMMAR)


def _is_person(value: Mapping[str, object]) -> bool:
    kind = value.get("type")
    return isinstance(kind, str) and kind.startswith("profile") and "bulk" not in kind


def _may_stay(value: str, key: str) -> bool:
    if key == "id":
        return _is_id(value)
    if key in _WORDS:
        return bool(_WORD.fullmatch(value)) or (key == "status" and value.isdecimal() and len(value) == 3)
    return key in _MOMENTS and bool(_MOMENT.fullmatch(value))


def _is_id(text: str) -> bool:
    """Whether a text is an id and no number of a phone; a UUID may hold long ones."""
    if _UUID.fullmatch(text):
        return True
    return bool(_ID.fullmatch(text)) and not _LONG_NUMBER.search(text)


def _values(call: Call) -> Iterator[str]:
    for _, value in call.query:
        yield unquote(value)
    yield from _strings(call.body)


def _strings(data: object) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, dict):
        for key, value in data.items():
            if key not in ("type", "id"):
                yield from _strings(value)
    elif isinstance(data, list):
        for each in data:
            yield from _strings(each)
