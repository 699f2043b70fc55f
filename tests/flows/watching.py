"""What tests with real workers watch: a company about to deliver, how far it is, and whether all is right."""

from collections import Counter
from typing import Any

from django.db import InterfaceError, OperationalError, connection

from tests.flows.processes import until
from tests.flows.world import LIST, World, people
from workflows.models import Attempt, Workflow
from workflows.moves import FINAL, State

STAY, GO, COME = 100, 4_500, 300
# One import and five removals.
DELIVERIES = 6
UNGUARDED = {"max_removed_share": 1.0, "approve_first_run": False}


def about_to_deliver(made: World) -> World:
    """Let a company, made UNGUARDED, have 300 adds and 4,500 removals to deliver."""
    made.klaviyo.seed(LIST, STAY + GO, email="person{n}@example.org", first=0)
    made.write(people(STAY) + people(COME, first=STAY + GO))
    made.klaviyo.keep_bodies()
    return made


def until_over(workflow: Workflow, *, seconds: float = 25) -> None:
    """Wait until it has ended and its worker has given it back; a database that is away is waited for."""

    def over() -> bool:
        try:
            workflow.refresh_from_db()
        except (OperationalError, InterfaceError):
            connection.close()
            return False
        assert workflow.state != State.PAUSED, (workflow.code, workflow.message)
        return workflow.state in FINAL and workflow.lease_until is None

    until(over, why=f"{workflow.state} did not end", seconds=seconds)


def succeeded(company: World, workflow: Workflow, *, repeated: int) -> int:
    """The list is right, and at most `repeated` requests that change something were sent again; how many."""
    workflow.refresh_from_db()
    assert (workflow.state, workflow.code, workflow.message) == (State.SUCCEEDED, "", "")
    assert company.members() == {row["email"] for row in people(STAY) + people(COME, first=STAY + GO)}
    sent = Counter(f"{entry['operation']} {entry['body']}" for entry in company.klaviyo.writes())
    assert len(sent) == DELIVERIES
    again = sum(times - 1 for times in sent.values())
    assert again <= repeated, f"{again} requests were sent again"
    return again


def writes(company: World) -> int:
    return company.klaviyo.stats()["writes"]


def picture(workflow: Workflow) -> dict[str, list[dict[str, Any]]]:
    """Every row there is about a workflow."""
    return {
        "workflow": list(Workflow.objects.filter(pk=workflow.pk).values()),
        "steps": list(workflow.steps.order_by("pk").values()),
        "attempts": list(Attempt.objects.filter(step__workflow=workflow).order_by("pk").values()),
        "events": list(workflow.events.order_by("pk").values()),
    }
