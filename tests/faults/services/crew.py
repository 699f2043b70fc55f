"""A company with something to deliver and real workers at it, for trials that take their services away."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import redis

from simulator.control import Simulator
from tests.flows.processes import Fleet, until
from tests.flows.watching import UNGUARDED, about_to_deliver, succeeded, until_over, writes
from tests.flows.world import World
from tests.services import Server
from workflows.models import Workflow

PATIENCE_SECONDS = 90.0


@dataclass
class Crew:
    """The servers of a trial, and workers that live as long as a block."""

    simulator: Simulator
    broker: Server
    database: Server | None
    folder: Path
    fleet: Fleet = field(init=False)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @contextmanager
    def at_work(self) -> Iterator["Crew"]:
        """Two workers and beat, that take messages."""
        folder = self.folder / f"crew{next(self.numbers)}"
        folder.mkdir(parents=True)
        self.fleet = Fleet(folder)
        try:
            self.fleet.worker()
            self.fleet.worker()
            self.fleet.beat()
            self.fleet.ready()
            yield self
        finally:
            self.fleet.end()

    def company(self) -> World:
        """A new company about to deliver 300 adds and 4,500 removals."""
        number = next(self.numbers)
        account = self.simulator.account(f"Shop {number}")
        made = World(
            klaviyo=account, folder=self.folder / f"company{number}", tag=f" {number}", guards=UNGUARDED
        )
        return about_to_deliver(made)

    def delivering(self, company: World, number: int, *, slow: float = 0.3) -> Workflow:
        """Start a run, and return when `number` requests have changed something; each takes a while."""
        company.klaviyo.fault("slow", method="DELETE", seconds=slow)
        workflow = company.start()
        self.reached(company, number)
        return workflow

    def reached(self, company: World, number: int) -> None:
        until(lambda: writes(company) >= number, why="delivering stopped", seconds=PATIENCE_SECONDS)

    def over(self, company: World, workflow: Workflow, *, repeated: int = 0) -> int:
        """Wait for the end and check it; return how many requests were sent again."""
        until_over(workflow, seconds=PATIENCE_SECONDS)
        return succeeded(company, workflow, repeated=repeated)

    def talk(self) -> redis.Redis:
        return redis.Redis.from_url(self.broker.url)
