"""What a command stands on: real servers, and a process with a database and a Klaviyo of its own."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from simulator.control import Simulator

# Of the workers that die.
LEASE_SECONDS = AMBIGUITY_SECONDS = 1
# Of this process, which does not; PostgreSQL ends a transaction that rests for longer than this.
OWN_LEASE_SECONDS = 30
CREATION_SETTLES_SECONDS = 2
# Many die in one run, some of them twice in a step; elsewhere it is tested that a step may not kill for ever.
MAX_CRASHES = 10


def serve(database: str) -> None:
    """Start PostgreSQL (unless `sqlite` is asked for) and Valkey; they end with this process."""
    if database == "sqlite":
        os.environ["TEST_DATABASE"] = "sqlite"
    # It starts the servers when it is imported, as for the tests.
    import tests.plugin  # noqa: F401


def settle(name: str, **more: object) -> Simulator:
    """Give this process a simulator and an empty database called `name`, and set Django up; call once."""
    place = Path(os.environ["TEST_ROOT"]) / name
    place.mkdir(parents=True, exist_ok=True)
    simulator = Simulator.start(place / "klaviyo", limits=False)
    os.environ.update(
        {
            "DATA_DIR": str(place / "data"),
            "DATABASE_URL": _database(name, place),
            "KLAVIYO_API_URL": simulator.url,
            "LEASE_SECONDS": str(OWN_LEASE_SECONDS),
            "AMBIGUITY_SECONDS": str(AMBIGUITY_SECONDS),
            "MAX_CRASHES": str(MAX_CRASHES),
            **{key.upper(): str(value) for key, value in more.items()},
        }
    )
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    return simulator


def _database(name: str, place: Path) -> str:
    """Return the URL of a new database beside the one of DATABASE_URL."""
    given = os.environ["DATABASE_URL"]
    if given.startswith("sqlite"):
        return f"sqlite:///{place}/rollcall.sqlite3"
    with psycopg.connect(given, autocommit=True) as server, suppress(psycopg.errors.DuplicateDatabase):
        server.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    return f"{given.rpartition('/')[0]}/{name}"


def folder_of(name: str, *parts: Any) -> Path:
    """A folder of this process for files, made now."""
    made = Path(os.environ["TEST_ROOT"]) / name / Path(*map(str, parts))
    made.mkdir(parents=True, exist_ok=True)
    return made
