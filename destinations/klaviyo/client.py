"""Klaviyo's endpoints, one method each. Every method may raise any `destinations.errors.DeliveryError`."""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar

from destinations.calls import Answer, Call
from destinations.errors import NeedsDecision
from destinations.klaviyo import answers, payloads
from destinations.klaviyo.answers import (
    Account,
    Counted,
    Flow,
    Group,
    GroupPage,
    ImportFailure,
    Job,
    JobPage,
    ListInfo,
    Member,
    MemberPage,
    Odd,
    ProfileRef,
    Resource,
    Subscription,
    resource,
    resources,
)
from destinations.klaviyo.classify import pointer_of
from destinations.klaviyo.payloads import Kind

SCOPES = (
    "accounts:read",
    "lists:read",
    "lists:write",
    "profiles:read",
    "profiles:write",
    "segments:read",
    "flows:read",
)


Item = TypeVar("Item")


class Sender(Protocol):
    """Whatever takes a call and brings its answer, such as `destinations.gateway.Gateway`."""

    def send(self, call: Call) -> Answer: ...


class Klaviyo:
    """One account, spoken to through a gateway that keeps the pace."""

    def __init__(self, gateway: Sender) -> None:
        self._gateway = gateway

    def account(self) -> Account:
        """Return whose key this is."""
        found = list(resources(self._gateway.send(payloads.account())))
        if len(found) != 1:
            raise Odd("account")
        contact = Resource(found[0].id, found[0].mapping("contact_information"))
        return Account(
            id=found[0].id,
            name=contact.text("organization_name"),
            timezone=found[0].text("timezone"),
            public_key=found[0].text("public_api_key"),
            is_test=found[0].attributes.get("test_account") is True,
        )

    def scopes(self, *, granted: Collection[str] = ()) -> dict[str, str]:
        """Return scope → `granted`, `missing` or `unknown`, by one harmless read for each read scope.

        Those in `granted` are known and not tried. Write scopes are `unknown`: only a write would tell. So
        is flows:read while there is no list to ask about. A wrong key raises NeedsDecision.
        """
        found = dict.fromkeys(SCOPES, "unknown") | dict.fromkeys(granted, "granted")
        lists = self._try(payloads.lists(size=1))
        found["lists:read"] = _verdict(lists)
        for scope, probe in (
            ("accounts:read", payloads.account()),
            ("profiles:read", payloads.any_profile()),
            ("segments:read", payloads.segments(size=1)),
        ):
            if scope not in granted:
                found[scope] = _verdict(self._try(probe))
        for listed in resources(lists) if lists else ():
            found["flows:read"] = _verdict(self._try(payloads.group_flows("list", listed.id)))
        return found

    def _try(self, probe: Call) -> Answer | None:
        try:
            return self._gateway.send(probe)
        except NeedsDecision as error:
            if error.code != "permission_missing":
                raise
            return None

    def find_lists(self, name: str) -> list[ListInfo]:
        """Return every list that is called exactly `name`."""
        found = self._all(lambda at: payloads.lists_named(name, cursor=at), _list_info)
        return [info for info in found if info.name == name]

    def create_list(self, name: str) -> ListInfo:
        """Make a list. Not safe to repeat: look with `find_lists` after Ambiguous."""
        made = resource(self._gateway.send(payloads.create_list(name)))
        return ListInfo(made.id, name, _soft_text(made, "created"), _soft_text(made, "opt_in_process"))

    def list_info(self, list_id: str) -> ListInfo:
        """Return a list by its id. Raises NeedsDecision(list_gone)."""
        return _list_info(resource(self._gateway.send(payloads.list_info(list_id))))

    def member_count(self, list_id: str) -> int:
        """Return how many are on a list, by Klaviyo's own count. 1 a second and 15 a minute."""
        return self.counted("list", list_id).members

    def member_page(
        self,
        list_id: str,
        *,
        since: datetime | None = None,
        before: datetime | None = None,
        cursor: str = "",
    ) -> MemberPage:
        """Return up to 100 members who joined in `since` (included) to `before` (not)."""
        call = payloads.members(list_id, since=since, before=before, cursor=cursor)
        return member_page(self._gateway.send(call))

    def add(self, list_id: str, profile_ids: Sequence[str]) -> None:
        """Put 1 to 1,000 profiles that exist on a list; their consent stays as it is.

        Raises Rejected(invalid_profile_ids) with the ids that are unknown; then none was added.
        Source: https://developers.klaviyo.com/en/reference/add_profiles_to_list
        """
        self._gateway.send(payloads.add(list_id, profile_ids))

    def remove(self, list_id: str, profile_ids: Sequence[str]) -> None:
        """Take 1 to 1,000 profiles off a list; their consent stays as it is. Raises as `add` does."""
        self._gateway.send(payloads.remove(list_id, profile_ids))

    def members_with(self, list_id: str, emails: Sequence[str]) -> list[Member]:
        """Return those of 1 to 100 addresses that are on a list."""
        return list(member_page(self._gateway.send(payloads.members_with(list_id, emails))).members)

    def profiles_by_id(self, profile_ids: Sequence[str]) -> list[ProfileRef]:
        """Return those of 1 to 100 ids that are profiles."""
        return [_profile(found) for found in self._profiles("id", profile_ids)]

    def subscriptions(self, emails: Sequence[str]) -> list[Subscription]:
        """Return what may be sent to those of 1 to 100 addresses that are profiles."""
        return [_subscription(found) for found in self._profiles("email", emails, subscriptions=True)]

    def _profiles(self, field: str, values: Sequence[str], *, subscriptions: bool = False) -> list[Resource]:
        call = payloads.profiles_with(field, values, subscriptions=subscriptions)
        return list(resources(self._gateway.send(call)))

    def upsert(self, profile: dict[str, Any]) -> str:
        """Create or update one profile (see `mapping.profile`) and return its id; it is put on no list.

        Safe to repeat. Rejected points at row 0. RetryLater(unexpected_answer) when the answer holds no id.
        Source: https://developers.klaviyo.com/en/reference/create_or_update_profile
        """
        return resource(self._gateway.send(payloads.upsert(profile))).id

    def submit_import(self, profiles: Iterable[dict[str, Any]], list_id: str | None) -> str:
        """Create or update 1 to 10,000 profiles (see `mapping.profile`), put them on a list; return the job.

        All or nothing: Rejected says by its pointers which rows spoilt it. Not safe to repeat blindly; after
        Ambiguous look with `import_jobs`.
        """
        return resource(self._gateway.send(payloads.submit_import(profiles, list_id))).id

    def import_job(self, job_id: str) -> Job:
        """Return how far an import is. Raises Rejected(job_expired)."""
        return _job(resource(self._gateway.send(payloads.import_job(job_id))))

    def import_jobs(self, *, statuses: Sequence[str] = (), cursor: str = "") -> JobPage:
        """Return up to 100 imports, the newest first; one call instead of one for each job."""
        answer = self._gateway.send(payloads.import_jobs(statuses=statuses, cursor=cursor))
        return JobPage(tuple(_job(found) for found in resources(answer)), answers.cursor(answer))

    def import_failures(self, job_id: str) -> list[ImportFailure]:
        """Return every row an import could not take."""
        return self._all(lambda at: payloads.import_errors(job_id, cursor=at), _failure)

    def list_total(self) -> int:
        """Return how many lists the account has; one call for every ten."""
        return len(self._all(lambda at: payloads.lists(cursor=at), lambda found: found.id))

    def segment_total(self) -> int:
        """Return how many segments the account has; one call for every ten."""
        return len(self._all(lambda at: payloads.segments(cursor=at), lambda found: found.id))

    def groups(self, kind: Kind, *, cursor: str = "") -> GroupPage:
        """Return up to ten lists or segments, with when each was changed last."""
        page = payloads.lists(cursor=cursor) if kind == "list" else payloads.segments(cursor=cursor)
        answer = self._gateway.send(page)
        found = tuple(_group(kind, each) for each in resources(answer))
        return GroupPage(found, answers.cursor(answer))

    def counted(self, kind: Kind, group_id: str) -> Counted:
        """Return the name and the members of a list or segment as they are now; 15 a minute.

        One that is gone raises NeedsDecision(list_gone) or Rejected(not_found).
        """
        found = resource(self._gateway.send(payloads.group_count(kind, group_id)))
        return Counted(_soft_text(found, "name"), found.number("profile_count", required=True))

    def flows(self, group_id: str, *, kind: Kind = "list") -> list[Flow]:
        """Return the flows that start when somebody comes into a list or segment."""
        answer = self._gateway.send(payloads.group_flows(kind, group_id))
        return [Flow(found.id, found.text("name"), found.text("status")) for found in resources(answer)]

    def delete_group(self, kind: Kind, group_id: str) -> None:
        """Delete a list or segment for good; its people stay.

        One that is gone raises NeedsDecision(list_gone) or Rejected(not_found).
        """
        self._gateway.send(payloads.delete_group(kind, group_id))

    def _all(self, page: Callable[[str], Call], read: Callable[[Resource], Item]) -> list[Item]:
        """Follow the pages to the end."""
        found: list[Item] = []
        at, seen = "", set[str]()
        while True:
            answer = self._gateway.send(page(at))
            found.extend(read(item) for item in resources(answer))
            at = answers.cursor(answer)
            if not at:
                return found
            if at in seen:
                raise Odd("end of its pages")
            seen.add(at)


def member_page(answer: Answer) -> MemberPage:
    """Read a page of members."""
    return MemberPage(tuple(_member(found) for found in resources(answer)), answers.cursor(answer))


def _verdict(answer: Answer | None) -> str:
    return "missing" if answer is None else "granted"


def _member(found: Resource) -> Member:
    joined = found.moment("joined_group_at", required=True)
    if joined is None:
        raise Odd("joined_group_at")
    return Member(found.id, found.email(), joined)


def _profile(found: Resource) -> ProfileRef:
    return ProfileRef(found.id, found.email())


def _group(kind: Kind, found: Resource) -> Group:
    # One that has no name, or no moment, still takes a place.
    return Group(kind, found.id, *(_soft_text(found, name) for name in ("name", "created", "updated")))


def _list_info(found: Resource) -> ListInfo:
    return ListInfo(found.id, found.text("name"), found.text("created"), found.text("opt_in_process"))


def _soft_text(found: Resource, name: str) -> str:
    # A list that was made must not be made again because of a field nobody needs.
    value = found.attributes.get(name)
    return value if isinstance(value, str) else ""


def _subscription(found: Resource) -> Subscription:
    channel = Resource(found.id, found.mapping("subscriptions")).mapping("email")
    marketing = Resource(found.id, Resource(found.id, channel).mapping("marketing"))
    suppressions = marketing.attributes.get("suppression") or []
    reasons = [item.get("reason") for item in suppressions if isinstance(item, dict)]
    return Subscription(
        found.id,
        found.email(),
        marketing.text("consent"),
        marketing.attributes.get("can_receive_email_marketing") is True,
        tuple(reason for reason in reasons if isinstance(reason, str)),
    )


def _job(found: Resource) -> Job:
    return Job(
        id=found.id,
        status=found.text("status", required=True),
        total=found.number("total_count"),
        completed=found.number("completed_count"),
        failed=found.number("failed_count"),
        created_at=found.moment("created_at"),
        started_at=found.moment("started_at"),
        completed_at=found.moment("completed_at"),
        expires_at=found.moment("expires_at"),
    )


def _failure(found: Resource) -> ImportFailure:
    pointer = pointer_of(found.attributes)
    return ImportFailure(
        id=found.id,
        code=pointer.code,
        title=found.text("title")[:120],
        detail_code=pointer.detail_code,
        field=pointer.field,
        index=pointer.index,
        email=_address(found.mapping("original_payload")),
    )


def _address(payload: dict[str, Any]) -> str | None:
    # The specification says no more than object: it may be a profile's attributes or a resource around them.
    for inner in ("data", "attributes"):
        nested = payload.get(inner)
        payload = nested if isinstance(nested, dict) else payload
    email = payload.get("email")
    return email if isinstance(email, str) else None
