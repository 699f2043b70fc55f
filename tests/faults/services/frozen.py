"""Trials of workers that freeze for longer than their lease and wake when another has ended their run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from destinations.models import AudienceList
from simulator.control import Simulator
from tests.faults.ground import folder_of
from tests.faults.kills import chains
from tests.faults.kills.chains import Kill
from tests.faults.kills.lane import Nursery, explore
from tests.faults.kills.scenes import SCENES, Scene
from tests.flows.watching import picture
from workflows import engine
from workflows.models import Workflow
from workflows.moves import State

# The request that was about to be made, and no other.
MOST_STALE = 1


@dataclass
class Woken:
    """What workers did that woke too late."""

    workers: int = 0
    runs: int = 0
    stale_writes: int = 0
    stale_requests: int = 0
    most_stale: int = 0
    problems: list[str] = field(default_factory=list)


def frozen(simulator: Simulator) -> Mapping[str, object]:
    """SIGSTOP at every moment of every kind of step, past the lease; SIGCONT when the run is over."""
    nursery, woken = Nursery(folder_of("services", "nursery")), Woken()
    scenes: dict[str, Scene] = {}
    runs = {}
    try:
        for number, (name, make) in enumerate(SCENES.items()):
            scenes[name] = make(simulator, folder_of("services", "scenes", number), f" {name}")
            # The first run of a company asks for more than those after it.
            explore(scenes[name], nursery)
            runs[name] = explore(scenes[name], nursery)
        for chain in chains.chained(chains.choose(runs, 1)):
            _play(scenes[chain[0].scene], nursery, chain, woken)
    finally:
        nursery.end()
    assert not woken.problems, "; ".join(woken.problems)
    return {
        "workers": woken.workers,
        "runs": woken.runs,
        "stale writes accepted": woken.stale_writes,
        "stale requests": woken.stale_requests,
        "most by one": woken.most_stale,
    }


def _play(scene: Scene, nursery: Nursery, stops: Sequence[Kill], woken: Woken) -> None:
    """Let one worker after the other freeze in a run, end it, and wake them all."""
    workflow = scene.begin()
    sleeping: list[tuple[Kill, int]] = []
    for stop in stops:
        life = nursery.work(workflow, stop.moment, by="SIGSTOP")
        if not life.frozen:
            break
        sleeping.append((stop, life.frozen))
    ended = engine.run_to_rest(workflow.pk, worker="the last worker")
    woken.runs += 1
    found = scene.problems()
    if ended.state != State.SUCCEEDED or found:
        told = [stop.told for stop, _ in sleeping]
        woken.problems.append(f"{ended.state} {ended.code} {found} with workers frozen at {told}")
    for stop, process in sleeping:
        _wake(scene, nursery, workflow, stop, process, woken)


def _wake(scene: Scene, nursery: Nursery, workflow: Workflow, stop: Kill, process: int, woken: Woken) -> None:
    before, asked = _rows(workflow), len(scene.account.log())
    nursery.wake(process)
    stale = len(scene.account.log()) - asked
    woken.workers += 1
    woken.stale_requests += stale
    woken.most_stale = max(woken.most_stale, stale)
    if stale > MOST_STALE:
        woken.problems.append(f"{stale} stale requests of one frozen at {stop.told}")
    if _rows(workflow) != before:
        woken.stale_writes += 1
        woken.problems.append(f"a stale write of one frozen at {stop.told}")
    if found := scene.problems():
        woken.problems.append(f"{found} when one woke that was frozen at {stop.told}")


def _rows(workflow: Workflow) -> dict[str, list[dict[str, Any]]]:
    return picture(workflow) | {"lists": list(AudienceList.objects.order_by("pk").values())}
