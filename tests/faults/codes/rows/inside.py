"""Trouble inside of Rollcall."""

from tests.faults.codes.provoking import inside
from tests.faults.codes.scenario import Press, Scenario
from tests.faults.codes.stage import Stage


def version_mended(stage: Stage) -> None:
    """A version of Rollcall without the bug is at work."""
    stage.prepared["mended"] = True


def file_put_back(stage: Stage) -> None:
    """The disk gave the whole file back."""
    path, whole = stage.prepared["torn"]
    path.write_bytes(whole)


ROWS = (
    Scenario("bug", inside.buggy, Press("retry"), outside=version_mended),
    Scenario("bug", inside.buggy, Press("restart"), outside=version_mended),
    Scenario("worker_crashing", inside.killing_its_workers, Press("retry")),
    Scenario("worker_crashing", inside.killing_its_workers, Press("restart")),
    Scenario("sums_do_not_close", inside.with_a_torn_file, Press("restart")),
    Scenario("sums_do_not_close", inside.with_a_torn_file, Press("retry"), outside=file_put_back),
)
