"""Approve exactly one plan of a workflow that waits for it."""

from argparse import ArgumentParser
from typing import Any

from api.console import commands, orders, telling
from workflows.report import report
from workflows.tasks import ring


class Command(commands.Command):
    help = "Approve the plan of a paused workflow; it goes on with a worker, or with: workflow ID --resume."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("id", metavar="ID", help="the workflow's id, or the first characters of it")
        parser.add_argument(
            "--plan", metavar="HASH", required=True, help="the hash of the plan that was shown"
        )

    def work(self, *, id: str, plan: str, **options: Any) -> int:
        found = orders.workflow(id)
        orders.approve(found, plan)
        ring(found.pk)
        self.give(report(found))
        self.say(
            "Approved. It goes on with a worker, or here with: "
            f"{telling.MANAGE} workflow {str(found.pk)[:8]} --resume"
        )
        return commands.OK
