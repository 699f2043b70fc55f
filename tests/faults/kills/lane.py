"""Runs in which workers die: each a process of its own, killed at a moment; the last one ends the run."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGKILL
from typing import Any

from tests.faults.ground import AMBIGUITY_SECONDS, CREATION_SETTLES_SECONDS, LEASE_SECONDS, MAX_CRASHES
from tests.faults.kills.chains import Kill, Moment, Played, numbered
from tests.faults.kills.scenes import Scene
from tests.flows.child import CUT_OFF
from tests.flows.processes import environment
from workflows import engine, faults
from workflows.clock import DatabaseClock
from workflows.models import Attempt, StepState, Workflow
from workflows.moves import State

# Moments at which a request may have been made that nobody knows of; it is the one that may be repeated.
IN_FLIGHT = ("after_send", "pulse")
# A profile by itself is remembered by its step a moment after its call is; so its call may be made again.
REMEMBERED_LATE = ("upsert", "after_record")


@dataclass
class Nursery:
    """Workers of their own, forked one after the other from a process that has loaded the product."""

    folder: Path
    process: "subprocess.Popen[str]" = field(init=False)
    born: int = 0

    def __post_init__(self) -> None:
        told = environment(
            lease_seconds=LEASE_SECONDS,
            ambiguity_seconds=AMBIGUITY_SECONDS,
            max_crashes=MAX_CRASHES,
            creation_settles_seconds=CREATION_SETTLES_SECONDS,
        )
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.flows.child", "--nursery"],
                env={**os.environ, **told},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )

    def work(self, workflow: Workflow, kill: Moment | None, *, by: str = "SIGKILL") -> "Life":
        """Let a worker live until it dies (or freezes, `by` SIGSTOP) at `kill`, or has nothing more to do."""
        self.born += 1
        trace = self.folder / f"trace{self.born}"
        kill_at = f"{kill.key}|{kill.name}|{kill.number}" if kill else ""
        env = {"KILL_AT": kill_at, "KILL_WITH": by, "TRACE": str(trace)}
        ended = self._tell({"workflow": str(workflow.pk), "env": env})
        moments = [line.split("|") for line in trace.read_text().splitlines()] if trace.exists() else []
        trace.unlink(missing_ok=True)
        return Life(ended["code"], ended["at"], ended["hung"], moments, frozen=ended["frozen"])

    def wake(self, frozen: int) -> None:
        """Let a frozen worker go on, and wait until it has nothing more to do."""
        ended = self._tell({"wake": frozen})
        assert ended["code"] == 0, f"a worker that was woken ended with code {ended['code']}"

    def _tell(self, line: dict[str, object]) -> dict[str, Any]:
        told, heard = self.process.stdin, self.process.stdout
        assert told
        assert heard
        told.write(json.dumps(line) + "\n")
        told.flush()
        answer: dict[str, Any] = json.loads(heard.readline())
        return answer

    def end(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(10)


@dataclass(frozen=True)
class Life:
    """How a worker ended, when, and what it went through: lines of (second, key, kind, moment).

    `frozen` is the process id of one that is not over.
    """

    code: int
    ended_at: float
    hung: bool
    moments: list[list[str]]
    frozen: int = 0

    @property
    def claimed_at(self) -> float | None:
        return next((float(at) for at, _, _, name in self.moments if name == "claimed"), None)


def explore(scene: Scene, nursery: Nursery) -> list[Moment]:
    """Return the moments of a run in which nobody dies. Raises AssertionError when it does not succeed."""
    workflow = scene.begin()
    life = nursery.work(workflow, None)
    workflow.refresh_from_db()
    found = scene.problems()
    assert (life.code, workflow.state, found) == (0, State.SUCCEEDED, []), (
        f"{type(scene).__name__}: {workflow.state} {workflow.code} {workflow.message} {found} {life.code}"
    )
    return numbered((key, kind, name) for _, key, kind, name in life.moments)


def play(scene: Scene, nursery: Nursery, kills: Sequence[Kill]) -> Played:
    """Let a worker die at each kill in turn and another end the run; say what came of it."""
    began = time.monotonic()
    run = _Run(scene.begin())
    for kill in kills:
        run.live(nursery.work(run.workflow, kill.moment), kill)
        if run.is_over:
            break
    ended = run.end()
    unmet = [kill for kill in kills if kill not in run.died]
    repeated = scene.repeated()
    problems = (_state(ended) or scene.problems()) + run.problems
    if repeated > (may := sum(map(_in_flight, run.died))):
        problems.append(f"{repeated} requests sent again, at most {may} were in flight")
    if resent := run.resent():
        problems.append(f"{resent} requests of finished steps sent again")
    return Played(
        scene=kills[0].scene,
        kills=tuple(kills),
        unmet=tuple(unmet),
        problems=tuple(problems),
        resumes=tuple(run.resumes),
        repeated=repeated,
        resent=resent,
        seconds=time.monotonic() - began,
    )


class _Run:
    """One run and the workers it went through."""

    def __init__(self, workflow: Workflow) -> None:
        self.workflow = workflow
        self.died: list[Kill] = []
        self.dead_at: float | None = None
        self.resumes: list[float] = []
        self.problems: list[str] = []
        self.calls: dict[int, int] = {}
        self.is_over = False

    def live(self, life: Life, kill: Kill) -> None:
        self._resumed(life.claimed_at)
        if life.hung:
            self.problems.append(f"a worker hung before {kill.told}")
        if life.code in (-SIGKILL, CUT_OFF) and not life.hung:
            if life.code == -SIGKILL:
                self.died.append(kill)
            self.workflow.refresh_from_db(fields=["wake_at"])
            waits = (
                (self.workflow.wake_at - DatabaseClock().now()).total_seconds()
                if self.workflow.wake_at
                else 0
            )
            # Until then nobody was to go on with it.
            self.dead_at = max(life.ended_at, time.monotonic() + waits)
            self.calls |= self._finished()
        else:
            self.is_over = True
            if life.code:
                self.problems.append(f"a worker ended with code {life.code} before {kill.told}")

    def end(self) -> Workflow:
        """Let this process be the last worker."""
        claims: list[float] = []

        def note(name: str, facts: object) -> None:
            if name == "claimed":
                claims.append(time.monotonic())

        with faults.hooked(note):
            ended = engine.run_to_rest(self.workflow.pk, worker="the last worker")
        self._resumed(claims[0] if claims else None)
        return ended

    def resent(self) -> int:
        """How many calls steps made that had been finished when a worker died."""
        now = self._finished()
        return sum(now.get(step, 0) - before for step, before in self.calls.items())

    def _finished(self) -> dict[int, int]:
        done = self.workflow.steps.filter(state__in=(StepState.DONE, StepState.SKIPPED))
        calls = Counter(Attempt.objects.filter(step__in=done).values_list("step_id", flat=True))
        return {step: calls[step] for step in done.values_list("pk", flat=True)}

    def _resumed(self, claimed_at: float | None) -> None:
        if self.dead_at is not None and claimed_at is not None:
            self.resumes.append(max(claimed_at - self.dead_at, 0.0))
            self.dead_at = None


def _state(ended: Workflow) -> list[str]:
    if (ended.state, ended.is_verified) == (State.SUCCEEDED, True):
        return []
    return [f"ended as {ended.state} {ended.code}: {ended.message}"]


def _in_flight(kill: Kill) -> bool:
    return kill.moment.name in IN_FLIGHT or kill.cell == REMEMBERED_LATE
