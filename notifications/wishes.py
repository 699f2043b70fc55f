"""How the notices of one orchestration are told: at once, in a digest, or not for a while."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

from accounts import activity
from accounts.models import User
from notifications.models import Delivery, Preference, Telling


@dataclass(frozen=True)
class Wish:
    """How an orchestration's notices are told; `until` ends a mute."""

    telling: str
    until: datetime | None = None


def prefer(about: UUID, wish: Wish, *, by: User, now: datetime) -> None:
    """Keep a wish; what waits to be sent of a muted orchestration is not sent any more."""
    with transaction.atomic():
        columns = {"telling": Telling(wish.telling), "muted_until": wish.until, "updated_at": now}
        Preference.objects.update_or_create(about=about, defaults=columns)
        if wish.telling == Telling.MUTED:
            Delivery.objects.filter(notification__about=about, message=None).delete()
        until = wish.until.isoformat() if wish.until else ""
        activity.record(by, "changed_notices", None, orchestration=about, telling=wish.telling, until=until)


def wish_of(about: UUID, *, now: datetime) -> Wish:
    """Return how an orchestration's notices are told now; a mute that is over is none."""
    kept = Preference.objects.filter(pk=about).first()
    return _now(kept, now) if kept else Wish(Telling.IMMEDIATE)


def wishes(*, now: datetime) -> dict[UUID, Wish]:
    """Return the wish of every orchestration that has one."""
    return {kept.about: _now(kept, now) for kept in Preference.objects.all()}


def _now(kept: Preference, now: datetime) -> Wish:
    if kept.telling == Telling.MUTED and kept.muted_until is not None and kept.muted_until <= now:
        return Wish(Telling.IMMEDIATE)
    return Wish(kept.telling, kept.muted_until)
