"""Trials of the database: PostgreSQL restarted as after a crash while workers are at it."""

import random
import signal
import time
from collections.abc import Mapping

from django.db import connection

from tests.faults.services.crew import Crew
from tests.flows.watching import DELIVERIES


def restarted(crew: Crew, *, times: int, seed: int) -> Mapping[str, object]:
    """Ended at once and started again, as `pg_ctl restart -m immediate` does, at random points of runs."""
    assert crew.database
    chance = random.Random(seed)
    again = runs = 0
    slowest = 0.0
    with crew.at_work():
        left = times
        while left:
            company, points = crew.company(), sorted(chance.choices(range(DELIVERIES), k=min(left, 2)))
            workflow = crew.delivering(company, points[0])
            for point in points:
                crew.reached(company, point)
                time.sleep(chance.uniform(0, 0.3))
                _restart(crew)
            back = time.monotonic()
            # A call whose answer could not be written down is made again.
            again += crew.over(company, workflow, repeated=len(points))
            slowest = max(slowest, time.monotonic() - back)
            left, runs = left - len(points), runs + 1
    return {
        "runs": runs,
        "lost": 0,
        "requests sent again": f"{again} (at most {times} were in flight)",
        "slowest end after (s)": round(slowest, 1),
    }


def _restart(crew: Crew) -> None:
    assert crew.database
    connection.close()
    crew.database.stop(signal.SIGQUIT)
    crew.database.start()
    until_it_takes_us()


def until_it_takes_us() -> None:
    """It listens before it has read its log again; wait until it lets somebody in."""
    from django.db import OperationalError

    from tests.flows.processes import until

    def lets_in() -> bool:
        try:
            connection.ensure_connection()
        except OperationalError:
            return False
        return True

    until(lets_in, why="the database did not come back")
