"""Every place where the simulation stands in for something of the machine: time, dice, threads, the network,
the sandbox of queries. Nothing that decides is replaced here."""

import itertools
import random
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import duckdb

from audiences import extract, files, workbench
from destinations import gateway
from destinations.klaviyo import service
from tests.faults.simulation.hub import Hub, HubClock
from workflows import outside, run, tasks


class Inline:
    """An executor whose work is done at once, by the one who asks."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def submit(self, work: Callable[..., Any], *given: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(work(*given))
        except Exception as error:
            future.set_exception(error)
        return future

    def shutdown(self) -> None:
        """Nothing runs."""

    def __enter__(self) -> "Inline":
        return self

    def __exit__(self, *_: object) -> None:
        pass


class Bench:
    """A database of its own in the one DuckDB of this process: starting one takes half of a small join."""

    _base: duckdb.DuckDBPyConnection | None = None
    _numbers = itertools.count()

    def __init__(self, *_: Any, **__: Any) -> None:
        if Bench._base is None:
            config: dict[str, Any] = {"threads": 1, "preserve_insertion_order": False}
            Bench._base = duckdb.connect(":memory:", config=config)
        self._name = f"bench{next(self._numbers)}"
        self._cursor = Bench._base.cursor()
        self._cursor.execute(f"ATTACH ':memory:' AS {self._name}; USE {self._name}")

    def execute(self, *given: Any) -> duckdb.DuckDBPyConnection:
        return self._cursor.execute(*given)

    def close(self) -> None:
        self._cursor.execute(f"USE memory; DETACH {self._name}")
        self._cursor.close()


@contextmanager
def replaced(
    hub: Hub,
    seed: int,
    *,
    transport: Callable[..., Any],
    ring: Callable[..., bool],
    sandbox: Callable[..., Any],
    process: Callable[[], int],
) -> Iterator[None]:
    """Put the simulation in its places until the block ends."""
    dice = random.Random(f"{seed}:product")
    random.seed(f"{seed}:backoff")
    watch = SimpleNamespace(monotonic=hub.seconds)
    with ExitStack() as stack:
        for holder, name, instead in (
            (run, "time", watch),
            (outside, "time", watch),
            (run, "ThreadPoolExecutor", Inline),
            (gateway, "ThreadPoolExecutor", Inline),
            (service, "Gateway", partial(gateway.Gateway, jitter=dice.random)),
            (service, "transport", transport),
            (tasks, "ring", ring),
            (tasks, "DatabaseClock", lambda: HubClock(hub)),
            (extract, "Sandbox", sandbox),
            # Virtual workers are processes of their own, and nobody waits for a disk.
            (files, "os", SimpleNamespace(getpid=process, fsync=lambda descriptor: None)),
            (
                workbench,
                "duckdb",
                SimpleNamespace(connect=Bench, DuckDBPyConnection=duckdb.DuckDBPyConnection),
            ),
        ):
            stack.enter_context(patch.object(holder, name, instead))
        yield
