"""Work out what a run would do, and send nothing."""

from argparse import ArgumentParser
from typing import Any

from api.console import commands, orders, telling
from api.console.commands import Failure
from workflows.decisions import FOR_A_PLAN
from workflows.models import Workflow
from workflows.moves import State
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
        return commands.OK if is_planned(found) else orders.exit_code(found)


def is_planned(found: Workflow) -> bool:
    """Whether there is a plan to look at, or nothing to do; anything else stopped it."""
    return found.state == State.SUCCEEDED or (found.needs_decision and found.code in FOR_A_PLAN)


def told_end(found: Workflow, told: dict[str, Any]) -> list[str]:
    if not is_planned(found):
        return telling.result_lines(told)
    if found.state == State.SUCCEEDED:
        return [*telling.warning_lines(told), "Nothing to do: the list equals the query."]
    objections = [f"  ! {one['sentence']}" for one in told["plan"]["objections"]]
    said = [*telling.warning_lines(told), *objections, "Nothing was sent."]
    return [*said, *telling.approval_lines(told)]
