"""Runs one query in one short-lived process (S-16, S-17): rows come back as Arrow batches, or an error does.

The job goes in on stdin, because it may hold a password; rows come out on stdout; the verdict, with the exact
number of rows, comes on a pipe of its own. Rows without a verdict are a failed extract, however many came.
"""

import contextlib
import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, cast

import pyarrow as pa

from audiences.errors import SourceCode, SourceError

ROOT = Path(__file__).resolve().parent.parent
PULSE_SECONDS = 1.0
FAREWELL_SECONDS = 0.5
BATCHES_AHEAD = 4
_END = object()


@dataclass(frozen=True, slots=True)
class Limits:
    """What one query may use (S-19). `rows` and `bytes` end it with an error, `stop_after` quietly.

    `silent_seconds` is how long the source may give nothing at all, `seconds` how long all of it may take.
    """

    rows: int = 10_000_000
    bytes: int = 2 << 30
    silent_seconds: float = 360
    seconds: float = 1800
    memory_mb: int = 768
    spill_mb: int = 8192
    threads: int = 2
    stop_after: int | None = None


PREVIEW = Limits(rows=50, seconds=10, stop_after=50)


def no_pulse(rows: int) -> None:
    """Do nothing; for callers that need no sign of life."""


def facts(job: dict[str, Any], limits: Limits = PREVIEW) -> dict[str, Any]:
    """Return the version, tables and warnings of the job's source. Raises SourceError."""
    with Sandbox({**job, "action": "facts"}, limits, no_pulse) as sandbox:
        for _ in sandbox.batches():
            pass
        return sandbox.verdict["facts"]


class Sandbox:
    """One query at work. Used as a context: however it is left, the process is gone and its folder deleted.

    `job` comes from `audiences.sources.job`. `pulse(rows_so_far)` is called at least every two seconds, also
    while the source is silent; whatever it raises ends the query. Spilled data lies under `folder`.
    """

    def __init__(
        self,
        job: dict[str, Any],
        limits: Limits,
        pulse: Callable[[int], None],
        *,
        folder: Path | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.schema: pa.Schema | None = None
        self.rows = 0
        self.verdict: dict[str, Any] = {}
        self._job, self._limits, self._pulse, self._monotonic = job, limits, pulse, monotonic
        self._parent_folder = folder
        self._arrived: queue.Queue[object] = queue.Queue(maxsize=BATCHES_AHEAD)
        self._closing = threading.Event()

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="query-", dir=self._parent_folder))
        reading, writing = os.pipe()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-s", "-m", "audiences.child"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                pass_fds=(writing,),
                cwd=self._folder,
                env=_environment(),
                start_new_session=True,
            )
        except BaseException:
            os.close(reading)
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        finally:
            os.close(writing)
        self._verdict_pipe = os.fdopen(reading, "rb")
        self._in = cast(IO[bytes], self._process.stdin)
        self._out = cast(IO[bytes], self._process.stdout)
        self._hand_over({**self._job, **self._orders(writing)})
        self._reader = threading.Thread(target=self._read, name="query-rows", daemon=True)
        self._reader.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._closing.set()
        self._end_process()
        self._reader.join()
        self._out.close()
        self._verdict_pipe.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def pid(self) -> int:
        """The process at work."""
        return self._process.pid

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows as they arrive; ends normally only when the verdict confirms their exact number.

        Raises SourceError for everything the source, the query or a limit can do.
        """
        deadline = self._monotonic() + self._limits.seconds
        last_pulse = quiet_since = self._monotonic()
        while True:
            if self._monotonic() - last_pulse >= PULSE_SECONDS:
                self._pulse(self.rows)
                last_pulse = self._monotonic()
            if self._monotonic() > deadline:
                raise SourceError(
                    SourceCode.TIMEOUT, f"The query took longer than {self._limits.seconds:,.0f} seconds."
                )
            if self._monotonic() - quiet_since > self._limits.silent_seconds:
                told = f"The query gave no rows for {self._limits.silent_seconds:,.0f} seconds."
                raise SourceError(SourceCode.TIMEOUT, told)
            try:
                item = self._arrived.get(timeout=PULSE_SECONDS)
            except queue.Empty:
                continue
            if not isinstance(item, pa.RecordBatch):
                break
            self.rows += item.num_rows
            yield item
            # What the caller did with the rows is not the source's silence.
            quiet_since = self._monotonic()
        self._pulse(self.rows)
        self._check_verdict()

    def _orders(self, verdict_fd: int) -> dict[str, Any]:
        limits = self._limits
        return {
            "action": self._job.get("action", "read"),
            "folder": str(self._folder),
            "parent": os.getpid(),
            "verdict_fd": verdict_fd,
            "seconds": limits.seconds,
            "memory_mb": limits.memory_mb,
            "spill_mb": limits.spill_mb,
            "threads": limits.threads,
            "max_rows": limits.rows,
            "max_bytes": limits.bytes,
            "stop_after": limits.stop_after,
        }

    def _hand_over(self, job: dict[str, Any]) -> None:
        with contextlib.suppress(BrokenPipeError), self._in:
            self._in.write(json.dumps(job).encode())

    def _read(self) -> None:
        """Move batches from the pipe to the queue, in a thread, so that the caller can breathe in between."""
        try:
            with contextlib.suppress(pa.ArrowException, OSError, EOFError):
                # A broken stream needs no error of its own: the verdict is missing or says why.
                reader = pa.ipc.open_stream(self._out)
                self.schema = reader.schema
                for batch in reader:
                    if not self._put(batch):
                        return
            self.verdict = _parsed(self._verdict_pipe.read())
        finally:
            self._put(_END)

    def _put(self, item: object) -> bool:
        while not self._closing.is_set():
            try:
                self._arrived.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def _check_verdict(self) -> None:
        if "code" in self.verdict:
            raise SourceError(self.verdict["code"], self.verdict["message"])
        if not self.verdict.get("ok"):
            raise SourceError(SourceCode.FAILED, self._last_words())
        if "rows" in self.verdict and self.verdict["rows"] != self.rows:
            raise SourceError(SourceCode.FAILED, "The query ended before all of its rows had arrived.")

    def _last_words(self) -> str:
        code = self._process.wait()
        if code < 0:
            how = f"The query was ended by the system (signal {-code})"
            return f"{how}; it may have needed too much memory or time."
        return f"The query's process ended without an answer (exit code {code})."

    def _end_process(self) -> None:
        if self._process.poll() is None:
            # First politely, so that a database server is told to stop as well.
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(FAREWELL_SECONDS)
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()


def _environment() -> dict[str, str]:
    """Hand over nothing of our own surroundings: they hold keys and addresses of databases."""
    return {
        "PATH": os.defpath,
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        # Each arena reserves 64 MB of addresses, and addresses are what the wall counts.
        "MALLOC_ARENA_MAX": "2",
        "ARROW_DEFAULT_MEMORY_POOL": "system",
    }


def _parsed(data: bytes) -> dict[str, Any]:
    try:
        verdict = json.loads(data)
    except ValueError:
        return {}
    return verdict if isinstance(verdict, dict) else {}
