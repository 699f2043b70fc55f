"""A worker of its own, for tests that kill one: `python -m tests.flows.child WORKFLOW_ID`."""

import sys

import django


def main(workflow_id: str) -> None:
    django.setup()
    from workflows import engine

    engine.run_to_rest(workflow_id, worker="the worker that dies")


if __name__ == "__main__":
    main(sys.argv[1])
