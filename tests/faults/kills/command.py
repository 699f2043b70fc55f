"""`run.py faults kills`: every moment of every kind of step, a real SIGKILL there, and what came of it."""

import argparse
import multiprocessing
import os
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from typing import Any

from tests.faults import ground
from tests.faults.kills import chains
from tests.faults.kills.chains import Kill, Moment, Played, Table

PROCESSES = 2
TOLD_EVERY = 20

_state: dict[str, Any] = {}


def main(arguments: list[str]) -> int:
    given = _parser().parse_args(arguments)
    began = time.monotonic()
    ground.serve(given.database)
    with _lanes(given.processes) as lanes:
        runs = _explored(lanes)
        kills = chains.choose(runs, given.seeds, only=given.only)
        cells = len({kill.cell for kill in kills})
        say(f"{len(kills)} kills at {cells} moments of steps, on {given.database}.")
        played = list(_played(lanes, kills, most=given.chain))
        kinds = next(iter(lanes.map(_kinds, [0])))
    return _told(played, kinds if not given.only else sorted({kill.moment.kind for kill in kills}), began)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="run.py faults kills", description=__doc__)
    parser.add_argument("--database", choices=("postgresql", "sqlite"), default="postgresql")
    parser.add_argument("--seeds", type=int, default=3, help="kills for each kind and moment")
    parser.add_argument("--only", default="", help="one kind of step, or kind:moment")
    parser.add_argument("--chain", type=int, default=chains.MOST_IN_A_RUN, help="most kills in one run")
    parser.add_argument("--processes", type=int, default=PROCESSES, help="runs at the same time")
    return parser


def _lanes(count: int) -> ProcessPoolExecutor:
    context = multiprocessing.get_context("spawn")
    numbers = context.Value("i", 0)
    return ProcessPoolExecutor(count, mp_context=context, initializer=_begin, initargs=(numbers,))


def _begin(numbers: Any) -> None:
    """Make this process a lane: a database, a simulator and a nursery of its own."""
    with numbers.get_lock():
        numbers.value += 1
        name = f"kills{numbers.value}"
    simulator = ground.settle(name)
    from datetime import timedelta

    from destinations import lists
    from tests.faults.kills.lane import Nursery

    lists.CREATION_SETTLES = timedelta(seconds=ground.CREATION_SETTLES_SECONDS)
    _state.update(
        name=name, simulator=simulator, nursery=Nursery(ground.folder_of(name, "nursery")), scenes={}
    )


def _scene(name: str) -> Any:
    from tests.faults.kills.lane import explore
    from tests.faults.kills.scenes import SCENES

    if name not in _state["scenes"]:
        _state["made"] = _state.get("made", 0) + 1
        tag = f" {_state['made']}"
        folder = ground.folder_of(_state["name"], "scenes", _state["made"])
        scene = SCENES[name](_state["simulator"], folder, tag)
        # Its first run asks for more than those after it.
        explore(scene, _state["nursery"])
        _state["scenes"][name] = scene
    return _state["scenes"][name]


def _names(_: int) -> list[str]:
    from tests.faults.kills.scenes import SCENES

    return list(SCENES)


def _kinds(_: int) -> list[str]:
    from workflows.steps import HANDLERS

    return list(HANDLERS)


def _explore(scene: str) -> tuple[str, list[Moment]]:
    from tests.faults.kills.lane import explore

    return scene, explore(_scene(scene), _state["nursery"])


def _play(kills: tuple[Kill, ...]) -> Played:
    from tests.faults.kills.lane import play

    scene = kills[0].scene
    try:
        played = play(_scene(scene), _state["nursery"], kills)
    except Exception as error:
        played = Played(scene, kills, problems=(f"{type(error).__name__}: {error}",))
    if played.problems:
        # What is left of it must not be the beginning of another.
        del _state["scenes"][scene]
    return played


def _explored(lanes: ProcessPoolExecutor) -> dict[str, list[Moment]]:
    names = next(iter(lanes.map(_names, [0])))
    return dict(lanes.map(_explore, names))


def _played(lanes: ProcessPoolExecutor, kills: Iterable[Kill], *, most: int) -> Iterator[Played]:
    """Play every chain; a kill that was not reached in one gets a run for itself."""
    left: list[Kill] = []
    together = chains.chained(kills, most)
    for number, played in enumerate(_each(lanes, together), start=1):
        if number % TOLD_EVERY == 0:
            say(f"{number} of {len(together)} runs")
        if played.unmet and not played.problems:
            left += played.unmet
            met = tuple(kill for kill in played.kills if kill not in played.unmet)
            played = Played(**{**vars(played), "kills": met, "unmet": ()})
        yield _said(played)
    for played in _each(lanes, [(kill,) for kill in left]):
        yield _said(played)


def _each(lanes: ProcessPoolExecutor, batches: list[tuple[Kill, ...]]) -> Iterator[Played]:
    futures: list[Future[Played]] = [lanes.submit(_play, batch) for batch in batches]
    for future in as_completed(futures):
        yield future.result()


def _said(played: Played) -> Played:
    if played.problems or played.unmet:
        say(f"\nFAILED {played.scene}: {'; '.join(played.problems) or 'a moment was not reached'}")
        for kill in played.kills:
            say(f"  killed at {kill.told}" + (" (not reached)" if kill in played.unmet else ""))
    return played


def _told(played: list[Played], kinds: list[str], began: float) -> int:
    table = Table()
    for each in played:
        table.count(each)
    say("\n" + "\n".join(table.lines(kinds)))
    killed, good = sum(table.all.values()), sum(table.good.values())
    never = [kind for kind in kinds if not any(table.all[kind, name] for name in chains.MOMENTS)]
    resumes = [second for each in played for second in each.resumes]
    if never:
        say(f"Never killed: {', '.join(never)}.")
    say(
        f"{killed} kills at {len(table.all)} moments in {len(played)} runs: "
        f"{good} converged, {killed - good} did not. "
        f"Requests of finished steps sent again {sum(each.resent for each in played)}, "
        f"requests in flight sent again {sum(each.repeated for each in played)}. "
        f"Slowest resume {max(resumes, default=0):.1f} s with a lease of {ground.LEASE_SECONDS} s. "
        f"{time.monotonic() - began:.0f} s on {os.cpu_count()} cores."
    )
    return 1 if never or good < killed or not killed else 0


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
