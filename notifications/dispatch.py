"""Taking what is due out of the outbox, sending it, and writing down that it was sent.

Of one channel one message is under way at a time. Whoever is killed between sending and writing it down
leaves a claim; when that has run out, the same message is sent once more under the same id.
"""

import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from notifications import sending
from notifications.faults import Fault, sentence
from notifications.letters import Letter, Told, letter
from notifications.models import Channel, Delivery, Kind, Message, Notification
from notifications.outbox import Notice, post
from notifications.timing import WINDOW, Turn, retry_at, turn

log = logging.getLogger(__name__)

# Longer than a message may take to be sent, so that no two are ever at the same one.
CLAIM_LASTS = sending.DEADLINE * 2
# A slow channel keeps one worker; the others are there for workflows.
MOST_AT_ONCE = 1
WORKS_FOR = timedelta(seconds=60)


@dataclass(frozen=True)
class Claim:
    """A message that this dispatcher owns until its time is up."""

    message: Message
    token: uuid.UUID
    letter: Letter


def dispatch(*, now: Callable[[], datetime], send: sending.Send = sending.send) -> int:
    """Send what is due, for a minute at most; return how many messages were taken by their receivers."""
    began, taken, tried = now(), 0, 0
    while now() - began < WORKS_FOR and (claim := claim_next(now())):
        fault = _sent(claim, send)
        _mark(claim, fault, now())
        taken, tried = taken + (fault == Fault.NONE), tried + 1
    if tried:
        log.info("notices dispatched", extra={"count": tried, "taken": taken})
    return taken


def claim_next(now: datetime) -> Claim | None:
    """Own the next message that is due; None when there is none, or others are at work on what there is."""
    under_way = Q(sent_at=None, dropped_at=None, claimed_until__gt=now)
    if Message.objects.filter(under_way).count() >= MOST_AT_ONCE:
        return None
    for pk in _channels_with_work(now):
        try:
            if claim := _claim_of(pk, now):
                return claim
        except Exception as error:
            # What is wrong with one channel is no reason for the others to wait; its text may hold anything.
            log.error("no notice of a channel", extra={"channel": str(pk), "error": type(error).__name__})
    return None


def _sent(claim: Claim, send: sending.Send) -> Fault:
    try:
        return send(claim.message.channel, claim.letter)
    except Exception as error:
        facts = {"channel": str(claim.message.channel_id), "error": type(error).__name__}
        log.error("a notice was not sent", extra=facts)
        return Fault.FAILED


def _claim_of(channel: uuid.UUID, now: datetime) -> Claim | None:
    with transaction.atomic():
        free = Channel.objects.select_for_update(skip_locked=True, no_key=True)
        found = free.filter(pk=channel, enabled=True).first()
        message = _next_message(found, now) if found else None
        return _claim(message, now) if message else None


def _channels_with_work(now: datetime) -> list[uuid.UUID]:
    waiting = Delivery.objects.filter(message=None, available_at__lte=now, channel__enabled=True)
    open_ones = Message.objects.filter(sent_at=None, dropped_at=None, next_at__lte=now, channel__enabled=True)
    found = {*waiting.values_list("channel", flat=True), *open_ones.values_list("channel", flat=True)}
    return sorted(found)


def _next_message(channel: Channel, now: datetime) -> Message | None:
    """The oldest that is not sent yet; while it cannot be sent, the rest waits behind it."""
    waiting = channel.messages.filter(sent_at=None, dropped_at=None)
    # What it told of was deleted since: nothing is left to be sent.
    waiting.filter(deliveries=None).delete()
    first = waiting.first()
    if first is None:
        return _make(channel, now)
    is_free = first.claimed_until is None or first.claimed_until <= now
    return first if is_free and first.next_at <= now else None


def _make(channel: Channel, now: datetime) -> Message | None:
    """Put what waits into a message: a digest whose time has come, else one notice, or a whole flood."""
    due = channel.deliveries.filter(message=None, available_at__lte=now)
    made = channel.messages.filter(made_at__gt=now - WINDOW).values_list("made_at", flat=True)
    digest, at_once = due.filter(digest=True), due.filter(digest=False)
    decided = turn(waiting=at_once.count(), made=list(made), now=now)
    if digest.exists():
        chosen = list(digest.values_list("pk", flat=True))
    elif decided == Turn.HOLD:
        chosen = []
    else:
        chosen = list(at_once.values_list("pk", flat=True)[: 1 if decided == Turn.ONE else None])
    if not chosen:
        return None
    message = Message.objects.create(channel=channel, made_at=now, next_at=now)
    Delivery.objects.filter(pk__in=chosen).update(message=message)
    return message


def _claim(message: Message, now: datetime) -> Claim:
    token = uuid.uuid4()
    message.attempts += 1
    message.claimed_by, message.claimed_until = token, now + CLAIM_LASTS
    message.save(update_fields=["attempts", "claimed_by", "claimed_until"])
    return Claim(message, token, _letter(message))


def _letter(message: Message) -> Letter:
    notices = Notification.objects.filter(deliveries__message=message).order_by("at", "id")
    return letter(
        [_told(notice) for notice in notices],
        id=str(message.pk),
        every=settings.BASE_URL + reverse("notifications:list"),
        zone=timezone.get_default_timezone(),
    )


def _told(notice: Notification) -> Told:
    return Told(notice.title, notice.body, settings.BASE_URL + notice.path, notice.at)


def _mark(claim: Claim, fault: Fault, now: datetime) -> None:
    """Write down what came of it, unless the claim ran out and another has sent it meanwhile."""
    message = claim.message
    columns: dict[str, object] = {"claimed_by": None, "claimed_until": None, "error": fault}
    if fault == Fault.NONE:
        columns["sent_at"] = now
    elif (again := retry_at(message.attempts, now=now)) is not None:
        columns["next_at"] = again
    else:
        columns["dropped_at"] = now
    with transaction.atomic():
        owned = Message.objects.filter(pk=message.pk, claimed_by=claim.token, sent_at=None)
        if owned.update(**columns) and "dropped_at" in columns:
            _tell_of_a_dead_channel(message, fault, now)


def _tell_of_a_dead_channel(message: Message, fault: Fault, now: datetime) -> None:
    channel = message.channel
    post(
        Notice(
            kind=Kind.TROUBLE,
            code="channel_failing",
            title=f"Notifications do not arrive: {channel.name}",
            body=f"A message was given up after {message.attempts} attempts in a day. {sentence(fault)}",
            path=reverse("notifications:channels"),
            about=None,
            workflow=None,
            key=f"channel:{channel.pk}:{message.pk}",
        ),
        now=now,
    )
