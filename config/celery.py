"""The Celery application: a doorbell for the engine, never its memory."""

import logging.config
import os
from collections.abc import Callable
from typing import Any, Self

from celery import Celery
from celery.app.amqp import AMQP
from celery.signals import beat_init, setup_logging, worker_init
from kombu import Connection

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

LOOK_FOR_BROKER_EVERY_SECONDS = 2


class LookingSoon(Connection):
    """Looks for a broker that is away as often after an hour as at first.

    By default the pauses grow to half a minute, and nobody would go on for that long after its return.
    """

    def ensure_connection(
        self,
        errback: Callable[[Exception, float], None] | None = None,
        max_retries: int = 0,
        interval_start: int = LOOK_FOR_BROKER_EVERY_SECONDS,
        interval_step: int = 0,
        interval_max: int = LOOK_FOR_BROKER_EVERY_SECONDS,
        callback: Callable[[], None] | None = None,
        reraise_as_library_errors: bool = True,
        timeout: int | None = None,
    ) -> Self:
        pace = (interval_start, interval_step, interval_max)
        return super().ensure_connection(
            errback, max_retries, *pace, callback, reraise_as_library_errors, timeout
        )


class Lines(AMQP):
    Connection = LookingSoon


app = Celery("rollcall", amqp=Lines)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def keep_our_logging(**_: Any) -> None:
    """Being connected is the point: Celery then adds no handlers of its own."""
    from django.conf import settings

    logging.config.dictConfig(settings.LOGGING)


@worker_init.connect
def refuse_without_keys(**_: Any) -> None:
    """End a worker that lacks keys before it takes a message.

    Celery runs Django's checks and does not look at what they say; an ordinary exception here it would log
    and go on.
    """
    from django.core.exceptions import ImproperlyConfigured

    from credentials.checks import require_keys

    try:
        require_keys()
    except ImproperlyConfigured as problem:
        raise SystemExit(str(problem)) from problem
    finally:
        close_connections()


@beat_init.connect
def close_connections(**_: Any) -> None:
    """Close what the checks opened: beat needs no database, and a worker's children open their own."""
    from django.db import connections

    connections.close_all()
