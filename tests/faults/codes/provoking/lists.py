"""Trouble with lists: too many, too many today, too many of one name, or gone."""

from tests.faults.codes.stage import Stage
from tests.flows.world import LIST, people
from workflows.models import Workflow
from workflows.start import start

FULL = 1_000
SPARE = "Spring campaign"
RENAMED = "VIP renamed"
HOURS_LEFT_SECONDS = 6 * 3600


def too_many(stage: Stage) -> Workflow:
    """The account holds as many lists as Klaviyo allows; one of them nobody needs."""
    stage.open()
    stage.prepared["spare"] = stage.klaviyo.create_list(SPARE)
    stage.klaviyo.fill_lists(FULL)
    return stage.run()


def too_many_today(stage: Stage) -> Workflow:
    """As many lists were made today as Klaviyo allows."""
    stage.open()
    stage.prepared["spare"] = stage.klaviyo.create_list(SPARE)
    stage.klaviyo.fault(
        "status", status=429, seconds=HOURS_LEFT_SECONDS, method="POST", path="^POST /api/lists$"
    )
    return stage.run()


def of_one_name(stage: Stage) -> Workflow:
    """Two lists in Klaviyo have the name."""
    stage.open()
    stage.prepared["lists"] = [stage.klaviyo.create_list(LIST) for _ in range(2)]
    return stage.run()


def gone(stage: Stage) -> Workflow:
    """The list was deleted in Klaviyo after a run."""
    company = stage.open()
    stage.prepared["spare"] = stage.klaviyo.create_list(SPARE)
    stage.run()
    company.write(people(4))
    stage.klaviyo.delete_list(LIST)
    return stage.run()


def shared(stage: Stage) -> Workflow:
    """The list was given another name in Klaviyo, and a second mirror is of that name."""
    company = stage.open()
    stage.run()
    stage.klaviyo.rename_list(LIST, RENAMED)
    second = company.another(list_name=RENAMED)
    return stage.rest(start(second, by="a test", trigger="manual"))
