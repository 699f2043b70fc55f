"""One clock for every decision: the database's, so that a worker with a wrong clock decides nothing wrong."""

import time
from datetime import UTC, datetime

from django.db import connection

from destinations.clock import Clock

__all__ = ["Clock", "DatabaseClock"]


class DatabaseClock:
    """The time of the database server; SQLite has none of its own, and runs in this process."""

    def now(self) -> datetime:
        if connection.vendor != "postgresql":
            return datetime.now(UTC)
        with connection.cursor() as cursor:
            cursor.execute("select clock_timestamp()")
            return cursor.fetchone()[0].astimezone(UTC)

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            time.sleep(seconds)
