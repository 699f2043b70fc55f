"""Carry out a way out that a workflow offers."""

import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections import defaultdict
from typing import Any

from api.console import commands, orders, telling
from workflows import resolutions
from workflows.models import Workflow
from workflows.report import report
from workflows.resolutions import Answers, NotOffered, Person, Refused
from workflows.start import CannotStart
from workflows.tasks import ring


class Command(commands.Command):
    help = (
        "Carry out a way out of a workflow's trouble: one of those `workflow ID` names, with what each asks. "
        "It goes on with this run or starts a linked one; with --wait, that is worked on here."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("id", metavar="ID", help="the workflow's id, or the first characters of it")
        parser.add_argument("resolution", metavar="NAME", help="one of those it offers")
        parser.add_argument("--wait", action="store_true", help="work on the run here until it is over")
        parser.add_argument(
            "--set",
            metavar="FIELD=VALUE",
            dest="given",
            action="append",
            type=_pair,
            default=[],
            help="an answer; several times for several, also of one field",
        )
        parser.add_argument(
            "--secret",
            metavar="FIELD",
            default="",
            help="the field whose answer is read from standard input, so that no history keeps it",
        )
        parser.add_argument(
            "--reason", default="", help="a reason of those set aside, such as phone_no_country"
        )

    def work(
        self,
        *,
        id: str,
        resolution: str,
        wait: bool,
        given: list[tuple[str, str]],
        secret: str,
        reason: str,
        **options: Any,
    ) -> int:
        found = orders.workflow(id)
        run = self._resolved(found, resolution, _answers(given, secret), reason)
        if not wait:
            ring(run.pk)
            self.give(report(run))
            self.say(f"Workflow {run.pk} goes on. See it with: {telling.MANAGE} workflow {str(run.pk)[:8]}")
            return commands.OK
        run = orders.to_rest(run, tell=self.tell)
        told = report(run)
        self.give(told)
        for line in [*telling.result_lines(told), f"Workflow {run.pk}"]:
            self.say(line)
        return orders.exit_code(run)

    def _resolved(self, found: Workflow, name: str, answers: Answers, reason: str) -> Workflow:
        person = Person(orders.operator())
        try:
            return resolutions.resolve(found, name, answers, by=person, reason=reason).workflow
        except Refused as error:
            about = f"{error.field}: " if error.field else ""
            raise commands.Failure("refused", f"{about}{error.message}") from error
        except NotOffered as error:
            ways = ", ".join(way.name for way in resolutions.offered(found, reason)) or "none"
            raise commands.Failure("not_offered", f"{error} It offers: {ways}.") from error
        except CannotStart as error:
            raise commands.Failure(error.code, error.message) from error


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign:
        raise ArgumentTypeError("write FIELD=VALUE")
    return name, value


def _answers(given: list[tuple[str, str]], secret: str) -> Answers:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for name, value in given:
        found[name].append(value)
    if secret:
        found[secret].append(sys.stdin.read().strip())
    return Answers(found)
