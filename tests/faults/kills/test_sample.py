"""A few of the kills of `run.py faults kills`, and how its kills are chosen and put together."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from destinations import lists
from simulator.control import Account
from tests.faults.kills.chains import Kill, Moment, Played, Table, chained, choose, numbered
from tests.faults.kills.lane import Nursery, play
from tests.faults.kills.scenes import SCENES
from tests.flows.watching import picture
from workflows import engine, lease
from workflows.moves import State

SAMPLE = {
    "new list": [
        ("delete:0000", "after_send"),
        ("create:r0", "after_send"),
        ("import:r0:00000", "after_send"),
        ("jobs:r0", "claimed"),
    ],
    "few": [
        ("extract", "before_finish"),
        ("upsert:r0:00000", "after_record"),
        ("verify:r0", "before_send"),
        ("finish", "step_started"),
    ],
}


@pytest.fixture
def nursery(
    transactional_db: None, klaviyo: Account, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Nursery]:
    settings.LEASE_SECONDS = 1
    monkeypatch.setattr(lease, "AMBIGUITY", timedelta(seconds=1))
    monkeypatch.setattr(lists, "CREATION_SETTLES", timedelta(seconds=2))
    started = Nursery(tmp_path / "nursery")
    yield started
    started.end()


@pytest.mark.parametrize("name", SAMPLE)
def test_a_run_outlives_its_workers(nursery: Nursery, klaviyo: Account, tmp_path: Path, name: str):
    scene = SCENES[name](klaviyo.simulator, tmp_path / "company")

    played = play(scene, nursery, kills(name))

    assert (played.problems, played.unmet) == ((), ())
    assert len(played.resumes) == len(SAMPLE[name])


def test_a_worker_that_wakes_too_late_changes_nothing(nursery: Nursery, klaviyo: Account, tmp_path: Path):
    scene = SCENES["few"](klaviyo.simulator, tmp_path / "company")
    workflow = scene.begin()
    life = nursery.work(workflow, Moment("upsert:r0:00000", "upsert", "after_send", 1), by="SIGSTOP")
    assert life.frozen

    ended = engine.run_to_rest(workflow.pk, worker="the last worker")
    before, asked = picture(workflow), len(scene.account.log())
    nursery.wake(life.frozen)

    assert (ended.state, scene.problems()) == (State.SUCCEEDED, [])
    assert picture(workflow) == before
    assert len(scene.account.log()) == asked


class TestKills:
    def test_are_chosen_for_every_moment_there_is(self):
        runs = {"one": numbered(trace("a", "b")), "two": numbered(trace("b", "b"))}

        chosen = choose(runs, 3)

        assert {kill.cell for kill in chosen} == {("a", "claimed"), ("b", "claimed")}
        assert len(chosen) == 6
        assert {kill.moment.number for kill in chosen} <= {1, 2}
        assert choose(runs, 3, only="a:claimed") == [kill for kill in chosen if kill.moment.kind == "a"]

    def test_share_a_run_when_they_are_in_different_parts_of_steps(self):
        chosen = choose({"one": numbered(trace("a", "b", "c"))}, 2)

        chains = chained(chosen, most=2)

        assert sorted(kill for chain in chains for kill in map(told, chain)) == sorted(map(told, chosen))
        assert all(len({kill.part for kill in chain}) == len(chain) <= 2 for chain in chains)
        assert all([kill.place for kill in chain] == sorted(kill.place for kill in chain) for chain in chains)

    def test_show_in_the_table_when_they_were_not_survived(self):
        table = Table()
        good, bad = choose({"one": numbered(trace("a", "b"))}, 1)

        table.count(Played("one", (good,)))
        table.count(Played("one", (bad,), problems=("it hung",)))

        assert [line.split()[:2] for line in table.lines(["a", "b"])[2:]] == [["a", "1"], ["b", "0/1!"]]


def kills(scene: str) -> list[Kill]:
    chosen = enumerate(SAMPLE[scene])
    return [Kill(scene, Moment(key, key.partition(":")[0], name, 1), 0, n) for n, (key, name) in chosen]


def trace(*kinds: str) -> list[tuple[str, str, str]]:
    return [(kind, kind, "claimed") for kind in kinds]


def told(kill: Kill) -> str:
    return f"{kill.told} {kill.seed}"
