"""Print the configuration as it stands, in the form that `apply` reads."""

from typing import Any

from api.configuration.export import as_yaml, export
from api.console import commands
from api.console.commands import Failure


class Command(commands.Command):
    help = "Print credentials (without their secrets), sources, queries, … as YAML for `apply`."

    def work(self, **options: Any) -> int:
        try:
            document = export()
        except ValueError as error:
            raise Failure("ambiguous", str(error)) from error
        self.give(document)
        self.say(as_yaml(document).rstrip("\n") if document else "# Nothing is configured yet.")
        return commands.OK
