"""Run an orchestration: make its list equal to its query."""

from argparse import ArgumentParser
from typing import Any

from api.console import commands, orders, telling
from workflows import decisions
from workflows.models import Workflow
from workflows.moves import State
from workflows.report import report
from workflows.tasks import ring


class Command(commands.Command):
    help = (
        "Start an orchestration. With --wait, work on it here (no broker or worker needed) until it is over: "
        "exit code 0 when verified, 3 when it waits for a decision, 1 when it failed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("name", metavar="NAME", help="the orchestration")
        parser.add_argument("--wait", action="store_true", help="work on it in this process until it is over")
        parser.add_argument("--probe", action="store_true", help="try an inactive orchestration once")
        parser.add_argument(
            "--approve-plan", metavar="HASH", help="approve the plan when it is exactly this one"
        )

    def work(self, *, name: str, wait: bool, probe: bool, approve_plan: str | None, **options: Any) -> int:
        if approve_plan and not wait:
            raise commands.Failure("usage", "--approve-plan needs --wait.", exit_code=commands.USAGE)
        found = orders.begin(name, trigger=orders.PROBE if probe else orders.WORD)
        if not wait:
            return self._leave(found.pk)
        found = orders.to_rest(found, tell=self.tell, planned=self._show_plan)
        if approve_plan and found.state == State.PAUSED and found.code in decisions.FOR_A_PLAN:
            orders.approve(found, approve_plan)
            found = orders.to_rest(found, tell=self.tell)
        told = report(found)
        self.give(told)
        # The first plan was shown when it was made; the plan of a later round is new to whoever reads this.
        waiting = telling.plan_lines(told) if found.needs_decision and found.plan.get("round") else []
        for line in [*waiting, *telling.result_lines(told), f"Workflow {found.pk}"]:
            self.say(line)
        return orders.exit_code(found)

    def _show_plan(self, found: Workflow) -> None:
        for line in telling.plan_lines(report(found)):
            self.say(line)

    def _leave(self, pk: Any) -> int:
        if not ring(pk):
            self.tell("No worker could be woken now; the next one that looks will take it. Or use --wait.")
        told = report(orders.workflow(str(pk)))
        self.give(told)
        self.say(f"Started workflow {pk}. See it with: {telling.MANAGE} workflow {str(pk)[:8]}")
        return commands.OK
