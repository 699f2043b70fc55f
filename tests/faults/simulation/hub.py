"""Virtual time, and whoever lives in it: one moves at a moment, and time moves only while all wait."""

import heapq
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from django.db import connection
from greenlet import GreenletExit, greenlet

MICRO = 1_000_000
BEGINNING = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Hub:
    """The clock of one seed. Whatever is planned for one moment happens in the order it was planned."""

    def __init__(self) -> None:
        self.micros = (BEGINNING - EPOCH) // timedelta(microseconds=1)
        self._planned: list[tuple[int, int, Callable[[], object]]] = []
        self._count = 0
        self._main = greenlet.getcurrent()
        self._dead: list[greenlet] = []
        self.over = False

    def now(self) -> datetime:
        return EPOCH + timedelta(microseconds=self.micros)

    def seconds(self) -> float:
        return self.micros / MICRO

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return (self.now() - BEGINNING).total_seconds()

    def after(self, seconds: float, do: Callable[[], object]) -> None:
        """Plan `do` for `seconds` from now."""
        self._count += 1
        at = self.micros + max(int(seconds * MICRO), 0)
        heapq.heappush(self._planned, (at, self._count, do))

    def live(self, do: Callable[[], object], *, after: float = 0.0) -> None:
        """Plan the life of somebody who may sleep."""
        self.after(after, lambda: greenlet(do, self._main).switch())

    def sleep(self, seconds: float) -> None:
        """Let others live for so long."""
        if self.over:
            raise GreenletExit
        if connection.in_atomic_block:
            raise AssertionError("somebody sleeps inside a transaction")
        current = greenlet.getcurrent()
        if current is self._main:
            raise AssertionError("only somebody who lives can sleep")
        self.after(seconds, current.switch)
        self._main.switch()

    def die(self) -> None:
        """End whoever lives at this moment as kill -9 does: nothing of theirs runs any more."""
        self._dead.append(greenlet.getcurrent())
        self._main.switch()

    def run(self, *, until: Callable[[], bool]) -> bool:
        """Let time pass until `until()`; return False when nothing is planned any more before that."""
        while not until():
            if not self._planned:
                return False
            at, _, do = heapq.heappop(self._planned)
            self.micros = max(at, self.micros)
            do()
        return True

    def end(self) -> None:
        """Bury the dead and whoever still sleeps; what they clean up meets a database that goes away."""
        self.over = True
        sleeping = [
            do.__self__ for _, _, do in self._planned if isinstance(getattr(do, "__self__", None), greenlet)
        ]
        self._planned.clear()
        for each in (*self._dead, *sleeping):
            if not each.dead:
                each.throw(GreenletExit)
        self._dead.clear()


class HubClock:
    """The clock handed to the product: the hub's, for everybody."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def now(self) -> datetime:
        return self._hub.now()

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            self._hub.sleep(seconds)
