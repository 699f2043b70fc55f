"""What an answer of Klaviyo means, decided from its status, headers and bytes alone."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from destinations.calls import Call
from destinations.errors import (
    Ambiguous,
    DeliveryError,
    NeedsDecision,
    Pointer,
    Rejected,
    RetryLater,
    without_people,
)
from destinations.klaviyo.limits import ENDPOINTS

LONGEST_WAIT = timedelta(minutes=15)
# A minute's window empties in a minute; whoever must wait longer has spent the allowance of a day.
_LONGEST_MINUTE = timedelta(seconds=120)

SEVERAL_PROFILES = "duplicate_profile"

_EXPECTED_IN = re.compile(r"available in (\d{1,9}) second", re.IGNORECASE)
_PROFILE_POINTER = re.compile(r"/data/attributes/profiles/data/(\d{1,9})(?:/attributes/(.+))?/?$")
_UNKNOWN_IDS = re.compile(r"invalid profile ids?:\s*(.+)", re.IGNORECASE | re.DOTALL)
_PROFILE_ID = re.compile(r"[A-Za-z0-9]{4,40}")
_MISSING_PROFILE = re.compile(r"profile with id\s+'?\"?([A-Za-z0-9]{4,40})", re.IGNORECASE)
_MISSING_LIST = re.compile(r"\blist\b.*does not exist", re.IGNORECASE | re.DOTALL)
_LIST_CAP = re.compile(r"limit|maximum|exceed|too many|1,?000", re.IGNORECASE)
_NAME_POINTER = "/data/attributes/name"


def classify(
    call: Call, status: int, headers: Mapping[str, str], body: bytes, *, now: datetime
) -> DeliveryError | None:
    """Return what went wrong, or None when the request was done.

    Never raises, whatever came back. `headers` have names in lower case; `body` is decompressed, and empty
    when it was cut short. A write counts as done on any 2xx, unless an id is needed from its answer.
    """
    document = parse(body)
    if 200 <= status < 300:
        return _of_success(call, status, document)
    if status == 429:
        return _of_throttling(call, headers, document, now)
    if 400 <= status < 500 and status != 408:
        return _of_refusal(call, status, headers, document, body)
    return _of_failure(call, status, headers, body, now)


def parse(body: bytes) -> dict[str, Any] | None:
    """Return the document, or None when these bytes are no JSON object."""
    try:
        document = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _refuse_constant(text: str) -> None:
    raise ValueError(f"{text} is not JSON")


def _of_success(call: Call, status: int, document: dict[str, Any] | None) -> DeliveryError | None:
    if call.is_read:
        if document is not None and isinstance(document.get("data"), dict | list):
            return None
        return _unexpected(call, status)
    if call.effect == "create" and not _new_id(document):
        # Whatever was made was made; without its id it must be looked up, not made again.
        return Ambiguous(
            "unexpected_answer",
            f"Klaviyo accepted {_doing(call)} ({status}) but did not say which one it made.",
            status=status,
        )
    return None


def _new_id(document: dict[str, Any] | None) -> str:
    data = document.get("data") if document else None
    found = data.get("id") if isinstance(data, dict) else None
    return found if isinstance(found, str) else ""


def _of_throttling(
    call: Call, headers: Mapping[str, str], document: dict[str, Any] | None, now: datetime
) -> DeliveryError:
    after = wait(headers, document, now)
    ids = _error_ids(document)
    if call.endpoint == "lists.create" and after is not None and after > _LONGEST_MINUTE:
        return NeedsDecision(
            "daily_list_creations",
            "Klaviyo allows 150 new lists a day, and they are used up. Use a list that exists, or wait.",
            status=429,
            after=after,
            error_ids=ids,
        )
    capped = None if after is None else min(after, LONGEST_WAIT)
    return RetryLater(
        "throttled", f"Klaviyo asked us to slow down {_doing(call)}.", after=capped, status=429, error_ids=ids
    )


def wait(headers: Mapping[str, str], document: dict[str, Any] | None, now: datetime) -> timedelta | None:
    """Return how long Klaviyo asks to wait: from Retry-After (seconds or a date), else from its sentence.

    A day at most; None when it does not say.
    """
    seconds = _seconds(headers.get("retry-after", ""), now)
    if seconds is None:
        for error in errors_of(document):
            found = _EXPECTED_IN.search(_text(error, "detail"))
            if found:
                seconds = float(found[1])
    if seconds is None:
        return None
    return timedelta(seconds=min(max(seconds, 0.0), 86_400.0))


def _seconds(retry_after: str, now: datetime) -> float | None:
    try:
        seconds = float(retry_after)
    except ValueError:
        pass
    else:
        return seconds if math.isfinite(seconds) else None
    try:
        moment = parsedate_to_datetime(retry_after)
        return (moment - now).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None


def _of_failure(
    call: Call, status: int, headers: Mapping[str, str], body: bytes, now: datetime
) -> DeliveryError:
    """Answer for 5xx, and for whatever is no answer at all (1xx, 3xx, 9xx)."""
    known = 500 <= status < 600 or status == 408
    code = "upstream_unavailable" if known else "unexpected_answer"
    message = f"Klaviyo answered {status} to {_doing(call)}."
    ids = _error_ids(parse(body))
    if not call.is_read:
        return Ambiguous(code, message, status=status, error_ids=ids)
    after = wait(headers, None, now)
    return RetryLater(
        code,
        message,
        after=None if after is None else min(after, LONGEST_WAIT),
        status=status,
        error_ids=ids,
    )


def _of_refusal(
    call: Call, status: int, headers: Mapping[str, str], document: dict[str, Any] | None, body: bytes
) -> DeliveryError:
    if status == 413:
        return Rejected("too_large", f"The request for {_doing(call)} was too large (413).", status=413)
    if document is None and (body.strip() or status not in (401, 403, 410)):
        return _without_document(call, status, headers, body)
    if status in (401, 403, 410):
        return _of_access(call, status, document)
    if status == 404:
        return _of_absence(call, document)
    return _of_mistake(call, status, document)


def _without_document(call: Call, status: int, headers: Mapping[str, str], body: bytes) -> DeliveryError:
    is_page = "html" in headers.get("content-type", "").lower() or body.lstrip().startswith(b"<")
    if status == 403 and is_page:
        return RetryLater(
            "blocked_at_edge",
            "Klaviyo's edge blocked this server's address (403). Slow down, or have the address allowed.",
            status=403,
        )
    return _unexpected(call, status)


def _of_access(call: Call, status: int, document: dict[str, Any] | None) -> DeliveryError:
    ids = _error_ids(document)
    if status == 401:
        message = "Klaviyo rejected the key (401). Paste a new private key."
        return NeedsDecision("invalid_credentials", message, status=401, error_ids=ids)
    if status == 410:
        message = "Klaviyo has retired the API revision this version uses (410). Install a newer version."
        return NeedsDecision("revision_retired", message, status=410, error_ids=ids)
    needed = _scopes(call)
    message = f"The key may not do this: {_doing(call)} needs the scope {' and '.join(needed)} (403)."
    facts = {"scopes": list(needed)} if call.endpoint in ENDPOINTS else {}
    return NeedsDecision("permission_missing", message, status=403, error_ids=ids, facts=facts)


def _scopes(call: Call) -> tuple[str, ...]:
    known = ENDPOINTS.get(call.endpoint)
    return known.scopes if known else ("of this endpoint",)


def _of_absence(call: Call, document: dict[str, Any] | None) -> DeliveryError:
    ids = _error_ids(document)
    for error in errors_of(document):
        missing = _MISSING_PROFILE.search(_text(error, "detail"))
        if missing:
            return _unknown_profiles(call, 404, (missing[1],), ids)
    if call.endpoint.startswith("imports.") and call.is_read:
        message = "Klaviyo no longer knows this import; it keeps them for seven days (404)."
        return Rejected("job_expired", message, status=404, error_ids=ids)
    if call.path.startswith("/api/lists/"):
        return _list_gone(404, ids)
    return Rejected(
        "not_found", f"Klaviyo found nothing for {_doing(call)} (404).", status=404, error_ids=ids
    )


def _list_gone(status: int, ids: tuple[str, ...]) -> NeedsDecision:
    message = f"The list no longer exists in Klaviyo ({status}). Choose another, or have it made again."
    return NeedsDecision("list_gone", message, status=status, error_ids=ids)


def _unknown_profiles(
    call: Call, status: int, profile_ids: tuple[str, ...], ids: tuple[str, ...]
) -> Rejected:
    message = f"Klaviyo does not know {len(profile_ids)} of the profiles ({status}): merged or deleted there."
    return Rejected("invalid_profile_ids", message, status=status, profile_ids=profile_ids, error_ids=ids)


def _of_mistake(call: Call, status: int, document: dict[str, Any] | None) -> DeliveryError:
    errors, ids = errors_of(document), _error_ids(document)
    details = " ".join(_text(error, "detail") for error in errors)
    if call.endpoint == "lists.create" and _speaks_of_cap(errors):
        message = f"Klaviyo refused another list ({status}): {without_people(details)}"
        return NeedsDecision("max_lists", message, status=status, error_ids=ids)
    if call.endpoint == "imports.create" and _MISSING_LIST.search(details):
        return _list_gone(status, ids)
    unknown = _unknown_ids(call, errors)
    if unknown:
        return _unknown_profiles(call, status, unknown, ids)
    if "invalid cursor" in details.lower():
        message = "Klaviyo no longer knows the place where we stopped reading (400)."
        return Rejected("invalid_cursor", message, status=status, error_ids=ids)
    words = without_people(_text(errors[0], "detail")) if errors else ""
    return Rejected(
        "conflict" if status == 409 else "rejected",
        f"Klaviyo refused {_doing(call)} ({status}). {words}".strip(),
        status=status,
        pointers=tuple(_pointer(call, error) for error in errors),
        error_ids=ids,
    )


def _pointer(call: Call, error: dict[str, Any]) -> Pointer:
    """Return the row and field at fault; a call that carries one profile can only speak of that."""
    found = pointer_of(error)
    if call.endpoint == "profiles.upsert" and found.index is None:
        # A pointer at the document as a whole names no field.
        field = "" if found.field in ("data", "data.attributes") else found.field
        return replace(found, index=0, field=field)
    return found


def _speaks_of_cap(errors: list[dict[str, Any]]) -> bool:
    return any(
        _LIST_CAP.search(f"{_text(error, 'title')} {_text(error, 'detail')}")
        for error in errors
        if _pointer_text(error) != _NAME_POINTER
    )


def _unknown_ids(call: Call, errors: list[dict[str, Any]]) -> tuple[str, ...]:
    """Return those of the ids we sent that Klaviyo lists as unknown."""
    listed: set[str] = set()
    for error in errors:
        found = _UNKNOWN_IDS.search(_text(error, "detail"))
        if found:
            listed.update(_PROFILE_ID.findall(found[1]))
    sent = call.body.get("data") if call.body else None
    ids = [resource["id"] for resource in sent if "id" in resource] if isinstance(sent, list) else []
    return tuple(profile_id for profile_id in ids if profile_id in listed)


def pointer_of(error: dict[str, Any]) -> Pointer:
    """Return which row and field an error of Klaviyo's speaks of, without its words."""
    text = _pointer_text(error)
    found = _PROFILE_POINTER.search(text)
    index = int(found[1]) if found else None
    field = (found[2] or "") if found else text.removeprefix("/data/attributes/").strip("/")
    field = without_people(field.replace("/", "."))
    code = _text(error, "code")[:64]
    return Pointer(index, field, code, detail_code(field, _text(error, "detail"), code=code))


def detail_code(field: str, detail: str, *, code: str = "") -> str:
    """Return our stable word for a detail of Klaviyo's, whose own word may be `code`."""
    if code == SEVERAL_PROFILES:
        # Its identifiers belong to more than one profile. Which of them clashes, nobody says.
        return SEVERAL_PROFILES
    words = detail.lower()
    if "not a valid field" in words:
        return "field_unknown"
    if "too large" in words or "kb" in words.split() or "maximum size" in words:
        return "too_large"
    if field.startswith("email") or "email" in words:
        return "email_invalid"
    if field.startswith("phone") or "phone" in words:
        return "phone_invalid"
    return "value_invalid"


def errors_of(document: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Return the errors of a document; empty when there are none of the right shape."""
    errors = document.get("errors") if document else None
    return [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []


def _pointer_text(error: dict[str, Any]) -> str:
    source = error.get("source")
    return _text(source, "pointer") if isinstance(source, dict) else ""


def _error_ids(document: dict[str, Any] | None) -> tuple[str, ...]:
    ids = (_text(error, "id")[:64] for error in errors_of(document)[:5])
    return tuple(found for found in ids if found)


def _text(error: dict[str, Any], name: str) -> str:
    value = error.get(name)
    return value if isinstance(value, str) else ""


def _unexpected(call: Call, status: int) -> RetryLater:
    return RetryLater(
        "unexpected_answer", f"Klaviyo's answer to {_doing(call)} made no sense ({status}).", status=status
    )


def _doing(call: Call) -> str:
    known = ENDPOINTS.get(call.endpoint)
    return known.purpose if known else call.endpoint
