"""Processes that live and end together."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from config.processes import Ended, Supervisor

ROOT = Path(__file__).resolve().parents[2]
SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]
STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
time.sleep(60)
"""


def is_gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


def eventually(holds: Callable[[], bool], *, seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.02)
    return holds()


class TestSupervisor:
    def test_names_the_first_that_ends(self):
        with Supervisor() as supervisor:
            supervisor.start("steady", SLEEPER)
            supervisor.start("short", [sys.executable, "-c", "raise SystemExit(3)"])

            assert supervisor.wait() == Ended("short", 3)

    def test_leaves_nothing_behind(self):
        with Supervisor() as supervisor:
            pids = [supervisor.start(name, SLEEPER) for name in ("one", "two")]

        assert all(is_gone(pid) for pid in pids)

    def test_kills_the_deaf_and_their_children(self, tmp_path):
        log = tmp_path / "log"
        with Supervisor(grace_seconds=0.2) as supervisor:
            pid = supervisor.start("deaf", [sys.executable, "-c", STUBBORN], log=log)
            assert eventually(lambda: log.exists() and log.read_text().endswith("\n"))

        child = int(log.read_text())
        assert is_gone(pid)
        assert eventually(lambda: is_gone(child))

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_stops_when_asked_by_a_signal(self, number):
        before = signal.getsignal(number)
        with Supervisor() as supervisor:
            supervisor.start("steady", SLEEPER)
            signal.raise_signal(number)

            assert supervisor.wait() is None
            assert supervisor.asked_to_stop
        assert signal.getsignal(number) is before

    def test_waits_for_a_condition(self, tmp_path):
        made = tmp_path / "made"
        with Supervisor() as supervisor:
            argv = [sys.executable, "-c", "import sys, time; open(sys.argv[1], 'w'); time.sleep(60)", made]
            supervisor.start("maker", argv)

            assert supervisor.wait(until=made.exists) is None

    def test_adds_to_the_environment(self, tmp_path):
        log = tmp_path / "log"
        argv = [sys.executable, "-c", "import os; print(os.environ['SHOP'], 'PATH' in os.environ)"]
        with Supervisor() as supervisor:
            supervisor.start("teller", argv, {"SHOP": "EU"}, log=log)
            supervisor.wait()

        assert log.read_text() == "EU True\n"

    @pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
    def test_takes_its_processes_along_when_killed_outright(self):
        program = (
            "import sys; from config.processes import Supervisor; supervisor = Supervisor();"
            "argv = [sys.executable, '-c', 'import time; time.sleep(60)'];"
            "print(supervisor.start('child', argv), flush=True); supervisor.wait()"
        )
        parent = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE)
        child = int(parent.stdout.readline())

        os.kill(parent.pid, signal.SIGKILL)
        parent.communicate()

        assert eventually(lambda: is_gone(child))
