"""Rules on when a notice leaves: at once, in a digest, or held back because too many came."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum

# More messages than this in an hour are a storm: what comes then is gathered into one.
MOST_AN_HOUR = 20
WINDOW = timedelta(hours=1)
MORNING = 8


@dataclass(frozen=True)
class Leaving:
    """When a notice may leave; `digest` with all others that wait for the same moment."""

    at: datetime
    digest: bool


def leaving(*, mode: str, gathered: bool, now: datetime, zone: tzinfo) -> Leaving:
    """Say when a notice posted `now` leaves by a channel of `mode`: immediate, hour or day.

    `gathered` is the wish of its orchestration: a digest each hour, where the channel would tell at once.
    A day's digest leaves at 8 in the morning of `zone`.
    """
    if mode == "day":
        return Leaving(_next_morning(now, zone), digest=True)
    if mode == "hour" or gathered:
        return Leaving(now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1), digest=True)
    return Leaving(now, digest=False)


def _next_morning(now: datetime, zone: tzinfo) -> datetime:
    local = now.astimezone(zone)
    morning = local.replace(hour=MORNING, minute=0, second=0, microsecond=0)
    if morning <= local:
        morning = (morning + timedelta(days=1)).replace(hour=MORNING)
    return morning.astimezone(now.tzinfo)


class Turn(StrEnum):
    """What to do with the notices that wait for a channel."""

    ONE = "one"
    ALL = "all"
    HOLD = "hold"


def turn(*, waiting: int, made: Sequence[datetime], now: datetime) -> Turn:
    """Say whether the next message takes one notice, all that wait, or is not made yet.

    `waiting` counts notices that are due and ask for no digest; `made` is when messages of this channel were
    made. A flood becomes one message, and a channel that had its share of the hour waits for the next.
    """
    recent = sum(1 for at in made if now - at < WINDOW)
    if recent >= MOST_AN_HOUR:
        return Turn.HOLD
    return Turn.ALL if waiting > MOST_AN_HOUR - recent else Turn.ONE


RETRY_AFTER = (
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(hours=1),
    timedelta(hours=2),
    timedelta(hours=4),
    timedelta(hours=8),
    timedelta(hours=8),
)


def retry_at(attempts: int, *, now: datetime) -> datetime | None:
    """Say when a message is tried again that failed `attempts` times; None once a day has gone by so."""
    return now + RETRY_AFTER[attempts - 1] if attempts <= len(RETRY_AFTER) else None
