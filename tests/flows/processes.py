"""The product's own processes for flow tests: each sees the test's database, its Klaviyo and its broker."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings
from django.db import connection

from config import serving
from config.processes import Supervisor
from workflows.models import Workflow

PATIENCE_SECONDS = 20.0
LOOK_EVERY_SECONDS = 0.02


def environment(**more: object) -> dict[str, str]:
    """What another process is told; it reads the settings anew. `more` is added in capitals."""
    told = {"LEASE_SECONDS": 2, "AMBIGUITY_SECONDS": 1, **more}
    return {
        "DATABASE_URL": database_url(),
        "KLAVIYO_API_URL": settings.KLAVIYO_API_URL,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        **{name.upper(): str(value) for name, value in told.items()},
    }


def database_url() -> str:
    """The test's database, as another process must name it."""
    given = connection.settings_dict
    if connection.vendor == "postgresql":
        return f"postgresql://{given['USER']}@{given['HOST']}:{given['PORT']}/{given['NAME']}"
    return f"sqlite:///{given['NAME']}"


def until(holds: Callable[[], object], *, why: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until `holds()`; fail with `why` when it does not within `seconds`."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, why
        time.sleep(LOOK_EVERY_SECONDS)


@dataclass(frozen=True)
class Worker:
    """A Celery worker with its children, in a process group of its own."""

    pid: int
    log: Path

    def has_said(self, words: str) -> bool:
        return self.log.exists() and words in self.log.read_text(errors="replace")

    def holds(self, workflow: Workflow) -> bool:
        """Whether one of its processes was the last to claim the workflow."""
        owner = Workflow.objects.values_list("owner", flat=True).get(pk=workflow.pk)
        try:
            return bool(owner) and os.getpgid(int(owner.rpartition(":")[2])) == self.pid
        except ProcessLookupError:
            return False

    def send(self, number: signal.Signals) -> None:
        """Signal the whole group."""
        os.killpg(self.pid, number)


@dataclass
class Fleet:
    """Workers and beat of one test. `end` kills them all; what they were at is for the next claim."""

    folder: Path
    lease_seconds: int = 4
    slice_seconds: int = 1
    supervisor: Supervisor = field(default_factory=lambda: Supervisor(grace_seconds=0.0))
    workers: list[Worker] = field(default_factory=list)

    def worker(self, *, processes: int = 1) -> Worker:
        """Start a worker; it may take messages a while later, see `ready`."""
        log = self.folder / f"worker{len(self.workers)}.log"
        pid = serving.start_worker(self.supervisor, self._environment(), processes=processes, log=log)
        self.workers.append(Worker(pid, log))
        return self.workers[-1]

    def beat(self) -> None:
        serving.start_beat(self.supervisor, self._environment(), log=self.folder / "beat.log")

    def ready(self) -> None:
        """Wait until every worker takes messages."""
        for worker in self.workers:
            until(lambda: worker.has_said(" ready."), why="a worker did not start")  # noqa: B023 - used at once

    def end(self) -> None:
        self.supervisor.stop()

    def connections(self) -> int:
        """How many connections to the database the workers have open at this moment."""
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(
                    "select count(*) from pg_stat_activity where datname = current_database()"
                    " and backend_type = 'client backend' and pid <> pg_backend_pid()"
                )
                return int(cursor.fetchone()[0])
        groups = {worker.pid for worker in self.workers}
        name = str(connection.settings_dict["NAME"])
        return sum(_opened(place, name) for place in Path("/proc").glob("[0-9]*") if _group(place) in groups)

    def _environment(self) -> dict[str, str]:
        # The workers' logs are read here, and they tell of a lost lease at INFO.
        return environment(
            lease_seconds=self.lease_seconds,
            slice_seconds=self.slice_seconds,
            log_level="INFO",
            redis_url=settings.REDIS_URL,
        )


def _group(process: Path) -> int | None:
    with suppress(ProcessLookupError):
        return os.getpgid(int(process.name))
    return None


def _opened(process: Path, name: str) -> int:
    """How many descriptors of a process in /proc stand for the file `name`."""
    found = 0
    for descriptor in process.glob("fd/*"):
        with suppress(FileNotFoundError):
            found += os.readlink(descriptor) == name
    return found
