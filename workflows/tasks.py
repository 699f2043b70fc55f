"""The doors Celery knows: work on one workflow, look what is due, and tidy up."""

import logging
import os
import socket
from uuid import UUID

from celery import shared_task
from django.conf import settings

from notifications.dispatch import dispatch
from workflows import circuits, engine, housekeeping
from workflows.clock import DatabaseClock

log = logging.getLogger(__name__)

# Somebody waits for a page behind this, and the tick rings again in a moment: ask the broker once.
IMPATIENT = {"max_retries": 0, "socket_connect_timeout": 1, "socket_timeout": 1}


@shared_task(name="workflows.advance")
def advance(*, workflow_id: str) -> None:
    engine.advance(workflow_id, worker=worker_name())


@shared_task(name="workflows.tick")
def tick() -> None:
    now = DatabaseClock().now()
    circuits.look_after(now)
    housekeeping.wake_paused(now)
    housekeeping.probe_inactive(now)
    ring(*engine.due(now))


@shared_task(name="notifications.dispatch")
def dispatch_notices() -> None:
    dispatch(now=DatabaseClock().now)


@shared_task(name="workflows.tidy")
def tidy() -> None:
    now = DatabaseClock().now()
    housekeeping.discard_forgotten(now)
    housekeeping.purge(now)
    housekeeping.forget_notices(now)


def ring(*workflow_ids: UUID | str) -> bool:
    """Wake a worker for each workflow; return whether the broker took the messages.

    A lost or doubled message is harmless: the tick rings again, and a claim decides who works.
    """
    if not (workflow_ids and settings.REDIS_URL):
        return False
    try:
        with advance.app.connection_for_write(transport_options=IMPATIENT) as line:
            producer = advance.app.amqp.Producer(line, auto_declare=False)
            for workflow_id in workflow_ids:
                given = {"workflow_id": str(workflow_id)}
                advance.apply_async(kwargs=given, retry=False, expires=60, producer=producer)
    except advance.OperationalError:
        log.warning("the broker did not take a message", extra={"count": len(workflow_ids)})
        return False
    return True


def worker_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"
