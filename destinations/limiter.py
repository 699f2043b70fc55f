"""The pace of an account, kept in the database so that every worker on every machine shares it."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import TypeVar

from django.db import transaction

from destinations.clock import Clock
from destinations.errors import HoldOn
from destinations.models import Limit
from destinations.windows import Pace, Windows, allowance, from_ms, pack, to_ms, unpack

Result = TypeVar("Result")


class Limiter:
    """Books sends for one account. Refuses to run inside a transaction, which would keep its row locked."""

    def __init__(self, account_id: str, clock: Clock, *, windows: Mapping[str, Windows]) -> None:
        self._account_id = account_id
        self._clock = clock
        self._windows = windows

    def reserve(self, endpoint: str, n: int = 1, *, max_wait: timedelta) -> list[datetime]:
        """Book up to `n` sends, at least one, and return when each may leave, the earliest first.

        Raises HoldOn, and books nothing, when the first may not leave within `max_wait`.
        """
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
