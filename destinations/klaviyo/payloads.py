"""Requests to Klaviyo as values: JSON:API exactly as its OpenAPI document writes it, and no network."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import quote

from destinations.calls import Call
from destinations.klaviyo.limits import (
    LISTS_PER_PAGE,
    MEMBERS_PER_PAGE,
    MEMBERS_PER_WRITE,
    PROFILES_PER_IMPORT,
    VALUES_PER_FILTER,
)

Kind = Literal["list", "segment"]

_JOBS = "/api/profile-bulk-import-jobs"
_ONE = 1
_FLOW_FIELDS = (("fields[flow]", "name,status"),)


def account() -> Call:
    """Ask whose key this is."""
    fields = "contact_information.organization_name,timezone,public_api_key,test_account"
    return Call("accounts.get", "GET", "/api/accounts", (("fields[account]", fields),))


def lists_named(name: str, *, cursor: str = "") -> Call:
    """Ask for the lists called `name`; names are not unique at Klaviyo."""
    return _page("lists.find", "/api/lists", LISTS_PER_PAGE, cursor, filter=f"equals(name,{_literal(name)})")


def lists(*, cursor: str = "", size: int = LISTS_PER_PAGE) -> Call:
    """Ask for a page of all lists."""
    return _page("lists.find", "/api/lists", size, cursor)


def segments(*, cursor: str = "", size: int = LISTS_PER_PAGE) -> Call:
    """Ask for a page of all segments."""
    return _page(
        "segments.find", "/api/segments", size, cursor, **{"fields[segment]": "name,created,updated"}
    )


def create_list(name: str) -> Call:
    """Make a list; each time it is sent it makes another one."""
    body = {"data": {"type": "list", "attributes": {"name": name}}}
    return Call("lists.create", "POST", "/api/lists", body=body, effect="create")


def list_info(list_id: str) -> Call:
    """Ask for one list."""
    return Call("lists.get", "GET", f"/api/lists/{_part(list_id)}")


def group_count(kind: Kind, group_id: str) -> Call:
    """Ask what a list or segment is called and how many are in it, which is 50 times slower than its name."""
    query = ((f"additional-fields[{kind}]", "profile_count"), (f"fields[{kind}]", "name,profile_count"))
    return Call(f"{kind}s.count", "GET", _group(kind, group_id), query)


def group_flows(kind: Kind, group_id: str) -> Call:
    """Ask which flows start when somebody comes into a list or segment."""
    return Call(f"{kind}s.flows", "GET", f"{_group(kind, group_id)}/flow-triggers", _FLOW_FIELDS)


def delete_group(kind: Kind, group_id: str) -> Call:
    """Delete a list or segment; its people stay. A second time it is simply not there any more."""
    return Call(f"{kind}s.delete", "DELETE", _group(kind, group_id), effect="repeatable")


def members(
    list_id: str,
    *,
    since: datetime | None = None,
    before: datetime | None = None,
    cursor: str = "",
    size: int = MEMBERS_PER_PAGE,
) -> Call:
    """Ask for a page of members who joined in `since` (included) to `before` (not), in order of joining."""
    bounds = []
    if since is not None:
        bounds.append(f"greater-or-equal(joined_group_at,{moment(since)})")
    if before is not None:
        bounds.append(f"less-than(joined_group_at,{moment(before)})")
    options = {"fields[profile]": "email,joined_group_at", "sort": "joined_group_at"}
    if bounds:
        options["filter"] = ",".join(bounds)
    return _page("lists.members", f"/api/lists/{_part(list_id)}/profiles", size, cursor, **options)


def members_with(list_id: str, emails: Sequence[str]) -> Call:
    """Ask which of at most 100 addresses are on a list."""
    options = {"fields[profile]": "email,joined_group_at", "filter": _any("email", emails)}
    return _page("lists.members", f"/api/lists/{_part(list_id)}/profiles", MEMBERS_PER_PAGE, "", **options)


def profiles_with(field: str, values: Sequence[str], *, subscriptions: bool = False) -> Call:
    """Ask for profiles by `email`, `id`, `phone_number` or `external_id`, at most 100 values."""
    options = {"fields[profile]": "email", "filter": _any(field, values)}
    if subscriptions:
        options["fields[profile]"] = "email,subscriptions"
        options["additional-fields[profile]"] = "subscriptions"
    return _page("profiles.find", "/api/profiles", MEMBERS_PER_PAGE, "", **options)


def any_profile() -> Call:
    """Ask for one profile of whoever, to learn whether the key may."""
    return _page("profiles.find", "/api/profiles", _ONE, "", **{"fields[profile]": "created"})


def add(list_id: str, profile_ids: Sequence[str]) -> Call:
    """Put 1 to 1,000 profiles that exist on a list."""
    return _membership("lists.add", "POST", list_id, profile_ids)


def remove(list_id: str, profile_ids: Sequence[str]) -> Call:
    """Take 1 to 1,000 profiles off a list; their consent stays as it is."""
    return _membership("lists.remove", "DELETE", list_id, profile_ids)


def upsert(profile: dict[str, Any]) -> Call:
    """Create or update one profile (a resource of `mapping.profile`); what it leaves out stays as it is."""
    return Call("profiles.upsert", "POST", "/api/profile-import", body={"data": profile}, effect="repeatable")


def submit_import(profiles: Iterable[dict[str, Any]], list_id: str | None) -> Call:
    """Create or update up to 10,000 profiles (the resources of `mapping.profile`) and put them on a list."""
    resources = list(profiles)
    if not 1 <= len(resources) <= PROFILES_PER_IMPORT:
        raise ValueError(f"an import takes 1 to {PROFILES_PER_IMPORT} profiles, not {len(resources)}")
    data: dict[str, Any] = {
        "type": "profile-bulk-import-job",
        "attributes": {"profiles": {"data": resources}},
    }
    if list_id is not None:
        data["relationships"] = {"lists": {"data": [{"type": "list", "id": list_id}]}}
    return Call("imports.create", "POST", _JOBS, body={"data": data}, effect="create")


def import_job(job_id: str) -> Call:
    """Ask how far an import is."""
    return Call("imports.get", "GET", f"{_JOBS}/{_part(job_id)}")


def import_jobs(*, statuses: Sequence[str] = (), cursor: str = "") -> Call:
    """Ask for a page of imports, the newest first."""
    options = {"sort": "-created_at"}
    if statuses:
        options["filter"] = _any("status", statuses)
    return _page("imports.list", _JOBS, MEMBERS_PER_PAGE, cursor, **options)


def import_errors(job_id: str, *, cursor: str = "") -> Call:
    """Ask for a page of the rows an import could not take."""
    return _page("imports.errors", f"{_JOBS}/{_part(job_id)}/import-errors", MEMBERS_PER_PAGE, cursor)


def moment(when: datetime) -> str:
    """Write a moment for a filter. Klaviyo refuses a quoted one with 400."""
    text = when.astimezone(UTC).isoformat(timespec="microseconds" if when.microsecond else "seconds")
    return text.replace("+00:00", "Z")


def _page(endpoint: str, path: str, size: int, cursor: str, **options: str) -> Call:
    query = [*options.items(), ("page[size]", str(size))]
    if cursor:
        query.append(("page[cursor]", cursor))
    return Call(endpoint, "GET", path, tuple(query))


def _membership(endpoint: str, method: str, list_id: str, profile_ids: Sequence[str]) -> Call:
    if not 1 <= len(profile_ids) <= MEMBERS_PER_WRITE:
        raise ValueError(f"a call takes 1 to {MEMBERS_PER_WRITE} profiles, not {len(profile_ids)}")
    body = {"data": [{"type": "profile", "id": profile_id} for profile_id in profile_ids]}
    path = f"/api/lists/{_part(list_id)}/relationships/profiles"
    return Call(endpoint, method, path, body=body, effect="repeatable")


def _group(kind: Kind, group_id: str) -> str:
    return f"/api/{kind}s/{_part(group_id)}"


def _part(identifier: str) -> str:
    """Return an id as one part of a path, whatever it holds."""
    if identifier in ("", ".", ".."):
        raise ValueError("an id is missing")
    return quote(identifier, safe="")


def _any(field: str, values: Sequence[str]) -> str:
    if not 1 <= len(values) <= VALUES_PER_FILTER:
        raise ValueError(f"a filter takes 1 to {VALUES_PER_FILTER} values, not {len(values)}")
    return f"any({field},[{','.join(_literal(value) for value in values)}])"


def _literal(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
