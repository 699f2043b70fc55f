"""Several processes that live and end together, with none left behind."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

PR_SET_PDEATHSIG = 1
LOOK_EVERY_SECONDS = 0.1


@dataclass(frozen=True)
class Ended:
    """A process that ended by itself; `returncode` is negative for a signal."""

    name: str
    returncode: int


@dataclass
class Supervisor:
    """Start processes, notice the first that ends, and end them all, the newest first.

    Use as a context manager in the main thread: SIGINT and SIGTERM then ask it to stop instead of raising.
    """

    grace_seconds: float = 10.0
    _running: list[tuple[str, "subprocess.Popen[bytes]"]] = field(default_factory=list)
    _asked: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Supervisor":
        self._before = {
            number: signal.signal(number, self._ask) for number in (signal.SIGINT, signal.SIGTERM)
        }
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self._asked.set()

    @property
    def asked_to_stop(self) -> bool:
        return self._asked.is_set()

    def start(
        self,
        name: str,
        argv: Sequence[str | Path],
        env: Mapping[str, str] | None = None,
        *,
        log: Path | None = None,
    ) -> int:
        """Start `argv` in a group of its own and return its process id.

        `env` is added to this process's environment. `log` takes both outputs; without it they are shared.
        """
        with open(log, "ab") if log else contextlib.nullcontext() as output:
            process = subprocess.Popen(
                [str(part) for part in argv],
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT if output else None,
                start_new_session=True,
                preexec_fn=die_with_parent(),
            )
        self._running.append((name, process))
        return process.pid

    def run(
        self, name: str, argv: Sequence[str | Path], env: Mapping[str, str] | None = None
    ) -> Ended | None:
        """Start `argv` and wait for its end; None when somebody asked to stop first.

        When another process ends before it, that one is returned: look at the name.
        """
        self.start(name, argv, env)
        ended = self.wait()
        if ended and ended.name == name:
            self._running.pop()
        return ended

    def ended(self) -> Ended | None:
        """Return the first process that has ended by itself, or None."""
        for name, process in self._running:
            if process.poll() is not None:
                return Ended(name, process.returncode)
        return None

    def wait(self, *, until: Callable[[], bool] = lambda: False) -> Ended | None:
        """Wait until a process ends, `until` holds or somebody asks to stop; None for the latter two."""
        while not self.asked_to_stop:
            if found := self.ended():
                return found
            if until():
                return None
            self._asked.wait(LOOK_EVERY_SECONDS)
        return None

    def stop(self) -> None:
        """End every process and its children; those that do not go in time are killed."""
        for _, process in reversed(self._running):
            stop(process, grace_seconds=self.grace_seconds)
        self._running.clear()


def stop(process: "subprocess.Popen[bytes]", *, grace_seconds: float = 10.0) -> None:
    """End one process politely, then its whole group by force, so that no child of it stays either."""
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(grace_seconds)
    for _ in _until(seconds=2.0):
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            break
        process.poll()
    process.wait()


def _until(*, seconds: float) -> Iterator[None]:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield
        time.sleep(0.01)


def die_with_parent() -> Callable[[], None] | None:
    """Return what a child does first so that Linux ends it when this process is killed outright.

    Elsewhere there is no such wish to make, and None is returned.
    """
    if sys.platform != "linux":
        return None
    # Loaded here, not in the child: between fork and exec as little as possible should happen.
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def ask() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return ask
