"""`run.py faults services`: broker, database and workers taken away under real processes, in figures."""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from tests import services
from tests.faults import ground
from tests.faults.services.rows import Row, tried

TRIALS = ("flushed", "stopped", "full", "redelivering", "cut", "restarted", "frozen")


def main(arguments: list[str]) -> int:
    given = _parser().parse_args(arguments)
    began = time.monotonic()
    broker = services.valkey()
    # What was committed is kept when the server ends at once.
    database = services.postgres(synchronous_commit="on") if given.database == "postgresql" else None
    os.environ["TEST_REDIS_URL"] = broker.url
    if database:
        os.environ["TEST_DATABASE_URL"] = database.url
    ground.serve(given.database)
    simulator = ground.settle("services")
    try:
        rows = list(_rows(given, simulator, broker, database))
    finally:
        simulator.stop()
    bad = [row for row in rows if row.wrong]
    say(
        f"\n{len(rows)} trials on {given.database}: {len(rows) - len(bad)} held, {len(bad)} did not. "
        f"{time.monotonic() - began:.0f} s on {os.cpu_count()} cores."
    )
    return 1 if bad or not rows else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="run.py faults services", description=__doc__)
    parser.add_argument("--database", choices=("postgresql", "sqlite"), default="postgresql")
    parser.add_argument("--only", choices=TRIALS, help="this trial alone")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--away", type=float, default=20.0, help="seconds the broker is gone or full")
    return parser


def _rows(
    given: argparse.Namespace, simulator: Any, broker: services.Server, database: services.Server | None
) -> Iterator[Row]:
    from tests.faults.services import broker as brokers
    from tests.faults.services import database as databases
    from tests.faults.services import frozen
    from tests.faults.services.crew import Crew

    crew = Crew(simulator, broker, database, ground.folder_of("services", "trials"))
    seed, away = given.seed, given.away
    trials: dict[str, tuple[str, int, Callable[[], Any]]] = {
        "flushed": ("broker flushed", 10, lambda: brokers.flushed(crew, times=10, seed=seed)),
        "stopped": ("broker gone", 2, lambda: brokers.stopped(crew, times=2, seconds=away)),
        "full": ("broker refuses writes", 2, lambda: brokers.full(crew, times=2, seconds=away)),
        "redelivering": ("messages five times", 3, lambda: brokers.redelivering(crew, times=3, seed=seed)),
        "cut": ("connections cut", 20, lambda: brokers.cut(crew, times=20)),
        "restarted": ("database restarted", 10, lambda: databases.restarted(crew, times=10, seed=seed)),
        "frozen": ("worker frozen", 1, lambda: frozen.frozen(simulator)),
    }
    width = max(len(name) for name, _, _ in trials.values())
    say(f"{'fault':<{width}}  {'times':>5}  {'':<6}  figures")
    for name, (fault, times, trial) in trials.items():
        if given.only not in (None, name) or (name == "restarted" and database is None):
            continue
        row = tried(fault, times, trial)
        say(row.line(width))
        yield row


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
