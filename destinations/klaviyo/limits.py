"""Every endpoint of Klaviyo we use: what it allows and which scopes it asks for.

Source: `x-klaviyo-ratelimit` and `x-klaviyo-scopes` of Klaviyo's OpenAPI document, revision 2026-07-15.
"""

from dataclasses import dataclass, replace

from destinations.windows import Windows
from destinations.windows import floor_seconds as windows_floor_seconds


@dataclass(frozen=True)
class Endpoint:
    """One operation: `name` is the limiter's bucket, `purpose` a few words for a person."""

    name: str
    method: str
    path: str
    purpose: str
    scopes: tuple[str, ...]
    windows: Windows


_XS, _S, _M, _L = Windows(1, 15), Windows(3, 60), Windows(10, 150), Windows(75, 750)
_LISTS, _MEMBERS = "/api/lists", "/api/lists/{id}/profiles"
_SEGMENTS = "/api/segments"
_MEMBERSHIP = "/api/lists/{id}/relationships/profiles"
_JOBS = "/api/profile-bulk-import-jobs"
_READ_MEMBERS, _WRITE_MEMBERS = ("lists:read", "profiles:read"), ("lists:write", "profiles:write")

ENDPOINTS: dict[str, Endpoint] = {
    endpoint.name: endpoint
    for endpoint in (
        Endpoint("accounts.get", "GET", "/api/accounts", "reading the account", ("accounts:read",), _XS),
        Endpoint("lists.find", "GET", _LISTS, "finding lists", ("lists:read",), _L),
        Endpoint("lists.create", "POST", _LISTS, "creating a list", ("lists:write",), Windows(10, 150, 150)),
        Endpoint("lists.get", "GET", f"{_LISTS}/{{id}}", "reading a list", ("lists:read",), _L),
        Endpoint("lists.count", "GET", f"{_LISTS}/{{id}}", "counting a list", ("lists:read",), _XS),
        Endpoint("lists.members", "GET", _MEMBERS, "reading the members of a list", _READ_MEMBERS, _L),
        Endpoint("lists.add", "POST", _MEMBERSHIP, "adding to a list", _WRITE_MEMBERS, _M),
        Endpoint("lists.remove", "DELETE", _MEMBERSHIP, "removing from a list", _WRITE_MEMBERS, _M),
        Endpoint(
            "lists.flows",
            "GET",
            f"{_LISTS}/{{id}}/flow-triggers",
            "reading the flows a list starts",
            ("flows:read", "lists:read"),
            _S,
        ),
        Endpoint("lists.delete", "DELETE", f"{_LISTS}/{{id}}", "deleting a list", ("lists:write",), _M),
        Endpoint("segments.find", "GET", _SEGMENTS, "finding segments", ("segments:read",), _L),
        Endpoint(
            "segments.count", "GET", f"{_SEGMENTS}/{{id}}", "counting a segment", ("segments:read",), _XS
        ),
        Endpoint(
            "segments.flows",
            "GET",
            f"{_SEGMENTS}/{{id}}/flow-triggers",
            "reading the flows a segment starts",
            ("flows:read", "segments:read"),
            _S,
        ),
        Endpoint(
            "segments.delete", "DELETE", f"{_SEGMENTS}/{{id}}", "deleting a segment", ("segments:write",), _S
        ),
        Endpoint("profiles.find", "GET", "/api/profiles", "finding profiles", ("profiles:read",), _L),
        Endpoint(
            "profiles.upsert",
            "POST",
            "/api/profile-import",
            "creating or updating a profile",
            ("profiles:write",),
            _L,
        ),
        Endpoint("imports.create", "POST", _JOBS, "importing profiles", _WRITE_MEMBERS, _M),
        Endpoint("imports.get", "GET", f"{_JOBS}/{{id}}", "reading an import", _READ_MEMBERS, _M),
        Endpoint("imports.list", "GET", _JOBS, "reading imports", _READ_MEMBERS, _M),
        Endpoint(
            "imports.errors",
            "GET",
            f"{_JOBS}/{{id}}/import-errors",
            "reading the errors of an import",
            ("profiles:read",),
            _M,
        ),
    )
}

WINDOWS: dict[str, Windows] = {name: endpoint.windows for name, endpoint in ENDPOINTS.items()}

# Klaviyo's help centre: 1,000 lists and segments together at any time.
MAX_LISTS_AND_SEGMENTS = 1_000

MEMBERS_PER_WRITE = 1_000
MEMBERS_PER_PAGE = 100
LISTS_PER_PAGE = 10
VALUES_PER_FILTER = 100
PROFILES_PER_IMPORT = 10_000
BYTES_PER_IMPORT = 4_500_000
BYTES_PER_PROFILE = 100_000


def windows(share: int) -> dict[str, Windows]:
    """Return the windows of every endpoint, of which we use `share` percent, 1 to 100."""
    return {name: replace(published, share=share) for name, published in WINDOWS.items()}


def floor_seconds(requests: int, endpoint: str, share: int = 100) -> float:
    """Return the least time from the first to the last of `requests`, with `share` percent of the quota."""
    return windows_floor_seconds(requests, replace(WINDOWS[endpoint], share=share))
