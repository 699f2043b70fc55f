"""The demo as a newcomer runs it: one command, twice, and nothing left behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from config import demo, serving

ROOT = Path(__file__).resolve().parents[2]
INHERITED = ("PATH", "HOME", "LANG", "VIRTUAL_ENV", "TMPDIR")


def show(data: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    """Run the demo and end after its result."""
    argv = [sys.executable, "manage.py", "demo", "--exit", *options]
    return subprocess.run(argv, cwd=ROOT, env=bare(data), capture_output=True, text=True, timeout=150)


def bare(data: Path) -> dict[str, str]:
    """Return an environment with nothing set for Rollcall but where it may write."""
    return {name: os.environ[name] for name in INHERITED if name in os.environ} | {"DATA_DIR": str(data)}


def still_running(data: Path) -> list[str]:
    """Return the command lines of processes that know of this folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            told = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:
            # It ended while we looked, or is somebody else's.
            continue
        if str(data).encode() in told and int(process.name) != os.getpid():
            found.append(told.split(b"\0\0")[0].decode(errors="replace"))
    return found


@pytest.mark.database
class TestDemo:
    @pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in /proc")
    def test_ends_verified_with_three_in_trouble_and_shows_a_small_delta_the_second_time(
        self, tmp_path: Path
    ):
        first = show(tmp_path, "--rows", "2000", "--troubles")

        assert first.returncode == 0, first.stdout + first.stderr
        assert "+       1,924  to add" in first.stdout
        assert "not an e-mail address" in first.stdout
        assert "Verified: the list “Newsletter”" in first.stdout
        assert "requests were as Klaviyo's OpenAPI document says." in first.stdout

        second = show(tmp_path)

        assert second.returncode == 0, second.stdout + second.stderr
        assert "5 people became customers" in second.stdout
        assert "Unchanged: everything is as the file says." in second.stdout
        assert "1  kept out: they left the list by themselves" in second.stdout
        assert "Succeeded: 5 added, 5 removed, 5 updated" in second.stdout
        assert "Verified: the list “Newsletter”" in second.stdout
        assert still_running(tmp_path) == []

    @pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in /proc")
    def test_serves_the_web_app_until_ctrl_c_and_leaves_nothing(self, tmp_path: Path):
        argv = [sys.executable, "manage.py", "demo", "--rows", "500"]
        said: list[str] = []

        with subprocess.Popen(argv, cwd=ROOT, env=bare(tmp_path), stdout=subprocess.PIPE, text=True) as demo_:
            for line in demo_.stdout or ():
                said.append(line)
                if "Ctrl-C stops everything" in line:
                    demo_.send_signal(signal.SIGINT)

        address = next(line for line in said if "The web app is at http://127.0.0.1:" in line)
        assert demo_.returncode == 0, said
        assert not serving.is_alive("127.0.0.1", int(address.strip().rstrip("/").rpartition(":")[2]))
        assert still_running(tmp_path) == []

    def test_runs_once_at_a_time_in_one_place(self, tmp_path: Path):
        with demo.alone(tmp_path), pytest.raises(serving.NotServing, match="running already"):
            demo.alone(tmp_path).__enter__()
