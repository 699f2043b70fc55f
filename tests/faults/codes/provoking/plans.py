"""Plans that wait for somebody."""

from tests.faults.codes.stage import Stage
from tests.flows.world import people
from workflows.models import Workflow

GUARDED = {"approve_first_run": False, "max_removed_share": 0.2}


def over_a_limit(stage: Stage) -> Workflow:
    """Two fifths of the list would be removed."""
    company = stage.open(guards=GUARDED)
    company.write(people(100))
    stage.run()
    company.write(people(60))
    return stage.run()


def rehearsed(stage: Stage) -> Workflow:
    """A run that was asked for its plan alone."""
    stage.open()
    return stage.run(dry_run=True)


def of_nobody(stage: Stage) -> Workflow:
    """The query gives nobody, and everybody would be removed."""
    company = stage.open(guards=GUARDED)
    stage.run()
    company.write([])
    return stage.run()
