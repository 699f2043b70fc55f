"""Make the configuration what a YAML file says."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from api.configuration.applying import Applied, apply
from api.configuration.errors import ConfigurationError
from api.console import commands
from api.console.commands import Failure

SIGNS = {"created": "+", "updated": "~", "unchanged": "="}


class Command(commands.Command):
    help = "Create or update by name what a YAML file holds: credentials, sources, queries, destinations, …"

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("file", type=Path, metavar="FILE.yaml")
        parser.add_argument(
            "--no-test", action="store_true", help="do not try new keys at the destination; a run will"
        )

    def work(self, *, file: Path, no_test: bool, **options: Any) -> int:
        try:
            applied = apply(file, test=not no_test)
        except ConfigurationError as error:
            told = [*error.problems, "Nothing was changed."]
            raise Failure("configuration", "\n".join(told)) from error
        self.give(as_dict(applied))
        for line in lines(applied):
            self.say(line)
        for warning in applied.warnings:
            self.tell(f"warning: {warning}")
        return commands.OK


def as_dict(applied: Applied) -> dict[str, Any]:
    return {
        "changed": applied.changed,
        "changes": [change.as_dict() for change in applied.changes],
        "warnings": list(applied.warnings),
        "public_keys": dict(applied.public_keys),
    }


def lines(applied: Applied) -> list[str]:
    """Return one line an object, and one that sums up."""
    found = []
    for change in applied.changes:
        fields = f": {', '.join(change.fields)}" if change.fields else ""
        found.append(f"  {SIGNS[change.action]} {change.kind} “{change.name}” {change.action}{fields}")
    for name, line in applied.public_keys.items():
        found += [f"A key pair was made for “{name}”. Give its public half to the server:", f"  {line}"]
    return [*found, _summary(applied)]


def _summary(applied: Applied) -> str:
    if not applied.changes:
        return "The file is empty; nothing to do."
    if not applied.changed:
        return "Unchanged: everything is as the file says."
    actions = [change.action for change in applied.changes]
    counted = [
        f"{actions.count(action)} {action}"
        for action in ("created", "updated", "unchanged")
        if action in actions
    ]
    return f"{', '.join(counted)}."
