"""The wiring as a Django application, so that it can offer commands."""

from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created


class ConfigConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        connection_created.connect(bound_transactions)


def bound_transactions(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Let the server end a transaction in which nothing happens for as long as a lease lasts.

    A process that freezes, or a machine that vanishes, would keep the rows it has locked for hours, and
    everybody who needs them would wait. A SQLite file has no server to do this.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            # Given here and not when connecting: a pooler in between refuses parameters it does not know.
            milliseconds = settings.LEASE_SECONDS * 1000
            cursor.execute(
                "select set_config('idle_in_transaction_session_timeout', %s, false)", [str(milliseconds)]
            )
