"""Work out what a run would do, and send nothing."""

from argparse import ArgumentParser
from typing import Any

from api.console import commands, orders, telling
from api.console.commands import Failure
from workflows.models import Workflow
from workflows.report import report


class Command(commands.Command):
    help = "Read the query and the list, and print what a run would change. Nothing is sent."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("name", metavar="NAME", help="the orchestration")

    def work(self, *, name: str, **options: Any) -> int:
        found = orders.begin(name, dry_run=True)
        if not found.dry_run:
            raise Failure(
                "busy", f"A run for this list is at work (workflow {found.pk}); plan when it is over."
            )
        found = orders.to_rest(found, tell=self.tell)
        told = report(found)
        self.give(told)
        for line in [*telling.plan_lines(told), *told_end(found, told)]:
            self.say(line)
        return commands.OK if found.plan and not failed(found) else orders.exit_code(found)


def failed(found: Workflow) -> bool:
    """Whether it stopped for anything but a plan that is to be looked at."""
    return found.code not in ("", "plan_ready", "guard")


def told_end(found: Workflow, told: dict[str, Any]) -> list[str]:
    if failed(found):
        return telling.error_lines(told)
    if not any((told["plan"] or {}).get(name) for name in ("adds", "removes", "updates")):
        return ["Nothing to do: the list equals the query."]
    objections = [f"  ! {one['sentence']}" for one in (told["plan"] or {}).get("objections", [])]
    return [*objections, f"Nothing was sent. To send exactly this plan: approve {found.pk} --plan HASH"]
