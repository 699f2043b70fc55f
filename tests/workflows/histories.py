"""Runs as they would have gone at true rates that nobody is told: what learning is measured against."""

import random
from dataclasses import dataclass, replace
from itertools import pairwise

from destinations.klaviyo import limits
from workflows.coefficients import GUESSES, Line
from workflows.forecasts import ENDPOINTS, Work
from workflows.observations import Facts, Past

SMALL_LIST = 10_000
BYTES_A_PROFILE = 110
BYTES_A_ROW = 70
ROWS_A_PART = 50_000


@dataclass(frozen=True)
class World:
    """True speeds. `telling`: steps say when the first rows were seen, beside when all were."""

    lines: dict[str, Line]
    telling: bool = True


def a_world(rng: random.Random, *, telling: bool = True) -> World:
    """Draw an account and a machine: each part up to five times faster or slower than the guess."""
    return World({name: _other(rng, line) for name, line in GUESSES.items()}, telling)


def _other(rng: random.Random, guess: Line) -> Line:
    return Line(guess.fixed * 5 ** rng.uniform(-1, 1), guess.each * 5 ** rng.uniform(-1, 1))


def work(new: int, *, known: int = 0, removes: int = 0, updates: int = 0, members: int = 0) -> Work:
    return Work(
        new=new,
        known=known,
        updates=updates,
        removes=removes,
        members=members,
        import_requests=-(-new // 10_000),
        update_requests=-(-updates // 10_000),
        json_bytes=(new + updates) * BYTES_A_PROFILE,
        csv_bytes=new * BYTES_A_ROW,
        csv_parts=-(-new // ROWS_A_PART),
        small_list=SMALL_LIST,
    )


def times(factor: float, planned: Work) -> Work:
    """Return the same kind of plan, so many times as large."""
    larger = work(
        round(planned.new * factor),
        known=round(planned.known * factor),
        removes=round(planned.removes * factor),
        updates=round(planned.updates * factor),
        members=planned.members,
    )
    return replace(larger, creates_list=planned.creates_list)


class Run:
    """Carries a plan out, step after step, in a time of its own."""

    def __init__(self, world: World, planned: Work, way: str) -> None:
        self.world, self.work, self.way = world, planned, way
        self.now = 1_000.0
        self.steps: list[Past] = []
        self.jobs_done = 0.0
        self._carry_out()

    def _carry_out(self) -> None:
        began, line = self.now, self.world.lines
        self._calls("add", -(-self.work.known // 1_000))
        self._import("import", self.work.new if self.way == "import" else 0)
        if self.way == "sftp":
            self._upload()
        self._import("update", self.work.updates)
        if self.jobs_done:
            self._wait("jobs", until=self.jobs_done, outcome=self._jobs())
        if self.way == "sftp":
            self._ingest()
        self._calls("remove", -(-self.work.removes // 1_000))
        self.now += line["overhead"].seconds(self.work.changes)
        self._verify()
        self.seconds = self.now - began

    @property
    def facts(self) -> Facts:
        return Facts(self.work.pages, self.work.changes, self.seconds)

    def _step(self, kind: str, took: float, **outcome: object) -> None:
        self.steps.append(Past(kind, self.now, self.now + took, outcome))
        self.now += took

    def _wait(self, kind: str, *, until: float, outcome: dict[str, object]) -> None:
        self._step(kind, max(until - self.now, 0.05), **outcome)

    def _sent(self, name: str, requests: int, seconds: float) -> list[tuple[float, float]]:
        """When each of so many requests was begun and over, under the limits of its endpoint."""
        windows = limits.ENDPOINTS[ENDPOINTS[name]].windows
        began: list[float] = []
        for number in range(requests):
            at = began[-1] + seconds if began else self.now
            for _, limit, length in windows.pairs():
                if number >= limit:
                    at = max(at, began[number - limit] + length + 0.15)
            began.append(at)
        return [(at, at + seconds) for at in began]

    def _calls(self, kind: str, requests: int) -> None:
        for began, ended in self._sent(kind, requests, self.world.lines[kind].each):
            self.steps.append(Past(kind, began, ended, {"rows": 1_000}))
            self.now = ended

    def _import(self, kind: str, people: int) -> None:
        line, requests = self.world.lines["import"], -(-people // 10_000)
        if not people:
            return
        size = people * BYTES_A_PROFILE / requests
        for number, (began, ended) in enumerate(
            self._sent("submit", requests, self.world.lines["submit"].seconds(size))
        ):
            rows = min(people - number * 10_000, 10_000)
            self.steps.append(Past(kind, began, ended, {"rows": rows, "bytes": rows * BYTES_A_PROFILE}))
            self.now = ended
            # Klaviyo works through the jobs one after the other.
            self.jobs_done = max(self.jobs_done, ended + line.fixed) + rows * line.each

    def _jobs(self) -> dict[str, object]:
        rows = sum(step.outcome["rows"] for step in self.steps if step.kind in ("import", "update"))
        first = self.world.lines["import"].seconds(rows / 20)
        return {"jobs": 1, "first": [rows / 20, first]} if self.world.telling else {"jobs": 1}

    def _upload(self) -> None:
        line = self.world.lines["upload"]
        for part in range(self.work.csv_parts):
            rows = min(self.work.new - part * ROWS_A_PART, ROWS_A_PART)
            size = rows * BYTES_A_ROW
            self._step("upload", line.seconds(size), rows=rows, bytes=size)

    def _ingest(self) -> None:
        line, rows = self.world.lines["ingest"], self.work.new
        ended = max(step.ended for step in self.steps if step.kind == "upload")
        outcome: dict[str, object] = {"rows": rows, "seconds": line.seconds(rows)}
        if self.world.telling:
            outcome["first"] = [rows / 20, line.seconds(rows / 20)]
        self._wait("ingest", until=ended + line.seconds(rows), outcome=outcome)

    def _verify(self) -> None:
        if self.work.pages:
            pages = self._sent("page", self.work.pages, self.world.lines["page"].each)
            self._step("verify", pages[-1][1] - self.now, members=1)


def in_order(run: Run) -> bool:
    """Whether steps follow one another, as the engine does them."""
    return all(first.began <= then.began for first, then in pairwise(run.steps))
