"""What a person sees of the notices: which are unread, and noting that they are read."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.models import User
from notifications.models import Notification, Receipt

# Beyond this a number says no more than “many”, and counting on costs.
MOST_COUNTED = 99


def everything(user: User) -> QuerySet[Notification]:
    """Every notice, the newest first, each with `is_read`; a muted one counts as read."""
    return Notification.objects.annotate(is_read=Q(quiet=True) | Q(_receipt(user)))


def unread(user: User) -> QuerySet[Notification]:
    return everything(user).filter(~_receipt(user), quiet=False)


def _receipt(user: User) -> Exists:
    return Exists(Receipt.objects.filter(user=user, notification=OuterRef("pk")))


def count_unread(user: User) -> int:
    """Return how many are unread, `MOST_COUNTED` + 1 for any number beyond."""
    return unread(user).order_by()[: MOST_COUNTED + 1].count()


def of_destination(user: User, destination: UUID, account_id: str) -> QuerySet[Notification]:
    """The notices about what this destination carries, and about its whole account."""
    of_account = Q(destination=None, account_id=account_id) if account_id else Q(pk__in=())
    return everything(user).filter(Q(destination=destination) | of_account)


def of_destinations(user: User) -> QuerySet[Notification]:
    """The notices about any destination, or any account."""
    return everything(user).exclude(destination=None, account_id="")


def mark(user: User, notices: Iterable[UUID], *, at: datetime) -> None:
    """Note that this person has read these; what was read before keeps its moment."""
    receipts = [Receipt(user=user, notification_id=pk, read_at=at) for pk in notices]
    Receipt.objects.bulk_create(receipts, ignore_conflicts=True, batch_size=1_000)


def mark_everything(user: User, *, until: datetime, at: datetime) -> None:
    """Note that this person has read what was posted until then, and nothing that came since."""
    mark(user, unread(user).filter(at__lte=until).order_by().values_list("pk", flat=True), at=at)
