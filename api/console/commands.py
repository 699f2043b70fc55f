"""What all commands share: pure JSON on stdout when asked for, one plain line when something fails."""

import json
import logging
from abc import ABC, abstractmethod
from argparse import ArgumentParser
from typing import Any

from django.core.management import BaseCommand
from django.core.management.base import CommandError
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

log = logging.getLogger(__name__)

OK, FAILED, USAGE, PAUSED = 0, 1, 2, 3


class Failure(Exception):
    """The command cannot do what was asked; `message` is for a person, `code` for a script."""

    def __init__(
        self, code: str, message: str, *, resolutions: tuple[str, ...] = (), exit_code: int = FAILED
    ):
        super().__init__(message)
        self.code = code
        self.message = message
        self.resolutions = resolutions
        self.exit_code = exit_code

    def as_dict(self) -> dict[str, Any]:
        error = {"code": self.code, "message": self.message, "resolutions": list(self.resolutions)}
        return {"error": error}


class Command(BaseCommand, ABC):
    """A command whose `work` returns its exit code. With `--json`, stdout holds one JSON object alone."""

    requires_system_checks: list[str] = []
    as_json = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        self.as_json = bool(options.get("json"))
        code = self._ended(options)
        if code:
            raise SystemExit(code)

    @abstractmethod
    def work(self, *args: Any, **options: Any) -> int:
        """Do what the command is for. Raises Failure."""

    def say(self, line: str = "") -> None:
        """Print a line of the result for a person; with `--json` nothing."""
        if not self.as_json:
            self.stdout.write(line)
            self.stdout.flush()

    def tell(self, line: str) -> None:
        """Print a line about what goes on: to stderr, so that stdout holds results alone."""
        self.stderr.write(line, self.style.NOTICE if self.stderr.isatty() else None)
        self.stderr.flush()

    def give(self, result: dict[str, Any]) -> None:
        """Print the JSON object of this command; without `--json` nothing."""
        if self.as_json:
            self.stdout.write(json.dumps(result, ensure_ascii=False, indent=2, default=str))
            self.stdout.flush()

    def _ended(self, options: dict[str, Any]) -> int:
        try:
            _require_tables()
            return self.work(**options)
        except Failure as failure:
            return self._failed(failure)
        except KeyboardInterrupt:
            return self._failed(Failure("interrupted", "Interrupted.", exit_code=130))
        except CommandError:
            raise
        except Exception as error:
            if options.get("traceback"):
                raise
            # The names of the error and the command only: its text may hold what nobody should read in a log.
            kind = type(error).__name__
            log.error(
                "command failed", extra={"command": type(self).__module__.rpartition(".")[2], "kind": kind}
            )
            told = f"Unexpected error ({kind}). Run it again with --traceback to see where."
            return self._failed(Failure("bug", told))

    def _failed(self, failure: Failure) -> int:
        self.give(failure.as_dict())
        for line in failure.message.splitlines():
            self.stderr.write(line)
        return failure.exit_code


def _require_tables() -> None:
    """Raise Failure, saying what to do, while the database is not up to this version."""
    try:
        executor = MigrationExecutor(connection)
        behind = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as error:
        raise Failure("database", "The database does not answer; look at DATABASE_URL.") from error
    if behind:
        raise Failure(
            "database_behind",
            "The database is not up to this version. Run first: python3 run.py manage migrate",
        )
