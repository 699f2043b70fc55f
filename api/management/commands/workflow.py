"""Show one workflow, or work on it here until it rests."""

import csv
from argparse import ArgumentParser
from typing import Any

from accounts import activity
from api.console import commands, orders, progress, telling
from workflows import sealing
from workflows.models import Workflow
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

        parser.add_argument(
            "--refused",
            action="store_true",
            help="print the rows that were not loaded or were rejected, with their addresses, as CSV",
        )

    def work(self, *, id: str, resume: bool, refused: bool, **options: Any) -> int:
        found = orders.workflow(id)
        if refused:
            return self._refused(found)
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

    def _refused(self, workflow: Workflow) -> int:
        """Print people in the clear, so that who looked is kept."""
        rows = sealing.refused(workflow)
        activity.record(None, "refused_rows_shown", workflow, rows=len(rows))
        self.give({"workflow": str(workflow.pk), "refused": rows})
        if not self.as_json:
            table = csv.DictWriter(
                self.stdout, ("row_no", "reason", "column_name", "email"), extrasaction="ignore"
            )
            table.writeheader()
            table.writerows({**row, "email": _as_text(row["email"])} for row in rows)
        return commands.OK


def _as_text(cell: str | None) -> str:
    """A cell that no spreadsheet takes for a formula."""
    text = cell or ""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
