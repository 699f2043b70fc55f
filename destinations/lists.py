"""From a list's name to its id, once: found, made, or asked about; from then on the id is what counts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol

from django.db import IntegrityError, transaction
from django.db.models import Q

from destinations.errors import Ambiguous, DeliveryError, HoldOn, NeedsDecision, Rejected
from destinations.models import AudienceList

# After this long a list that was made shows when it is looked for by name.
CREATION_SETTLES = timedelta(seconds=90)


class Found(Protocol):
    """A list as the destination shows it."""

    @property
    def id(self) -> str: ...

    @property
    def name(self) -> str: ...


class Lists(Protocol):
    """What a client must be able to do with lists, such as `destinations.klaviyo.client.Klaviyo`."""

    def find_lists(self, name: str) -> Sequence[Found]: ...

    def create_list(self, name: str) -> Found: ...

    def list_total(self) -> int: ...

    def segment_total(self) -> int: ...


@dataclass(frozen=True)
class Choice:
    """What to do about a name: use `list_id`, create one, or ask which of several."""

    action: Literal["use", "create", "ambiguous"]
    list_id: str = ""


@dataclass(frozen=True)
class Slots:
    """How many lists and segments an account has; None where the key may not look."""

    lists: int | None
    segments: int | None

    @property
    def used(self) -> int:
        return (self.lists or 0) + (self.segments or 0)


def choose(found: Sequence[Found]) -> Choice:
    """Decide what to do with the lists that bear a name."""
    if not found:
        return Choice("create")
    if len({each.id for each in found}) > 1:
        return Choice("ambiguous")
    return Choice("use", found[0].id)


def resolve(
    client: Lists,
    account_id: str,
    name: str,
    *,
    now: datetime,
    max_lists: int | None = None,
    before_making: Callable[[], object] = lambda: None,
    counted: Callable[[], Slots] | None = None,
) -> AudienceList:
    """Return the row of a list with its id pinned, found by name or made; never makes two.

    `before_making` is called when there is none yet, and what it raises keeps one from being made. `counted`
    tells how many there are, when that was counted there; without it a refusal is checked by counting.

    Raises HoldOn while another worker may be making it, NeedsDecision(list_ambiguous, max_lists,
    daily_list_creations …), Ambiguous when the answer to the making was lost: then call again after
    `CREATION_SETTLES`, and it is looked for first.
    """
    row = claim(account_id, name)
    if row.list_id:
        return row
    if row.creating_until is not None and row.creating_until > now:
        raise HoldOn(row.creating_until, cause="creating", endpoint="lists.create")
    choice = choose(client.find_lists(name))
    if choice.action == "use":
        return pin(row, choice.list_id)
    if choice.action == "ambiguous":
        message = f'Several lists in Klaviyo are called "{name}". Choose which one to use.'
        raise NeedsDecision("list_ambiguous", message)
    before_making()
    return _make(client, row, now=now, max_lists=max_lists, counted=counted or (lambda: slots(client)))


def claim(account_id: str, name: str) -> AudienceList:
    """Return the row for a name, made when there is none."""
    return AudienceList.objects.get_or_create(account_id=account_id, name=name)[0]


def pin(audience_list: AudienceList, list_id: str, *, created_by_us: bool = False) -> AudienceList:
    """Bind a row to a list's id and return it.

    When another row already stands for that list (it was renamed in the account), that row is returned and
    this one, which stands for nothing, goes. Raises NeedsDecision(list_ambiguous) when this row is bound
    to another list.
    """
    other = AudienceList.objects.filter(account_id=audience_list.account_id, list_id=list_id)
    if taken := other.exclude(pk=audience_list.pk).first():
        AudienceList.objects.filter(pk=audience_list.pk, list_id=None).delete()
        return taken
    try:
        with transaction.atomic():
            changed = AudienceList.objects.filter(
                Q(list_id=None) | Q(list_id=list_id), pk=audience_list.pk
            ).update(list_id=list_id, creating_until=None)
    except IntegrityError:
        # Somebody else bound another row to it between the look and the write.
        return pin(audience_list, list_id, created_by_us=created_by_us)
    if not changed:
        message = f'"{audience_list.name}" is bound to another list already. Choose which one to use.'
        raise NeedsDecision("list_ambiguous", message)
    if created_by_us:
        AudienceList.objects.filter(pk=audience_list.pk).update(created_by_us=True)
    audience_list.refresh_from_db()
    return audience_list


def forget(account_id: str, list_id: str) -> list[AudienceList]:
    """Take away what is kept of a list that is gone, and return it: its name stands for no list any more."""
    rows = list(AudienceList.objects.filter(account_id=account_id, list_id=list_id))
    AudienceList.objects.filter(pk__in=[row.pk for row in rows]).delete()
    return rows


def slots(client: Lists) -> Slots:
    """Count lists and segments, ten a call."""
    return Slots(client.list_total(), _allowed(client.segment_total))


def _allowed(count: Callable[[], int]) -> int | None:
    try:
        return count()
    except NeedsDecision as error:
        if error.code != "permission_missing":
            raise
        return None


def _make(
    client: Lists,
    row: AudienceList,
    *,
    now: datetime,
    max_lists: int | None,
    counted: Callable[[], Slots],
) -> AudienceList:
    until = now + CREATION_SETTLES
    free = Q(creating_until=None) | Q(creating_until__lte=now)
    if not AudienceList.objects.filter(free, pk=row.pk, list_id=None).update(creating_until=until):
        raise HoldOn(until, cause="creating", endpoint="lists.create")
    try:
        made = client.create_list(row.name)
    except Ambiguous:
        raise
    except DeliveryError as error:
        # Nothing was made, so nobody needs to wait.
        AudienceList.objects.filter(pk=row.pk).update(creating_until=None)
        raise _explained(error, max_lists, counted) from None
    return pin(row, made.id, created_by_us=True)


def _explained(error: DeliveryError, max_lists: int | None, count: Callable[[], Slots]) -> DeliveryError:
    """Return `error`, or max_lists when the account turns out to be full.

    Klaviyo does not publish how it refuses a list too many, so a refusal that is not about something else
    is checked by how many there are.
    """
    full = isinstance(error, NeedsDecision) and error.code == "max_lists"
    if max_lists is None or not (full or isinstance(error, Rejected)):
        return error
    counted = count()
    if not full and counted.used < max_lists:
        return error
    segments = "an unknown number of" if counted.segments is None else counted.segments
    message = (
        f"The account has {counted.lists} lists and {segments} segments; {max_lists} together are allowed. "
        "Delete some there, or use a list that exists."
    )
    return NeedsDecision("max_lists", message, status=error.status, error_ids=error.error_ids)
