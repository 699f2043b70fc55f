"""Posting a notice: written, with what every channel is owed of it, in the transaction of what it tells."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.utils import timezone

from accounts.redaction import clean, one_line
from notifications.models import Channel, Delivery, Kind, Mode, Notification, Telling
from notifications.timing import leaving
from notifications.wishes import wish_of

TITLE_LENGTH = 250


@dataclass(frozen=True)
class Notice:
    """One change of state worth telling, in words without people or secrets.

    `path` is where it leads on these pages. `key` is the same for the same change, and posted once. `about`
    is the orchestration, or None where a whole account is concerned; `destination` and `account_id` say on
    which destinations' pages it is shown.
    """

    kind: str
    code: str
    title: str
    body: str
    path: str
    about: UUID | None
    workflow: UUID | None
    key: str
    destination: UUID | None = None
    account_id: str = ""


def post(notice: Notice, *, now: datetime) -> Notification | None:
    """Write a notice, and what each channel is owed of it; None when its key was posted before.

    Call it inside the transaction of the change it tells of: both are kept or neither is.
    """
    telling = wish_of(notice.about, now=now).telling if notice.about else Telling.IMMEDIATE
    notification = Notification(
        kind=Kind(notice.kind),
        code=notice.code,
        title=one_line(clean(notice.title))[:TITLE_LENGTH],
        body=clean(notice.body),
        path=notice.path,
        about=notice.about,
        workflow=notice.workflow,
        destination=notice.destination,
        account_id=notice.account_id,
        quiet=telling == Telling.MUTED,
        key=notice.key,
        at=now,
    )
    # Two transactions may post one key: the second waits for the first here, and finds its row.
    Notification.objects.bulk_create([notification], ignore_conflicts=True)
    if not Notification.objects.filter(pk=notification.pk).exists():
        return None
    if not notification.quiet:
        _owe(notification, gathered=telling == Telling.DIGEST, now=now)
    return notification


def _owe(notification: Notification, *, gathered: bool, now: datetime) -> None:
    owed = []
    for channel in Channel.objects.filter(enabled=True):
        if notification.kind in channel.wants:
            when = leaving(
                mode=Mode(channel.mode), gathered=gathered, now=now, zone=timezone.get_default_timezone()
            )
            owed.append(
                Delivery(channel=channel, notification=notification, digest=when.digest, available_at=when.at)
            )
    Delivery.objects.bulk_create(owed)
