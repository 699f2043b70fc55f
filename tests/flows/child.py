"""A worker of its own, for tests that kill one: `python -m tests.flows.child WORKFLOW_ID`.

`KILL_AT` (`step key|moment|n`) lets it die by its own SIGKILL when that moment of `workflows.faults` comes
for the n-th time in that step; with `KILL_WITH=SIGSTOP` it freezes instead, until it is woken. `TRACE` is a
file that gets a line for every moment. With one of them it gives the workflow back after each step, so that
every kind of step is claimed and released. As `--nursery` it forks such a worker for each line it is told,
which spares each of them the start of Python.
"""

import ctypes
import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import django

from config.processes import PR_SET_PDEATHSIG

HANGS_AFTER_SECONDS = 90.0
# How a forked worker ends that PostgreSQL cut off, for it got no turn on this machine for a whole lease.
CUT_OFF = 75


class Fate:
    """Writes every moment down, and ends this process in one of them."""

    def __init__(self, kill_at: str, trace: str) -> None:
        from django.conf import settings

        key, moment, number = kill_at.split("|") if kill_at else ("", "", "0")
        self.last = (key, moment, int(number))
        self.trace = os.open(trace, os.O_WRONLY | os.O_CREAT | os.O_APPEND) if trace else None
        self.signal = signal.Signals[os.environ.get("KILL_WITH", "SIGKILL")]
        self.met: Counter[tuple[str, str]] = Counter()
        self.at = ("", "")
        self.settings = settings
        self.slice_seconds = settings.SLICE_SECONDS

    def __call__(self, moment: str, facts: Mapping[str, Any]) -> None:
        key, kind = self.at = self._step(moment, facts)
        self.met[key, moment] += 1
        if self.trace is not None:
            os.write(self.trace, f"{time.monotonic()}|{key}|{kind}|{moment}\n".encode())
        if (key, moment, self.met[key, moment]) == self.last:
            os.kill(os.getpid(), self.signal)
        if moment == "after_finish":
            self.settings.SLICE_SECONDS = 0
        elif moment == "claimed":
            self.settings.SLICE_SECONDS = self.slice_seconds

    def _step(self, moment: str, facts: Mapping[str, Any]) -> tuple[str, str]:
        """The key and kind of the step at hand: when claimed the one to come, when released the last one."""
        if moment == "released":
            return self.at
        step = facts.get("step")
        if moment == "claimed":
            left = facts["workflow"].steps.exclude(state__in=("done", "skipped"))
            step = left.order_by("position", "key").first()
        return (step.key, step.kind) if step else self.at


def main(workflow_id: str) -> None:
    """Work on a workflow to its rest, or to the moment that was set."""
    django.setup()
    from destinations import lists
    from workflows import engine, faults

    if seconds := os.environ.get("CREATION_SETTLES_SECONDS"):
        lists.CREATION_SETTLES = timedelta(seconds=int(seconds))
    kill_at, trace = os.environ.get("KILL_AT", ""), os.environ.get("TRACE", "")
    if not (kill_at or trace):
        engine.run_to_rest(workflow_id, worker="the worker that dies")
        return
    with faults.hooked(Fate(kill_at, trace)):
        engine.run_to_rest(workflow_id, worker=f"the worker that dies, {os.getpid()}")


def nursery() -> None:
    """For each line `{"workflow", "env"}` on stdin fork a worker; when it is over, write how it ended.

    `{"wake": process id}` lets one go on that has frozen.
    """
    django.setup()
    from workflows import engine  # noqa: F401 - what takes long is loaded once

    for line in sys.stdin:
        told = json.loads(line)
        if "wake" in told:
            os.kill(pid := told["wake"], signal.SIGCONT)
        elif not (pid := os.fork()):
            _forked(told)
        sys.stdout.write(json.dumps(_end_of(pid)) + "\n")
        sys.stdout.flush()


def _forked(told: dict[str, Any]) -> None:
    """Be the worker, and never return: nothing of the nursery's is for it to tidy up."""
    code = 1
    try:
        os.setsid()
        # One that is frozen when the nursery ends would stay for ever.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        os.environ.update(told["env"])
        main(told["workflow"])
        code = 0
    except BaseException as error:
        code = CUT_OFF if "idle-in-transaction" in str(error) else 1
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        sys.stderr.flush()
    finally:
        os._exit(code)


def _end_of(pid: int) -> dict[str, Any]:
    """Wait for a worker: `code` is negative for a signal, `at` a moment of the monotonic clock.

    `frozen` is the process id of one that is not over.
    """
    end = time.monotonic() + HANGS_AFTER_SECONDS
    while True:
        gone, status = os.waitpid(pid, os.WNOHANG | os.WUNTRACED)
        if gone:
            frozen = os.WIFSTOPPED(status)
            code = 0 if frozen else os.waitstatus_to_exitcode(status)
            return {"code": code, "at": time.monotonic(), "hung": False, "frozen": frozen and pid}
        if time.monotonic() > end:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return {"code": -signal.SIGKILL, "at": time.monotonic(), "hung": True, "frozen": False}
        time.sleep(0.005)


if __name__ == "__main__":
    nursery() if sys.argv[1] == "--nursery" else main(sys.argv[1])
