"""The pace of an account, kept in the database so that every worker on every machine shares it."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import TypeVar

from django.db import transaction
from django.db.models import QuerySet

from destinations import outage
from destinations.clock import Clock
from destinations.errors import HoldOn
from destinations.models import Limit
from destinations.windows import Pace, Windows, allowance, from_ms, pack, to_ms, unpack

Result = TypeVar("Result")
# The row that knows whether all of an account fails.
_WHOLE_ACCOUNT = "*"
_LOOK_AGAIN_AFTER = timedelta(seconds=5)


def try_at_once(account_id: str) -> None:
    """Let the next call of an account that fails go at once: a person says it is mended, and waits."""
    Limit.objects.filter(account_id=account_id, endpoint=_WHOLE_ACCOUNT).update(penalty_until=None)


class Limiter:
    """Books sends for one account. Refuses to run inside a transaction, which would keep its row locked."""

    def __init__(self, account_id: str, clock: Clock, *, windows: Mapping[str, Windows]) -> None:
        self._account_id = account_id
        self._clock = clock
        self._windows = windows
        self._failing = False

    def reserve(self, endpoint: str, n: int = 1, *, max_wait: timedelta) -> list[datetime]:
        """Book up to `n` sends, at least one, and return when each may leave, the earliest first.

        Raises HoldOn, and books nothing, when the first may not leave within `max_wait`, or while the account
        fails and somebody else tries whether it is back.
        """
        self._see_whether_it_fails(endpoint)
        return self._locked(endpoint, lambda row, pace: self._book(row, pace, n, max_wait))

    def _book(self, row: Limit, pace: Pace, n: int, max_wait: timedelta) -> list[datetime]:
        now = self._clock.now()
        latest = to_ms(now + max_wait)
        not_before, waiting_for = to_ms(now), ""
        if row.penalty_until is not None and row.penalty_until > now:
            not_before, waiting_for = to_ms(row.penalty_until), "penalty"
        booked: list[datetime] = []
        while len(booked) < n:
            slot, cause = pace.next_slot(not_before)
            if slot > latest:
                if not booked:
                    raise HoldOn(from_ms(slot), cause=cause or waiting_for, endpoint=row.endpoint)
                break
            pace.book(slot)
            booked.append(from_ms(slot))
        return booked

    def _see_whether_it_fails(self, endpoint: str) -> None:
        """Take the one turn to try, or raise HoldOn(outage)."""
        row = self._outage().first()
        self._failing = row is not None and bool(outage.unpack(bytes(row.ring)))
        if row is None or row.penalty_until is None:
            return
        now = self._clock.now()
        turn = self._outage().filter(penalty_until=row.penalty_until, penalty_until__lte=now)
        if not turn.update(penalty_until=now + outage.TRIAL):
            until = max(row.penalty_until, now + _LOOK_AGAIN_AFTER)
            raise HoldOn(until, cause="outage", endpoint=endpoint)

    def failed(self, *, chance: float) -> None:
        """Learn that a call failed for a reason that is the account's, not the call's."""
        self._outage().get_or_create(defaults={"account_id": self._account_id, "endpoint": _WHOLE_ACCOUNT})
        with transaction.atomic(durable=True):
            row = self._outage().select_for_update().get()
            failures = outage.unpack(bytes(row.ring)) + 1
            wait = outage.pause(failures, chance)
            row.ring = outage.pack(failures)
            row.penalty_until = self._clock.now() + wait if wait else None
            row.save(update_fields=["ring", "penalty_until"])
        self._failing = True

    def worked(self) -> None:
        """Learn that a call was answered: whatever failed before is over."""
        if self._failing:
            self._outage().update(ring=b"", penalty_until=None)
            self._failing = False

    def _outage(self) -> QuerySet[Limit]:
        return Limit.objects.filter(account_id=self._account_id, endpoint=_WHOLE_ACCOUNT)

    def give_back(self, endpoint: str, slots: Iterable[datetime]) -> None:
        """Return booked slots that nothing was sent in, so that the account loses nothing by them."""
        unused = [to_ms(slot) for slot in slots]
        if unused:
            self._locked(endpoint, lambda _, pace: pace.give_back(unused))

    def penalise(self, endpoint: str, until: datetime) -> None:
        """Let nobody call `endpoint` before `until`."""

        def extend(row: Limit, _: Pace) -> None:
            row.penalty_until = max(until, row.penalty_until or until)

        self._locked(endpoint, extend)

    def note(self, endpoint: str, headers: Mapping[str, str], *, sent: datetime) -> None:
        """Learn what others spend from the RateLimit headers of the answer to a call that left at `sent`."""
        windows = self._windows[endpoint]
        seen = allowance(headers, windows)
        if seen is None:
            return
        sent_ms, now = to_ms(sent), to_ms(self._clock.now())
        # Nearly every answer tells us what we knew; only news is worth the lock.
        row = Limit.objects.filter(account_id=self._account_id, endpoint=endpoint).first()
        known = unpack(bytes(row.ring) if row else b"", windows)
        if known.clamp(seen, sent=sent_ms, now=now):
            self._locked(endpoint, lambda _, pace: pace.clamp(seen, sent=sent_ms, now=now))

    def _locked(self, endpoint: str, change: Callable[[Limit, Pace], Result]) -> Result:
        """Change an endpoint's row while nobody else can, and save it unless `change` raises."""
        windows = self._windows[endpoint]
        Limit.objects.get_or_create(account_id=self._account_id, endpoint=endpoint)
        with transaction.atomic(durable=True):
            row = Limit.objects.select_for_update().get(account_id=self._account_id, endpoint=endpoint)
            pace = unpack(bytes(row.ring), windows)
            result = change(row, pace)
            row.ring = pack(pace)
            row.save(update_fields=["ring", "penalty_until"])
        return result
