"""Loaded by `-p tests.plugin`, so before pytest-django reads the settings: services, folders, which tests.

`TEST_DATABASE=sqlite` runs what touches the database, on SQLite; without it everything runs, on PostgreSQL.
What a browser shows of a page does not depend on the database, so browsers run once.
"""

import atexit
import json
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from django.test import TransactionTestCase

from tests import services

ON_SQLITE = os.environ.get("TEST_DATABASE") == "sqlite"
DATABASE_FIXTURES = frozenset({"db", "transactional_db", "django_db_serialized_rollback", "live_server"})
COUNTED = ("passed", "failed", "error", "skipped", "xfailed", "xpassed")


def prepare_environment() -> None:
    """Set what the settings read. Workers of xdist inherit the servers, for each to have its own part of."""
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is None:
        root = Path(tempfile.mkdtemp(prefix="rollcall-tests-"))
        atexit.register(shutil.rmtree, root, ignore_errors=True)
        os.environ.update(_shared(root))
    else:
        # One of Valkey's sixteen databases, so that nobody takes another's messages.
        broker, _, _ = os.environ["REDIS_URL"].rpartition("/")
        os.environ["REDIS_URL"] = f"{broker}/{1 + int(worker.removeprefix('gw')) % 15}"
    root = Path(os.environ["TEST_ROOT"])
    os.environ["DATA_DIR"] = str(root / (worker or "main"))


def _shared(root: Path) -> dict[str, str]:
    # Whatever this shell had set for a real installation must not reach a test.
    for name in (
        "SECRET_KEY",
        "CREDENTIALS_KEYS",
        "LOOKUP_KEY",
        "DEBUG",
        "DEMO",
        "BASE_URL",
        "ALLOWED_HOSTS",
    ):
        os.environ.pop(name, None)
    database = "sqlite:///" + str(root / "rollcall.sqlite3") if ON_SQLITE else services.postgres_url()
    return {
        "TEST_ROOT": str(root),
        "DATABASE_URL": database,
        "REDIS_URL": services.valkey_url(),
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "EMBEDDED_KEYS": "true",
        "LOG_LEVEL": "WARNING",
        # Nothing in a test may reach Klaviyo itself; port 1 refuses at once.
        "KLAVIYO_API_URL": "http://127.0.0.1:1",
        # Playwright keeps an event loop in the thread, and Django would refuse its database there.
        "DJANGO_ALLOW_ASYNC_UNSAFE": "true",
    }


prepare_environment()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On SQLite, leave out what decides without a database: it has been run already."""
    if not ON_SQLITE:
        return
    chosen = [item for item in items if touches_database(item) and not looks_at_a_page(item)]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(chosen)])
    items[:] = chosen


def looks_at_a_page(item: pytest.Item) -> bool:
    return "browser_page" in getattr(item, "fixturenames", ())


def touches_database(item: pytest.Item) -> bool:
    marked = any(item.get_closest_marker(name) for name in ("django_db", "database"))
    fixtures = DATABASE_FIXTURES.intersection(getattr(item, "fixturenames", ()))
    klass = getattr(item, "cls", None)
    return marked or bool(fixtures) or (klass is not None and issubclass(klass, TransactionTestCase))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Hand the counts to the one who runs several passes."""
    if place := os.environ.get("TEST_COUNTS"):
        stats = terminalreporter.stats
        Path(place).write_text(json.dumps({name: len(stats.get(name, ())) for name in COUNTED}))
