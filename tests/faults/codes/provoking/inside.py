"""Trouble inside of Rollcall: a bug, workers that end, files that a disk lost a part of."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from django.conf import settings

from tests.faults.codes.stage import Stage
from workflows import engine, faults, lease
from workflows.files import Folder
from workflows.models import Step, Workflow
from workflows.results import Result
from workflows.run import Run
from workflows.steps import HANDLERS


def buggy(stage: Stage) -> Workflow:
    """Comparing fails with an error that nobody foresaw, until a mended version runs."""
    stage.open()
    compare = HANDLERS["compare"]

    def fail(run: Run, step: Step) -> Result:
        if "mended" not in stage.prepared:
            raise ZeroDivisionError
        return compare(run, step)

    stage.monkeypatch.setitem(HANDLERS, "compare", fail)
    return stage.run()


def killing_its_workers(stage: Stage) -> Workflow:
    """Whichever worker takes the run dies of it."""
    company = stage.open()
    workflow = company.start()
    stage.klaviyo.import_settings(lag_seconds=3600)
    while not workflow.steps.filter(kind="jobs", started_at__isnull=False).exists():
        engine.advance(workflow.pk, worker="test", clock=stage.clock)
    for _ in range(settings.MAX_CRASHES):
        stage.clock.leap(timedelta(minutes=3))
        lease.claim(workflow.pk, worker="dying", clock=stage.clock)
    stage.clock.leap(timedelta(minutes=3))
    stage.klaviyo.import_settings(lag_seconds=0)
    stage.klaviyo.release_jobs()
    return stage.rest(workflow)


def with_a_torn_file(stage: Stage) -> Workflow:
    """The disk lost a row of a file of the run before the books were closed."""
    stage.open()

    def tear(moment: str, facts: Mapping[str, Any]) -> None:
        if moment == "step_started" and facts["step"].kind == "finish" and "torn" not in stage.prepared:
            path = Folder(facts["step"].workflow_id).file("candidates.parquet")
            stage.prepared["torn"] = path, path.read_bytes()
            _lose_a_row(path)

    stage.closing.enter_context(faults.hooked(tear))
    return stage.run()


def _lose_a_row(path: Path) -> None:
    rows = pq.read_table(path)
    pq.write_table(rows.slice(1), path)
