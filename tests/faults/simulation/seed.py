"""One seed from its first moment to its last, and what was seen."""

import logging
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, cast
from uuid import UUID

from django.db import OperationalError, connections

from tests.faults.simulation import setting
from tests.faults.simulation.company import Company, QueryStandIn
from tests.faults.simulation.crew import Crew, Listener, Violation, asked
from tests.faults.simulation.hub import Hub, HubClock
from tests.faults.simulation.klaviyo import Klaviyo
from tests.faults.simulation.misfortunes import Misfortunes, chance
from tests.faults.simulation.operator import Operator
from tests.faults.simulation.seams import replaced
from tests.faults.simulation.tale import LIST, Tale, Turn, tell
from tests.faults.simulation.trace import Trace
from tests.faults.simulation.wire import Line
from tests.faults.simulation.witness import Witness
from workflows import batches, decisions, faults, forecasts, lease
from workflows.models import Workflow
from workflows.moves import FINAL, State
from workflows.steps import planning, reading, verify

# By then every late call has landed.
AFTERWARDS = 80.0
FLOOD = 40
REST_AFTER = timedelta(minutes=30)
LONGEST_SECONDS = 24 * 3600.0
BATCH, SINGLES, SINGLES_A_STEP = 40, 12, 5
_OVER = ", ".join(f"'{state.value}'" for state in FINAL - {State.FAILED})
_OPEN = f"select count(*) from workflows_workflow where state not in ({_OVER})"


@dataclass(frozen=True)
class Outcome:
    """What one seed came to. `violation` is '' when nothing was wrong; `digest` is of all that happened."""

    seed: int
    violation: str
    met: Counter[str]
    digest: str
    seconds: float
    lines: tuple[str, ...] = ()


class Life:
    """Everything that lives in one seed."""

    def __init__(self, seed: int, tale: Tale, fate: Misfortunes) -> None:
        self.tale = tale
        self.hub = Hub()
        self.trace = Trace(self.hub)
        self.fate = fate
        self.met = self.fate.met
        self.klaviyo = Klaviyo(self.hub, seed, lag_of=self.fate.lag)
        self.crew = Crew(self.hub, self.fate, self.trace, self.tale.workers, self.met)
        self.company = Company(self.hub, self.klaviyo, self.tale)
        self.witness = Witness(self.company, self.crew, self.trace, self.met)
        self.line = Line(self.hub, self.klaviyo, self.fate, self.witness)
        self.line.interrupt = self.crew.interrupt
        self.operator = Operator(self.company, self.crew, self.witness, self.trace, seed)
        self.crew.looked = lambda: self.operator.see(self.witness.look())
        self.dice = chance(seed, "life")
        self._turns = list(self.tale.turns)
        self._current: UUID | None = None
        self._last_chance = False
        self.done = False

    # -- the story

    def begin(self) -> None:
        tale, hub = self.tale, self.hub
        hub.after(tale.calm_after, self._calm)
        if tale.revokes_at is not None:
            hub.after(tale.revokes_at, self._revoke)
        if tale.cancels_jobs_at is not None:
            hub.after(tale.cancels_jobs_at, self._cancel_jobs)
        if tale.flood_at is not None:
            hub.after(tale.flood_at, self._flood)
        for seconds, lag in tale.lags:
            hub.after(seconds, partial(self.klaviyo.change, self.company.account, lag_seconds=lag))
        if tale.presses_at is not None:
            hub.live(self._press, after=tale.presses_at)
        hub.live(self._live)

    def _live(self) -> None:
        for turn in self._turns:
            self._run(turn)
        # Whatever became of the runs, one more that nobody disturbs makes the list right.
        if not self._is_right():
            while not self.fate.calm:
                self.hub.sleep(30.0)
            self.hub.sleep(60.0)
            self.witness.edited.clear()
            self._last_chance = True
            self._run(self._quiet(self._turns[-1]))
        while self.crew.busy():
            self.hub.sleep(30.0)
        self.witness.look_again()
        self._check_end()
        self.done = True

    def _is_right(self) -> bool:
        """Whether the last run read the list back, with the right query."""
        last = Workflow.objects.order_by("number").last()
        if last is None or last.verified_at is None:
            return False
        # Of whom others moved nothing can be said before another run; one in three has the time for it.
        if self.witness.edited and self.tale.seed % 3 == 0:
            return False
        return self.witness.given[last.pk] == self._turns[-1].wanted

    def _quiet(self, turn: Turn) -> Turn:
        return Turn(turn.rows, None, leavers=0, edits=(), stop_after=None, source_fails=0)

    def _run(self, turn: Turn) -> None:
        self._somebody_leaves(turn)
        company = self.company
        company.rows = turn.rows if turn.at_first is None else turn.at_first
        company.source_fails = turn.source_fails
        self.operator.turn = turn
        workflow = company.start()
        self.trace.note(f"run {workflow.number} starts with {len(company.rows)} rows")
        self.crew.ring(workflow.pk)
        self.crew.look()
        for seconds, who, what in turn.edits:
            self.hub.after(seconds, lambda who=who, what=what: self._edit(who, what))
        if turn.stop_after is not None:
            self.hub.live(lambda pk=workflow.pk: self._stop(pk), after=turn.stop_after)
        while asked(_OPEN)[0][0]:
            self._check_progress()
            self.hub.sleep(20.0)
        rest = self.dice.uniform(1, AFTERWARDS)
        self.hub.sleep(rest if turn.rest_after is None else turn.rest_after)
        self.witness.look_again()

    def _check_progress(self) -> None:
        if not self.fate.calm:
            return
        since = max(self.operator.acted_at, self._calm_at, self._started_at())
        if self.hub.seconds() - since > REST_AFTER.total_seconds():
            told = ", ".join(f"{run.number} {run.state} {run.reason} {run.message}" for run in self._open())
            raise Violation(f"I7: half an hour after the last fault still open: {told}")

    def _open(self) -> list[Workflow]:
        return list(Workflow.objects.exclude(state__in=FINAL - {State.FAILED}))

    def _started_at(self) -> float:
        last = Workflow.objects.order_by("number").last()
        return last.created_at.timestamp() if last else 0.0

    def _check_end(self) -> None:
        last = Workflow.objects.order_by("number").last()
        if last is None or last.state not in (State.SUCCEEDED, State.SUCCEEDED_WITH_ISSUES):
            raise Violation(
                f"the last run ended {last.state if last else 'never'}: {last.message if last else ''}"
            )
        if last.verified_at is None:
            raise Violation(f"the last run is not verified: {last.message}")
        wanted = self._turns[-1].wanted.keys() - self.witness.edited.keys()
        on = self.company.members() - self.witness.edited.keys()
        named = wanted - on
        if self.tale.mode == "mirror" and on - wanted:
            raise Violation(f"I1: at the end {len(on - wanted)} people too many are on the list")
        if len(named) > sum(last.counts["rejected"].values()) + last.counts["kept_out"]:
            raise Violation(f"I1: at the end {len(named)} people are missing unnamed")
        if self.witness.kept_away & on:
            raise Violation("I2: at the end somebody who left is on the list")

    # -- what people and the world do

    def _calm(self) -> None:
        self.trace.note("no more faults")
        self.fate.calm = True
        self._calm_at = self.hub.seconds()
        self.klaviyo.change(self.company.account, lag_seconds=0.0, rows_per_second=None)
        self.klaviyo.release_jobs()

    def _revoke(self) -> None:
        self.trace.note("the key is revoked")
        self.met["revocations"] += 1
        self.klaviyo.change(self.company.account, revoked=True)

    def _flood(self) -> None:
        """Somebody puts a crowd on the list by hand, in the middle of a run."""
        if not self.company.list_exists():
            return
        crowd = [f"crowd{number}@example.org" for number in range(FLOOD)]
        self.trace.note("somebody puts a crowd on the list")
        self.met["floods"] += 1
        self.klaviyo.add(self.company.account, LIST, *crowd)
        self.witness.edited.update(dict.fromkeys(crowd, self.hub.now()))

    def _press(self) -> None:
        """Somebody presses the button of a run that runs."""
        if asked(_OPEN)[0][0] and not Workflow.objects.filter(state=State.PAUSED).exists():
            self.met["pressed_again"] += 1
            self.crew.ring(self.company.start().pk)
            self.crew.look()

    def _cancel_jobs(self) -> None:
        self.met["jobs_cancelled"] += self.klaviyo.cancel_jobs()

    def _somebody_leaves(self, turn: Turn) -> None:
        """People leave while nothing runs; whoever was seen on the list is not put back."""
        last = Workflow.objects.order_by("number").last()
        if not turn.leavers or last is None or last.verified_at is None or self.witness.edited:
            return
        self.hub.sleep(60.0)
        for email in self.dice.sample(
            sorted(self.company.members()), k=min(turn.leavers, len(self.company.members()))
        ):
            self.klaviyo.remove(self.company.account, LIST, email)
            self.witness.kept_away.add(email)
            self.met["leavers"] += 1
        self.hub.sleep(60.0)

    def _edit(self, who: str, what: str) -> None:
        if not self.company.list_exists() or self._last_chance:
            return
        members = sorted(self.company.members() - self.witness.kept_away)
        number = self.dice.randrange(self.tale.people)
        email = (
            f"stranger{number}@example.org" if who == "stranger" or not members else self.dice.choice(members)
        )
        self.met["edits"] += 1
        self.trace.note(f"somebody edits the list: {email} {what}")
        self.witness.edited[email] = self.hub.now()
        if what == "leaves" and email in members:
            self.klaviyo.remove(self.company.account, LIST, email)
        else:
            self.klaviyo.add(self.company.account, LIST, email)

    def _stop(self, pk: UUID) -> None:
        workflow = Workflow.objects.get(pk=pk)
        try:
            decisions.cancel(workflow, by="somebody", clock=HubClock(self.hub))
        except decisions.Stale:
            return
        self.met["stops"] += 1
        self.witness.stopped[pk] = 0
        self.trace.note(f"somebody stops run {workflow.number}")
        self.crew.ring(pk)
        self.crew.look()

    # -- the product's moments

    def moment(self, name: str, facts: Any) -> None:
        worker = self.crew.current()
        if worker is not None and name == "claimed":
            workflow: Workflow = facts["workflow"]
            worker.workflow, worker.number, worker.fence = workflow.pk, workflow.number, workflow.fence
            self.trace.note(f"{worker.name} claims run {workflow.number} (fence {workflow.fence})")
        elif worker is not None and name in ("step_started", "after_finish"):
            self.trace.note(f"{worker.name} {name} {facts['step'].key}")
        call, step = facts.get("call"), facts.get("step")
        about = call.endpoint if call else step.kind if step else ""
        self.crew.interrupt(name, about=about, writes=call is not None and not call.is_read)

    def commit(self) -> None:
        way = self.fate.commit() if self.crew.current() else "whole"
        if way == "undone":
            self.trace.note("a commit fails, nothing of it is kept")
            raise OperationalError("the connection was lost")
        database = connections["default"]
        type(database).commit(database)
        if way == "unknown":
            self.trace.note("a commit is done and nobody hears of it")
            raise OperationalError("the connection was lost")


@contextmanager
def _sizes(life: Life) -> Iterator[None]:
    """Cut everything small, so that some twenty people make several batches."""
    from unittest.mock import patch

    whole = batches.by_count

    def by_count(kind: str, file: str, number: int, *, size: int = BATCH) -> Any:
        return whole(kind, file, number, size=min(size, BATCH))

    imports = cast(Any, __import__("destinations.klaviyo.imports", fromlist=["batches"]).batches)
    small = life.tale.small_list
    with (
        patch.object(batches, "by_count", by_count),
        patch.dict(imports.__kwdefaults__, {"max_count": BATCH}),
        patch.object(forecasts, "MOST_SINGLE", SINGLES if life.tale.one_by_one else 0),
        patch.object(batches, "SINGLES_A_STEP", SINGLES_A_STEP),
        patch.object(planning, "SMALL_LIST", small),
        patch.object(reading, "SMALL_LIST", small),
        patch.object(verify, "SMALL_LIST", small),
    ):
        yield


def play(
    seed: int, *, keep_lines: bool = False, tale: Tale | None = None, fate: Misfortunes | None = None
) -> Outcome:
    """Live through one seed, or through a story and a fate of one's own."""
    setting.begin()
    usual = Misfortunes(seed, lease_seconds=lease.lease().total_seconds())
    life = Life(seed, tale or tell(seed), fate or usual)
    logger, listener = logging.getLogger("workflows.engine"), Listener(life.met)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(listener)
    violation = ""
    try:
        _live(life, seed)
    except Violation as seen:
        violation = str(seen)
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        violation = f"{type(error).__name__}: {error} ({place.filename.rpartition('/')[2]}:{place.lineno})"
        life.trace.lines += traceback.format_exc().splitlines()
    finally:
        logger.removeHandler(listener)
    kept = tuple(life.trace.lines) if keep_lines or violation else ()
    return Outcome(seed, violation, life.met, life.trace.digest(), life.hub.elapsed, kept)


def _live(life: Life, seed: int) -> None:
    with (
        replaced(
            life.hub,
            seed,
            transport=life.line.transport,
            ring=life.crew.ring,
            sandbox=lambda job, limits, pulse, **_: QueryStandIn(life.company, life.witness.gave, pulse),
            process=lambda: _process(life),
        ),
        _sizes(life),
        faults.hooked(life.moment),
        connections["default"].execute_wrapper(life.witness.sql),
    ):
        database = connections["default"]
        database.commit = life.commit  # type: ignore[method-assign]
        try:
            life.begin()
            if not life.hub.run(until=lambda: life.done or life.hub.elapsed > LONGEST_SECONDS):
                raise Violation("I7: nothing is going to happen any more")
            if not life.done:
                raise Violation("I7: a day went by")
        finally:
            del database.commit
            life.hub.end()


def _process(life: Life) -> int:
    """A number for the process at work, another for each."""
    worker = life.crew.current()
    return 0 if worker is None else 1 + int(worker.name[1:].replace(".", "000"))
