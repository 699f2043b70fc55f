"""Adding, changing, testing and removing channels, each with its line in the activity log."""

import uuid
from typing import Any

from django.db import transaction
from django.db.models import Count, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.views.decorators.debug import sensitive_variables

from accounts import activity
from accounts.models import User
from credentials import vault
from credentials.models import Credential, CredentialKind
from notifications import sending
from notifications.faults import Fault
from notifications.letters import Letter
from notifications.models import Channel, Delivery, Message


def every_channel() -> QuerySet[Channel]:
    """Every channel by name, with `owed` notices, `told_at`, how many messages were `given_up`, and `error`.

    `error` says why the message that is next was not taken, and is empty while all goes well.
    """
    sent = Message.objects.filter(channel=OuterRef("pk"))
    waiting = sent.filter(sent_at=None, dropped_at=None)
    latest = sent.exclude(sent_at=None).order_by("-sent_at")
    owed = Delivery.objects.filter(channel=OuterRef("pk"), message__sent_at=None, message__dropped_at=None)
    # Each is counted by itself: joined, they would be as many rows as deliveries times messages.
    return Channel.objects.order_by("name").annotate(
        error=Coalesce(Subquery(waiting.values("error")[:1]), Value("")),
        owed=_number(owed),
        told_at=Subquery(latest.values("sent_at")[:1]),
        given_up=_number(sent.exclude(dropped_at=None)),
    )


def _number(of_a_channel: QuerySet[Any]) -> Coalesce:
    counted = of_a_channel.order_by().values("channel").annotate(number=Count("pk"))
    return Coalesce(Subquery(counted.values("number")), Value(0))


@sensitive_variables("place")
def add(channel: Channel, place: str, *, by: User) -> None:
    """Keep a channel, and where it sends to in the vault. Raises RefusedSecret for an impossible place."""
    with transaction.atomic():
        credential = Credential(name=_free_name(channel), kind=CredentialKind.NOTIFICATION_URL)
        vault.save_secret(credential, place)
        channel.credential = credential
        channel.save(force_insert=True)
        activity.record(by, "added", channel, kind=channel.kind, mode=channel.mode, wants=channel.wants)


def _free_name(channel: Channel) -> str:
    return f"Notifications {channel.name}"[:80] + f" {channel.pk.hex[:8]}"


@sensitive_variables("place")
def change(channel: Channel, place: str, *, by: User) -> None:
    """Keep what was changed; an empty `place` leaves it where it is. Raises RefusedSecret."""
    with transaction.atomic():
        moved = bool(place) and vault.save_secret(channel.credential, place)
        channel.save(update_fields=["name", "enabled", "wants", "mode", "updated_at"])
        if not channel.enabled:
            _forget_owed(channel)
        facts = {"enabled": channel.enabled, "mode": channel.mode, "wants": channel.wants}
        activity.record(by, "changed", channel, replaced_address=moved, **facts)


def _forget_owed(channel: Channel) -> None:
    """What waits for a channel that is switched off is not kept for the day it is switched on again."""
    channel.deliveries.filter(message=None).delete()
    Message.objects.filter(channel=channel, sent_at=None, claimed_until=None).delete()


def remove(channel: Channel, *, by: User) -> None:
    """Remove a channel with what it is owed, and the secret that says where it sends to."""
    with transaction.atomic():
        activity.record(by, "removed", channel, kind=channel.kind)
        credential = channel.credential
        channel.delete()
        credential.delete()


def try_out(channel: Channel, *, by: User, send: sending.Send = sending.send) -> Fault:
    """Send a message that is one only to be seen arriving, and say whether it was taken."""
    body = f"This is a test of the channel “{channel.name}”. Nothing needs to be done."
    fault = send(channel, Letter(str(uuid.uuid4()), "A test from Rollcall", body))
    activity.record(by, "tested", channel, fault=str(fault))
    return fault
