"""Show one workflow, or work on it here until it rests."""

from argparse import ArgumentParser
from typing import Any

from api.console import commands, orders, progress, telling
from workflows.report import report
from workflows.stages import stages


class Command(commands.Command):
    help = "Print how one workflow stands. With --resume, work on it in this process until it is over."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("id", metavar="ID", help="its id, or the first characters of it")
        parser.add_argument(
            "--resume", action="store_true", help="work on it here until it is over or paused"
        )

    def work(self, *, id: str, resume: bool, **options: Any) -> int:
        found = orders.workflow(id)
        if resume:
            found = orders.to_rest(found, tell=self.tell)
        told = report(found)
        self.give(told)
        self.say(f"Workflow {found.pk} of {told['orchestration']} #{told['number']}")
        for stage in stages(found):
            self.say(f"  {progress.said(stage)}")
        for line in [*telling.plan_lines(told), *telling.result_lines(told)]:
            self.say(line)
        return orders.exit_code(found) if resume else commands.OK
