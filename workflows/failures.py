"""What an error means for the step it rose from: wait, look, ask a person, or give up."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from audiences.errors import SourceError
from credentials.keyring import VaultError
from destinations.errors import Ambiguous, HoldOn, NeedsDecision, Rejected, RetryLater
from workflows.models import Step
from workflows.results import Paused, Wait

MAX_TRIES = 12
MAX_ODD_ANSWERS = 3
# Waiting mends no certificate.
AT_ONCE = frozenset({"tls_untrusted"})
GIVE_UP_AFTER = timedelta(hours=2)
# A file server that is away has a way around it, so a person is asked sooner.
SOONER = {"sftp_unavailable": (5, timedelta(minutes=5)), "sftp_cut": (10, timedelta(minutes=5))}
NAMED = frozenset({"blocked_at_edge", *SOONER})
TRY_AGAIN_AFTER = timedelta(hours=1)
SLOWEST = timedelta(seconds=60)
# So many wishes in a row to slow down, or nothing else for so long, and the step is put on hold.
MAX_SLOWED = 8
SLOWED_FOR = timedelta(minutes=10)
HOLD_FOR = timedelta(minutes=15)
# A worker that is back a little early can take its turn the moment it comes.
EARLY = timedelta(seconds=1)


@dataclass(frozen=True)
class Failure:
    """`then` says what to do, `counts` that a try failed, `ambiguous` that a call may have worked."""

    then: Wait | Paused
    counts: bool = False
    ambiguous: bool = False
    is_bug: bool = False


def judge(error: Exception, *, step: Step, now: datetime, random: random.Random | None = None) -> Failure:
    """Return what to do about `error`, which rose from `step`."""
    match error:
        case HoldOn(cause="outage"):
            message = "Klaviyo fails. One request now and then finds out when it is back."
            return Failure(Wait(error.until, "upstream", message))
        case HoldOn():
            return Failure(Wait(error.until - EARLY, "rate", "Waiting for Klaviyo's rate limit."))
        case RetryLater(code="throttled"):
            until = now + (error.after or timedelta(seconds=1))
            return Failure(Wait(until, "rate", "Klaviyo asked to wait."))
        case RetryLater() | Ambiguous():
            return _later(error, step, now, random)
        case NeedsDecision():
            wake_at = now + error.after if error.after else None
            facts = {**error.facts, "ids": list(error.error_ids)}
            return Failure(Paused(error.code, error.message, wake_at=wake_at, **facts))
        case Rejected():
            code = error.code if error.code in ("too_large", "sftp_name_taken") else "unexpected_answer"
            return Failure(Paused(code, error.message, ids=list(error.error_ids)))
        case VaultError():
            return Failure(Paused("secret_unreadable", str(error)))
        case SourceError():
            return Failure(Paused(error.code, error.message))
        case _:
            wait = Wait(
                now + _backoff(step.crashes, random), "timer", "Trying again after an unexpected error."
            )
            return Failure(wait, is_bug=True)


def slowed_too_long(step: Step, now: datetime) -> Paused | None:
    """Return the hold a step is put on when nothing but wishes to slow down came back; it ends by itself."""
    since = step.throttled_since
    if since is None or (step.throttled < MAX_SLOWED and (step.throttled < 2 or now - since < SLOWED_FOR)):
        return None
    until = now + HOLD_FOR
    message = (
        f"Klaviyo asked {step.throttled:,} times in a row to slow down, since {since:%H:%M} UTC: other apps "
        f"use the account's limits too. On hold; it goes on by itself at {until:%H:%M} UTC."
    )
    return Paused("rate_limited", message, wake_at=until)


def _later(error: RetryLater | Ambiguous, step: Step, now: datetime, chance: random.Random | None) -> Failure:
    ambiguous = isinstance(error, Ambiguous)
    if error.code in AT_ONCE or (error.code == "unexpected_answer" and step.attempts + 1 >= MAX_ODD_ANSWERS):
        ids = list(error.error_ids)
        return Failure(Paused(error.code, error.message, ids=ids), counts=True, ambiguous=ambiguous)
    since = step.started_at or now
    tries, patience = SOONER.get(error.code, (MAX_TRIES, GIVE_UP_AFTER))
    if step.attempts + 1 >= tries and now - since >= patience:
        message = f"{error.message} It was tried {step.attempts + 1} times since {since:%H:%M} UTC."
        code = error.code if error.code in NAMED else "upstream_unavailable"
        paused = Paused(code, message, wake_at=now + TRY_AGAIN_AFTER)
        return Failure(paused, counts=True, ambiguous=ambiguous)
    after = getattr(error, "after", None) or _backoff(step.attempts, chance)
    return Failure(Wait(now + after, "upstream", error.message), counts=True, ambiguous=ambiguous)


def _backoff(tries: int, chance: random.Random | None) -> timedelta:
    """Full jitter: anywhere up to 1 s, 2 s, 4 s … 60 s, so that workers do not return all at once."""
    ceiling = min(SLOWEST.total_seconds(), 2.0 ** min(tries, 10))
    return timedelta(seconds=max(0.2, (chance or random).uniform(0, ceiling)))
