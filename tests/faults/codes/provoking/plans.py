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


# What keeps the removals within the limit: the people of now, and some of those before.
KEEPING_MORE = """select email from people
union select 'person' || range || '@example.org' from range(90)"""


def kept(stage: Stage) -> set[str]:
    return {row["email"] for row in people(90)}
