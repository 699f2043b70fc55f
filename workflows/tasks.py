"""The two doors Celery knows: work on one workflow, and look what is due."""

import logging
import os
import socket
from uuid import UUID

from celery import shared_task
from django.conf import settings

from workflows import engine, housekeeping
from workflows.clock import DatabaseClock

log = logging.getLogger(__name__)


@shared_task(name="workflows.advance")
def advance(*, workflow_id: str) -> None:
    engine.advance(workflow_id, worker=worker_name())


@shared_task(name="workflows.tick")
def tick() -> None:
    now = DatabaseClock().now()
    housekeeping.wake_paused(now)
    for workflow_id in engine.due(now):
        ring(workflow_id)
    housekeeping.purge(now)


def ring(workflow_id: UUID | str) -> bool:
    """Wake a worker for a workflow; return whether the broker took the message.

    A lost or doubled message is harmless: the tick rings again, and a claim decides who works.
    """
    if not settings.REDIS_URL:
        return False
    try:
        advance.apply_async(kwargs={"workflow_id": str(workflow_id)}, retry=False, expires=60)
    except advance.OperationalError:
        log.warning("the broker did not take a message", extra={"workflow": str(workflow_id)})
        return False
    return True


def worker_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"
