"""Workflows as CSV: counts and codes of each run, and no person."""

import csv
from collections.abc import Iterable, Iterator
from typing import Any

from django.db.models import QuerySet

from workflows.models import Workflow
from workflows.moves import WORDS, State
from workflows.tallies import people

OUTCOMES = (
    "added",
    "updated",
    "removed",
    "unchanged",
    "kept_out",
    "not_loaded",
    "rejected",
    "skipped",
    "unknown",
)
HEADS = (
    "workflow",
    "orchestration",
    "run",
    "list",
    "state",
    "code",
    "trigger",
    "started",
    "ended",
    "seconds",
    "verified",
    *OUTCOMES,
)
AT_A_TIME = 2_000
# A spreadsheet takes what begins so for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class _Line:
    """What a csv writer writes to: gives the line back."""

    def write(self, text: str) -> str:
        return text


def lines(chosen: QuerySet[Workflow]) -> Iterator[str]:
    """Return the lines of the file one after the other, however many workflows there are."""
    writer = csv.writer(_Line())
    yield writer.writerow(HEADS)
    light = chosen.select_related("orchestration").only(
        "number",
        "list_key",
        "state",
        "code",
        "trigger",
        "created_at",
        "started_at",
        "finished_at",
        "verified_at",
        "counts",
        "orchestration__name",
    )
    for workflow in light.iterator(chunk_size=AT_A_TIME):
        yield writer.writerow(_plain(_row(workflow)))


def _row(workflow: Workflow) -> Iterable[Any]:
    numbers, took = people(workflow), workflow.total_seconds
    moments = (workflow.created_at, workflow.finished_at)
    return (
        workflow.pk,
        workflow.orchestration.name,
        workflow.number,
        workflow.list_key,
        WORDS[State(workflow.state)],
        workflow.code,
        workflow.trigger,
        *(moment.isoformat(timespec="seconds") if moment else "" for moment in moments),
        "" if took is None else round(took),
        workflow.verified_at.isoformat(timespec="seconds") if workflow.verified_at else "",
        *(numbers[name] for name in OUTCOMES),
    )


def _plain(cells: Iterable[Any]) -> list[Any]:
    """Keep a name from being taken for a formula."""
    return [f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell for cell in cells]
