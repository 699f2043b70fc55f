"""The product in a process of the simulation: Django set up once, and an empty database for each seed."""

import os
import shutil
import sqlite3
import tempfile
from pathlib import Path

# Fixed, so that keys of people sort alike in every process; they open nothing.
KEYS = {
    "SECRET_KEY": "simulation-simulation-simulation-simulation-0000",
    "CREDENTIALS_KEYS": "ypeBEsobvcr6wjGzmiPcTaeG7_gUfE5yuYB3ha_uSLs=",
    "LOOKUP_KEY": "PiPoFgA5WUoziU9lZOGxNIu9egCI1CxKy3PurtWcAJ0=",
}
IN_MEMORY = Path("/dev/shm")

_template: sqlite3.Connection | None = None
_root: Path | None = None


def prepare() -> None:
    """Set Django up with a database in memory. Call once in a process, before anything of the product."""
    global _template, _root
    parent = IN_MEMORY if IN_MEMORY.is_dir() and os.access(IN_MEMORY, os.W_OK) else None
    _root = Path(tempfile.mkdtemp(prefix="rollcall-simulation-", dir=parent))
    for name in ("BASE_URL", "ALLOWED_HOSTS", "DEBUG", "DEMO", "REDIS_URL", "EMAIL_URL", "LEASE_SECONDS"):
        os.environ.pop(name, None)
    os.environ.update(KEYS)
    os.environ.update(
        DATA_DIR=str(_root / "data"),
        DATABASE_URL="sqlite://:memory:",
        DJANGO_SETTINGS_MODULE="config.settings",
        LOG_LEVEL="CRITICAL",
        KLAVIYO_API_URL="http://klaviyo",
    )
    import django
    import pyarrow

    # Twenty rows are no work to share, and threads only wait for each other.
    pyarrow.set_cpu_count(1)
    pyarrow.set_io_thread_count(1)
    django.setup()
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    _template = sqlite3.connect(":memory:")
    connection.connection.backup(_template)


def template() -> sqlite3.Connection:
    """Return the database that every seed begins with a copy of."""
    assert _template is not None
    return _template


def begin() -> None:
    """Empty the database and the files."""
    from django.conf import settings
    from django.db import connection

    _undone(connection)
    connection.ensure_connection()
    template().backup(connection.connection)
    data = Path(settings.DATA_DIR)
    for kind in ("workflows", "ledgers", "sealed"):
        shutil.rmtree(data / kind, ignore_errors=True)


def _undone(connection: object) -> None:
    """Leave no transaction of a seed that was cut short."""
    raw = connection.connection  # type: ignore[attr-defined]
    if raw is not None and raw.in_transaction:
        raw.rollback()
    connection.in_atomic_block = False  # type: ignore[attr-defined]
    connection.savepoint_ids = []  # type: ignore[attr-defined]
    connection.needs_rollback = False  # type: ignore[attr-defined]
    connection.run_on_commit = []  # type: ignore[attr-defined]


def end() -> None:
    """Delete every file of this process."""
    if _root is not None:
        shutil.rmtree(_root, ignore_errors=True)
