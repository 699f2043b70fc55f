"""Celery's workers and beat as they run: killed, frozen, flushed and told twice, they do each thing once."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from destinations.models import AudienceList
from tests.flows.processes import Fleet, Worker, environment, until
from tests.flows.watching import (
    COME,
    DELIVERIES,
    GO,
    STAY,
    UNGUARDED,
    about_to_deliver,
    picture,
    succeeded,
    until_over,
    writes,
)
from tests.flows.world import World
from workflows import decisions, tasks
from workflows.models import Workflow
from workflows.moves import State

# More of these, and more that can happen to a broker, are in tests/faults/services.
SEEDS = 1
NOBODY_ANSWERS = "redis://127.0.0.1:1/0"


@pytest.fixture
def broker(settings: Any) -> Iterator[redis.Redis]:
    """The broker, without a message."""
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.flushdb()
        yield client


@pytest.fixture
def fleet(tmp_path: Path, broker: redis.Redis, transactional_db: None) -> Iterator[Fleet]:
    """Workers as a test asks for them, gone before its rows are."""
    started = Fleet(tmp_path)
    yield started
    started.end()


@pytest.fixture
def company(world: Callable[..., World]) -> World:
    """A company about to deliver 300 adds and 4,500 removals."""
    return about_to_deliver(world(guards=UNGUARDED))


class TestWithoutTrouble:
    def test_a_row_is_enough_to_be_found_and_finished(self, company: World, fleet: Fleet):
        fleet.worker(processes=2)
        fleet.beat()

        workflow = company.start()

        until_over(workflow)
        succeeded(company, workflow, repeated=0)
        until(lambda: fleet.connections() == 0, why="a worker at rest holds a connection to the database")


class TestBroker:
    @pytest.mark.parametrize("seed", range(SEEDS))
    def test_a_flushed_broker_loses_nothing_and_doubles_nothing(
        self, company: World, fleet: Fleet, broker: redis.Redis, seed: int
    ):
        chance = random.Random(seed)
        fleet.worker()
        fleet.worker()
        fleet.beat()
        workflow = company.start()

        for number in sorted(chance.choices(range(DELIVERIES), k=4)):
            until(lambda: writes(company) >= number, why="delivering stopped")  # noqa: B023 - used at once
            broker.flushall()
            if chance.random() < 0.5:
                broker.client_kill_filter(_type="normal", skipme=True)

        until_over(workflow)
        succeeded(company, workflow, repeated=0)

    def test_many_and_late_messages_change_nothing(self, company: World, fleet: Fleet, broker: redis.Redis):
        fleet.worker(processes=2)
        fleet.beat()
        workflow = company.start()
        until(lambda: writes(company) >= 1, why="nothing was delivered")

        assert tasks.ring(*[workflow.pk] * 20)

        until_over(workflow)
        succeeded(company, workflow, repeated=0)
        before = picture(workflow)
        assert tasks.ring(*[workflow.pk] * 20)
        # Messages are taken in turn: when a later one has been worked on, these have been.
        until_over(company.start())
        until(lambda: broker.llen("rollcall") == 0, why="messages lie about")
        assert picture(workflow) == before

    def test_nobody_needs_a_broker_to_finish_in_one_process(self, company: World):
        workflow = company.start()

        argv = [sys.executable, "-m", "tests.flows.child", str(workflow.pk)]
        subprocess.run(
            argv, env={**os.environ, **environment(redis_url=NOBODY_ANSWERS)}, timeout=60, check=True
        )

        succeeded(company, workflow, repeated=0)

    @pytest.mark.parametrize("broker_url", [NOBODY_ANSWERS, "deaf"])
    def test_ringing_in_vain_says_so_soon(
        self, transactional_db: None, monkeypatch: pytest.MonkeyPatch, broker_url: str
    ):
        with socket.socket() as deaf:
            deaf.bind(("127.0.0.1", 0))
            deaf.listen()
            url = f"redis://127.0.0.1:{deaf.getsockname()[1]}/0" if broker_url == "deaf" else broker_url
            monkeypatch.setitem(tasks.advance.app.conf, "broker_url", url)
            begun = time.monotonic()

            assert not tasks.ring("00000000-0000-0000-0000-000000000000")

        assert time.monotonic() - begun < 3


class TestLostWorkers:
    def test_another_takes_over_from_a_killed_one(self, company: World, fleet: Fleet):
        owner, other, workflow = _caught_delivering(company, fleet)

        owner.send(signal.SIGKILL)

        until_over(workflow)
        assert other.holds(workflow)
        succeeded(company, workflow, repeated=1)

    def test_one_that_wakes_too_late_writes_and_sends_nothing(self, company: World, fleet: Fleet):
        owner, other, workflow = _caught_delivering(company, fleet)

        owner.send(signal.SIGSTOP)
        until_over(workflow)
        assert other.holds(workflow)
        before, sent = picture(workflow), company.klaviyo.log()
        lists = list(AudienceList.objects.values())
        owner.send(signal.SIGCONT)

        until(lambda: owner.has_said("lost the lease"), why="the late worker did not notice")
        assert picture(workflow) == before
        assert list(AudienceList.objects.values()) == lists
        assert company.klaviyo.log() == sent
        succeeded(company, workflow, repeated=1)

    def test_stops_soon_when_asked_and_sends_nothing_after(self, company: World, fleet: Fleet):
        company.klaviyo.fault("slow", method="DELETE", seconds=0.5)
        fleet.worker()
        fleet.beat()
        workflow = company.start()
        until(lambda: writes(company) >= 2, why="nothing was delivered")
        workflow.refresh_from_db()

        decisions.cancel(workflow, by="a test")

        until_over(workflow, seconds=10)
        assert workflow.state == State.CANCELLED
        before, sent = picture(workflow), writes(company)
        fleet.end()
        assert picture(workflow) == before
        assert writes(company) == sent < DELIVERIES
        removed = STAY + GO + COME - len(company.members())
        assert workflow.message == (
            f"Stopped. Sent before: {COME} adds, 0 updates, {removed:,} removals. "
            f"Not sent: 0 adds, 0 updates, {GO - removed:,} removals."
        )


def _caught_delivering(company: World, fleet: Fleet) -> tuple[Worker, Worker, Workflow]:
    """Two workers, the first of which is in the middle of a removal that takes its time."""
    company.klaviyo.fault("slow", method="DELETE", seconds=2, skip=1, times=1)
    workers = fleet.worker(), fleet.worker()
    fleet.beat()
    fleet.ready()
    workflow = company.start()
    until(lambda: company.klaviyo.faults()[0]["acted"], why="nothing was delivered")
    owner, other = sorted(workers, key=lambda worker: not worker.holds(workflow))
    assert owner.holds(workflow)
    return owner, other, workflow
