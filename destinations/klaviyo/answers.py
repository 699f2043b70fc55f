"""What Klaviyo's answers hold, read strictly: a field of the wrong kind is an answer we did not expect."""

import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from destinations.calls import Answer
from destinations.errors import RetryLater


@dataclasses.dataclass(frozen=True)
class Account:
    """The account a key opens."""

    id: str
    name: str
    timezone: str
    public_key: str
    is_test: bool


@dataclasses.dataclass(frozen=True)
class ListInfo:
    """One list. `created` is as Klaviyo wrote it, `opt_in` is `single_opt_in`, `double_opt_in` or ''."""

    id: str
    name: str
    created: str
    opt_in: str


@dataclasses.dataclass(frozen=True)
class Group:
    """A list or a segment: both count towards one limit. The moments are as Klaviyo wrote them."""

    kind: Literal["list", "segment"]
    id: str
    name: str
    created: str
    updated: str


@dataclasses.dataclass(frozen=True)
class Counted:
    """What a list or segment is called now, and how many are in it."""

    name: str
    members: int


@dataclasses.dataclass(frozen=True)
class GroupPage:
    """Up to ten lists or segments; `cursor` is where the next page begins, '' after the last."""

    groups: tuple[Group, ...]
    cursor: str


@dataclasses.dataclass(frozen=True)
class Member:
    """One person on a list. `joined_at` is UTC, `email` None for a profile without an address."""

    profile_id: str
    email: str | None = dataclasses.field(repr=False)
    joined_at: datetime


@dataclasses.dataclass(frozen=True)
class MemberPage:
    """A page of members in order of joining; `cursor` is where the next one begins, '' after the last."""

    members: tuple[Member, ...] = dataclasses.field(repr=False)
    cursor: str


@dataclasses.dataclass(frozen=True)
class ProfileRef:
    """A profile that exists."""

    profile_id: str
    email: str | None = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True)
class Subscription:
    """What may be sent to a profile by e-mail: `consent` is Klaviyo's word, `suppressed_for` its reasons."""

    profile_id: str
    email: str | None = dataclasses.field(repr=False)
    consent: str
    can_receive: bool
    suppressed_for: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Job:
    """One import. An unknown `status` means it is still running, never that it is done."""

    id: str
    status: str
    total: int
    completed: int
    failed: int
    created_at: datetime | None
    started_at: datetime | None
    completed_at: datetime | None
    expires_at: datetime | None

    @property
    def is_complete(self) -> bool:
        return self.status == "complete"

    @property
    def is_cancelled(self) -> bool:
        return self.status == "cancelled"

    @property
    def is_running(self) -> bool:
        return not (self.is_complete or self.is_cancelled)


@dataclasses.dataclass(frozen=True)
class JobPage:
    """A page of imports, the newest first."""

    jobs: tuple[Job, ...]
    cursor: str


@dataclasses.dataclass(frozen=True)
class ImportFailure:
    """A row an import could not take.

    `email` is the address in the payload Klaviyo gives back, or None; it is for finding the row, not for
    keeping. `index` counts the rows of the import from 0, when Klaviyo says it.
    """

    id: str
    code: str
    title: str
    detail_code: str
    field: str
    index: int | None
    email: str | None = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True)
class Flow:
    """A flow that starts when somebody is added to a list; `status` is `live`, `draft` or `manual`."""

    id: str
    name: str
    status: str

    @property
    def is_live(self) -> bool:
        return self.status == "live"


class Odd(RetryLater):
    """An answer that is JSON, but not the answer to what was asked."""

    def __init__(self, what: str) -> None:
        super().__init__("unexpected_answer", f"Klaviyo's answer holds no usable {what}.")


def resources(answer: Answer) -> Iterator["Resource"]:
    """Yield the resources of a collection. Raises Odd when it is none."""
    data = (answer.data or {}).get("data")
    if not isinstance(data, list):
        raise Odd("list of data")
    for item in data:
        yield Resource.of(item)


def resource(answer: Answer) -> "Resource":
    """Return the one resource of an answer. Raises Odd when there is none."""
    return Resource.of((answer.data or {}).get("data"))


def cursor(answer: Answer) -> str:
    """Return the cursor of the next page, or '' after the last one."""
    links = (answer.data or {}).get("links")
    following = links.get("next") if isinstance(links, dict) else None
    if following is None:
        return ""
    if not isinstance(following, str):
        raise Odd("link to the next page")
    try:
        found = parse_qs(urlsplit(following).query).get("page[cursor]", [""])[0]
    except ValueError:
        found = ""
    if not found:
        raise Odd("link to the next page")
    return found


@dataclasses.dataclass(frozen=True)
class Resource:
    """One JSON:API resource whose fields are read by kind."""

    id: str
    attributes: dict[str, Any] = dataclasses.field(repr=False)

    @classmethod
    def of(cls, item: object) -> "Resource":
        attributes = item.get("attributes", {}) if isinstance(item, dict) else None
        if not isinstance(item, dict) or not isinstance(attributes, dict):
            raise Odd("data")
        found = item.get("id")
        if not isinstance(found, str) or not found:
            raise Odd("id")
        return cls(found, attributes)

    def text(self, name: str, *, required: bool = False) -> str:
        """Return a text, '' for an empty one that is not required."""
        value = self.attributes.get(name)
        if value is None and not required:
            return ""
        if not isinstance(value, str) or (required and not value):
            raise Odd(name)
        return value

    def email(self) -> str | None:
        return self.text("email") or None

    def number(self, name: str, *, required: bool = False) -> int:
        """Return a whole number that is not negative, 0 for an empty one that is not required."""
        value = self.attributes.get(name)
        if value is None and not required:
            return 0
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise Odd(name)
        return value

    def moment(self, name: str, *, required: bool = False) -> datetime | None:
        """Return a moment in UTC, None for an empty one that is not required."""
        text = self.text(name, required=required)
        if not text:
            return None
        try:
            found = datetime.fromisoformat(text)
            return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            raise Odd(name) from None

    def mapping(self, name: str) -> dict[str, Any]:
        """Return a nested object, {} for an empty one."""
        value = self.attributes.get(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise Odd(name)
        return value
