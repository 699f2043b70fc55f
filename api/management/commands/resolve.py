"""Carry out a way out that a workflow offers."""

from argparse import ArgumentParser
from typing import Any

from api.console import commands, orders, telling
from workflows import resolutions
from workflows.models import Workflow
from workflows.report import report
from workflows.resolutions.uploads import WAIT_MINUTES
from workflows.start import CannotStart
from workflows.tasks import ring


class Command(commands.Command):
    help = (
        "Carry out a way out of a workflow's trouble, such as send_missing or wait_longer; `workflow ID` "
        "names those it offers. It starts a linked run; with --wait, that is worked on here."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("id", metavar="ID", help="the workflow's id, or the first characters of it")
        parser.add_argument("resolution", metavar="NAME", help="one of those it offers")
        parser.add_argument("--wait", action="store_true", help="work on the new run here until it is over")
        parser.add_argument(
            "--minutes", type=int, default=WAIT_MINUTES, help="how long wait_longer waits at most"
        )

    def work(self, *, id: str, resolution: str, wait: bool, minutes: int, **options: Any) -> int:
        found = orders.workflow(id)
        run = self._started(found, resolution, minutes)
        if not wait:
            ring(run.pk)
            self.give(report(run))
            self.say(f"Started workflow {run.pk}. See it with: {telling.MANAGE} workflow {str(run.pk)[:8]}")
            return commands.OK
        run = orders.to_rest(run, tell=self.tell)
        told = report(run)
        self.give(told)
        for line in [*telling.result_lines(told), f"Workflow {run.pk}"]:
            self.say(line)
        return orders.exit_code(run)

    def _started(self, found: Workflow, resolution: str, minutes: int) -> Workflow:
        try:
            answers = resolutions.Answers({"minutes": [str(minutes)]})
            person = resolutions.Person(orders.operator())
            return resolutions.resolve(found, resolution, answers, by=person).workflow
        except resolutions.Refused as error:
            raise commands.Failure("refused", error.message) from error
        except resolutions.NotOffered as error:
            ways = ", ".join(way.name for way in resolutions.offered(found)) or "none"
            raise commands.Failure("not_offered", f"{error} It offers: {ways}.") from error
        except CannotStart as error:
            raise commands.Failure(error.code, error.message) from error
