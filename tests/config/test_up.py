"""One command runs the whole product, and leaves nothing when it ends."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from config import serving
from tests.config.test_processes import eventually, is_gone

ROOT = Path(__file__).resolve().parents[2]
# What a test run sets for itself; here the embedded form is meant.
OURS = {"DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE", "EMBEDDED_KEYS", "PYTEST_XDIST_WORKER"}


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def up(tmp_path, port):
    """A running `manage.py up` in an empty folder, killed with all it started if a test leaves it."""
    env = {name: value for name, value in os.environ.items() if name not in OURS}
    env |= {"DATA_DIR": str(tmp_path / "data"), "TMPDIR": str(tmp_path)}
    argv = [sys.executable, "manage.py", "up", "--port", str(port), "--processes", "1"]
    process = subprocess.Popen(
        argv, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def wait_until_it_serves(up: "subprocess.Popen[str]", port: int) -> None:
    eventually(lambda: up.poll() is not None or serving.is_alive("127.0.0.1", port), seconds=60)
    assert up.poll() is None, up.communicate()[0]


def children(pid: int) -> list[int]:
    """Return the processes below `pid`, at any depth."""
    found = [int(place.name) for place in Path("/proc").glob("[0-9]*") if parent_of(place) == pid]
    return [below for child in found for below in (child, *children(child))]


def words_of(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except OSError:
        return []


def parent_of(place: Path) -> int | None:
    try:
        return int((place / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None


@pytest.mark.skipif(sys.platform != "linux", reason="children are looked up in /proc")
class TestUp:
    def test_serves_until_asked_to_stop_and_leaves_nothing(self, up, port, tmp_path):
        wait_until_it_serves(up, port)
        below = children(up.pid)

        up.send_signal(signal.SIGINT)
        said, _ = up.communicate(timeout=60)

        assert up.returncode == 0, said
        assert "Stopped." in said
        assert len(below) >= 4
        assert eventually(lambda: all(is_gone(pid) for pid in below))
        assert list(tmp_path.glob("rollcall-*")) == []

    def test_ends_when_one_part_does(self, up, port):
        wait_until_it_serves(up, port)
        below = children(up.pid)
        worker = next(pid for pid in below if "worker" in words_of(pid))

        os.kill(worker, signal.SIGKILL)
        said, _ = up.communicate(timeout=60)

        assert up.returncode == 1, said
        assert "worker ended by signal 9" in said
        assert eventually(lambda: all(is_gone(pid) for pid in below))


class TestPort:
    def test_is_named_when_it_is_taken(self, tmp_path):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            env = {**os.environ, "DATA_DIR": str(tmp_path)}
            argv = [sys.executable, "manage.py", "up", "--port", str(port)]
            ended = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)

        assert ended.returncode == 1
        assert f"Port {port} is taken. Choose another: up --port {port + 1}" in ended.stderr
