"""The books of a workflow: every row of the query in exactly one state."""

from pathlib import Path
from typing import Any

from audiences import outcomes
from audiences.errors import SumsDoNotClose
from workflows.results import Paused
from workflows.run import Run


def close(run: Run, folder: Path) -> dict[str, Any]:
    """Write `outcomes.parquet` from the changes in `folder` and return the counts.

    Raises Paused(sums_do_not_close): such a workflow is not called right.
    """
    try:
        return outcomes.write(
            rows=run.workflow.counts["rows"],
            candidates=run.folder.file("candidates.parquet"),
            not_loaded=run.folder.file("not_loaded.parquet"),
            changes=folder,
        )
    except SumsDoNotClose as error:
        raise Paused("sums_do_not_close", str(error)) from error
