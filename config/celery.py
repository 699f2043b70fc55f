"""The Celery application: a doorbell for the engine, never its memory."""

import logging.config
import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("rollcall")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def keep_our_logging(**_: Any) -> None:
    """Being connected is the point: Celery then adds no handlers of its own."""
    from django.conf import settings

    logging.config.dictConfig(settings.LOGGING)
