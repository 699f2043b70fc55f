"""`run.py faults …`: what happens when something fails, tried out and counted."""

import argparse
import importlib
import sys

ABOUT = {
    "simulate": "the engine in virtual time, every fault from one seed",
    "mutants": "each mechanism switched off must be noticed",
    "kills": "kill -9 at every boundary of every kind of step",
    "services": "broker, database and workers taken away under real processes",
    "codes": "every code of the catalogue provoked and resolved",
}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="run.py faults", description=__doc__)
    parser.add_argument(
        "command", choices=ABOUT, help="; ".join(f"{name}: {told}" for name, told in ABOUT.items())
    )
    parser.add_argument("rest", nargs=argparse.REMAINDER)
    given = parser.parse_args(arguments)
    module = importlib.import_module(f"tests.faults.{given.command}")
    if hasattr(module, "__path__"):
        module = importlib.import_module(f"{module.__name__}.__main__")
    return int(module.main(given.rest) or 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
