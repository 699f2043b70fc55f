"""A worker that freezes in the middle of writing holds its rows for as long as a lease, not for ever."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import DatabaseError, connection

from tests.flows.processes import until
from tests.workflows.factories import a_workflow
from workflows import lease
from workflows.clock import DatabaseClock
from workflows.models import Workflow

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        connection.vendor != "postgresql", reason="a SQLite file has no server that could act"
    ),
]


@pytest.fixture
def frozen(settings: Any) -> Iterator[Workflow]:
    """A workflow whose worker stands still inside a transaction, its lease of a second running out."""
    settings.LEASE_SECONDS = 1
    workflow = a_workflow()
    locked, thaw = threading.Event(), threading.Event()

    def work() -> None:
        held = lease.claim(workflow.pk, worker="frozen", clock=DatabaseClock())
        assert held is not None
        try:
            with lease.fenced(held):
                locked.set()
                thaw.wait(20)
        except DatabaseError:
            # The server has ended the session meanwhile.
            pass
        finally:
            connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    assert locked.wait(10)
    yield workflow
    thaw.set()
    thread.join()


class TestFrozenWriter:
    def test_keeps_nobody_waiting_and_is_replaced_in_the_end(self, frozen: Workflow):
        def claim() -> Workflow | None:
            begun = time.monotonic()
            claimed = lease.claim(frozen.pk, worker="next", clock=DatabaseClock())
            assert time.monotonic() - begun < 1
            return claimed

        assert claim() is None
        until(claim, why="the frozen worker still holds its row")
