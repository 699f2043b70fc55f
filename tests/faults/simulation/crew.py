"""The workers of one seed and the broker that wakes them: messages get lost and doubled, workers die."""

import logging
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.db import connection
from greenlet import getcurrent

from tests.faults.simulation.hub import BEGINNING, Hub, HubClock
from tests.faults.simulation.misfortunes import Misfortunes
from tests.faults.simulation.trace import Trace
from workflows import engine, tasks
from workflows.moves import CLAIMABLE, State

TICK = timedelta(seconds=2)
RESTART_SECONDS = 3.0


class Violation(BaseException):
    """Something that must never be true was seen. The product may not take it for a fault of its own."""


@dataclass
class Worker:
    """One process. `workflow` and `fence` are what it claimed last, None while it claimed nothing."""

    name: str
    workflow: UUID | None = None
    number: int = 0
    fence: int = 0


@dataclass
class Crew:
    """So many workers that take messages in turn."""

    hub: Hub
    fate: Misfortunes
    trace: Trace
    size: int
    met: Counter[str]
    looked: Callable[[], None] = lambda: None
    _messages: deque[UUID] = field(default_factory=deque)
    _idle: list[str] = field(default_factory=list)
    _at_work: dict[Any, Worker] = field(default_factory=dict)
    _ticks: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._idle = [f"w{number}" for number in range(self.size)]

    def current(self) -> Worker | None:
        """Return the worker at work at this moment, None when it is somebody else."""
        return self._at_work.get(getcurrent())

    def busy(self) -> bool:
        """Whether anybody works, or stands still over some work."""
        return bool(self._at_work)

    # -- the broker

    def ring(self, *workflow_ids: UUID | str) -> bool:
        """Stand in for `workflows.tasks.ring`."""
        for workflow_id in workflow_ids:
            given = UUID(str(workflow_id))
            for seconds in self.fate.bells():
                self.hub.after(seconds, partial(self._arrive, given))
        return True

    def _arrive(self, workflow_id: UUID) -> None:
        if workflow_id not in self._messages:
            self._messages.append(workflow_id)
        self._hand_out()

    def _hand_out(self) -> None:
        while self._messages and self._idle:
            name, workflow_id = self._idle.pop(0), self._messages.popleft()
            self.hub.live(lambda name=name, given=workflow_id: self._work(Worker(name), given))

    # -- a worker

    def _work(self, worker: Worker, workflow_id: UUID) -> None:
        me = getcurrent()
        self._at_work[me] = worker
        try:
            engine.advance(workflow_id, worker=worker.name, clock=HubClock(self.hub))
        except (Violation, AssertionError):
            raise
        except Exception as error:
            # As Celery does: the task has failed, the worker takes the next message.
            self.trace.note(f"{worker.name} task failed: {type(error).__name__}")
            self.met["tasks_failed"] += 1
        finally:
            self._at_work.pop(me, None)
        self._idle.append(worker.name)
        self.look()
        self._hand_out()

    def interrupt(self, moment: str, *, about: str = "", writes: bool = False) -> None:
        """Let fate decide at this moment about the worker at work."""
        worker = self.current()
        if worker is None or connection.in_atomic_block:
            return
        seconds = self.fate.at(moment, about=about, writes=writes)
        if seconds is None:
            return
        if seconds < 0:
            self.trace.note(f"{worker.name} dies at {moment}")
            self._dies(worker)
        self.trace.note(f"{worker.name} pauses {seconds:.1f} s at {moment}")
        self.hub.sleep(seconds)

    def _dies(self, worker: Worker) -> None:
        self._at_work.pop(getcurrent(), None)
        name, _, life = worker.name.partition(".")
        self.hub.after(RESTART_SECONDS, lambda: self._returns(f"{name}.{int(life or 0) + 1}"))
        self.look()
        self.hub.die()

    def _returns(self, name: str) -> None:
        self._idle.append(name)
        self.look()
        self._hand_out()

    # -- the tick

    def look(self) -> None:
        """Plan the tick that will find what is due next; those in between would find nothing."""
        self.looked()
        # Without anybody idle a tick would wake nobody, and whoever comes to rest looks again.
        if not self._idle or (due := next_due()) is None:
            return
        turn = max((due - BEGINNING) // TICK, (self.hub.now() - BEGINNING) // TICK) + 1
        if turn not in self._ticks:
            self._ticks.add(turn)
            self.hub.live(
                lambda: self._tick(turn), after=(BEGINNING + turn * TICK - self.hub.now()).total_seconds()
            )

    def _tick(self, turn: int) -> None:
        self._ticks.discard(turn)
        tasks.tick()
        self.look()


_PAUSED = State.PAUSED.value
_OPEN = ", ".join(f"'{state.value}'" for state in (*CLAIMABLE, State.PAUSED))
_FREE = "max(coalesce(wake_at, created_at), coalesce(lease_until, created_at), created_at)"
_DUE = f"""
    select min(case when state = '{_PAUSED}' then wake_at else {_FREE} end)
    from workflows_workflow where state in ({_OPEN})
"""


def next_due() -> datetime | None:
    """Return when the next workflow may be claimed or woken, None when none will be."""
    found = asked(_DUE)[0][0]
    return datetime.fromisoformat(found).replace(tzinfo=UTC) if found else None


def asked(sql: str, *values: object) -> list[Any]:
    """Ask the database itself: the simulation looks very often, and looks at very little."""
    return connection.connection.execute(sql, values).fetchall()


# What a worker meets when its database goes away in the middle of a commit.
EXPECTED = frozenset({"OperationalError"})


class Listener(logging.Handler):
    """Hears what the engine says: it counts lost leases, and an error nobody expects is a violation."""

    def __init__(self, met: Counter[str]) -> None:
        super().__init__()
        self._met = met

    def emit(self, record: logging.LogRecord) -> None:
        self._met["stale_refused"] += record.msg == "lost the lease"
        told = vars(record)
        if record.msg == "unexpected error" and told["kind"] not in EXPECTED:
            raise Violation(f"unexpected {told['kind']} at {told['reason']} in {told['step']}")
