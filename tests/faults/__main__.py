"""`run.py faults …`: what happens when something fails, tried out and counted."""

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
    if not arguments or arguments[0] not in ABOUT:
        lines = [f"  {name:<10}{told}" for name, told in ABOUT.items()]
        print("\n".join(["usage: run.py faults COMMAND [--help]", "", *lines]), file=sys.stderr)
        return 1
    command, *rest = arguments
    module = importlib.import_module(f"tests.faults.{command}")
    if hasattr(module, "__path__"):
        module = importlib.import_module(f"{module.__name__}.__main__")
    return int(module.main(rest) or 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
