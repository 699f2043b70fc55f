"""kill -9 in the middle of delivering: the next claim finishes it, and no finished batch is sent again."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from tests.flows.processes import environment
from tests.flows.world import LIST, World, people
from workflows.models import StepState, Workflow
from workflows.moves import State

SEEDS = 6 if connection.vendor == "postgresql" else 3
STAY, GO, COME = 1_500, 4_200, 12_500
# Two imports of adds, five removals and what is read around them.
DELIVERIES = 7
PATIENCE_SECONDS = 60


@pytest.fixture
def delivering(world: Callable[..., World], settings: Any) -> World:
    """A company about to deliver 12,500 adds and 4,200 removals, with a lease of two seconds."""
    settings.LEASE_SECONDS = 2
    company = world(guards={"max_removed_share": 1.0, "approve_first_run": False})
    company.klaviyo.seed(LIST, STAY + GO, email="person{n}@example.org", first=0)
    company.write(people(STAY) + people(COME, first=STAY + GO))
    company.klaviyo.keep_bodies()
    return company


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_killed_worker_loses_nothing_and_repeats_nothing_finished(delivering: World, seed: int):
    chance = random.Random(seed)
    workflow = delivering.start()
    worker = _worker(workflow)
    _kill_after(worker, delivering, writes=chance.randint(1, DELIVERIES), linger=chance.uniform(0, 0.05))
    finished = _finished(workflow)

    done = delivering.go_on(workflow)

    assert done.state == State.SUCCEEDED, (done.state, done.code, done.message)
    expected = {row["email"] for row in people(STAY) + people(COME, first=STAY + GO)}
    assert delivering.members() == expected
    sent = _bodies(delivering)
    assert max(sent.values()) <= 2
    assert sum(times - 1 for times in sent.values()) <= 1, "more than the batch in flight was repeated"
    assert _finished(workflow).items() >= finished.items()


def _worker(workflow: Workflow) -> subprocess.Popen[bytes]:
    # In a group of its own, so that its own children end with it.
    return subprocess.Popen(
        [sys.executable, "-m", "tests.flows.child", str(workflow.pk)],
        env={**os.environ, **environment()},
        start_new_session=True,
    )


def _kill_after(worker: subprocess.Popen[bytes], company: World, *, writes: int, linger: float) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while company.klaviyo.stats()["writes"] < writes and worker.poll() is None:
        assert time.monotonic() < end, "the worker sent nothing"
        time.sleep(0.002)
    time.sleep(linger)
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()


def _finished(workflow: Workflow) -> dict[str, Any]:
    done = workflow.steps.filter(state=StepState.DONE, kind__in=("import", "remove"))
    return dict(done.values_list("key", "finished_at"))


def _bodies(company: World) -> Counter[str]:
    return Counter(f"{entry['operation']} {entry['body']}" for entry in company.klaviyo.writes())
