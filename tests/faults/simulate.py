"""`run.py faults simulate`: so many seeds with their figures, or one seed told line by line."""

import argparse
import json
import sys
import time

from tests.faults.simulation import many, setting


def main(arguments: list[str]) -> int:
    many.same_hashes()
    parser = argparse.ArgumentParser(prog="run.py faults simulate", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2_000, help="how many, from --first on")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, help="this one alone, with everything that happens in it")
    parser.add_argument("--mutant", default="", help="with this mechanism switched off")
    parser.add_argument("--processes", type=int, default=many.PROCESSES)
    parser.add_argument(
        "--stories", action="store_true", help="what chance meets too seldom, told on purpose"
    )
    parser.add_argument("--variants", type=int, default=100, help="how many variants of each story at most")
    parser.add_argument("--json", action="store_true", help="the figures as one line of JSON")
    given = parser.parse_args(arguments)
    if given.seed is not None:
        return _replay(given.seed, given.mutant)
    if given.stories:
        return _stories(given.variants, as_json=given.json)
    seeds = range(given.first, given.first + given.seeds)
    told = (lambda line: None) if given.json else print
    figures = many.run(seeds, mutant=given.mutant, processes=given.processes, told=told)
    shown = {"seeds": figures.seeds, "met": figures.met, "wrong": figures.wrong, "seconds": figures.seconds}
    print(json.dumps(shown) if given.json else figures.told(), flush=True)
    return 1 if figures.wrong else 0


def _stories(variants: int, *, as_json: bool) -> int:
    many.begin()
    from tests.faults.simulation.stories import STORIES

    found = {}
    for name, story in STORIES.items():
        found[name] = many.tell(name, variants=variants)
        if not as_json:
            print(f"{name:<28} {found[name] or 'well'}  ({story.proves})", flush=True)
    if as_json:
        print(json.dumps(found), flush=True)
    setting.end()
    return 1 if any(found.values()) else 0


def _replay(seed: int, mutant: str) -> int:
    many.begin(mutant)
    from tests.faults.simulation.seed import play

    began = time.monotonic()
    outcome = play(seed, keep_lines=True)
    print("\n".join(outcome.lines))
    print(
        f"digest {outcome.digest}, {outcome.seconds:,.0f} s of its time in {time.monotonic() - began:.1f} s"
    )
    print(outcome.violation or "nothing wrong", flush=True)
    setting.end()
    return 1 if outcome.violation else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
