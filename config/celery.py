"""The Celery application: a doorbell for the engine, never its memory."""

import logging.config
import os
from typing import Any

from celery import Celery
from celery.signals import beat_init, setup_logging, worker_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("rollcall")
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
