"""Ways out of files that could not be sent, or whose people did not come."""

from workflows.clock import Clock
from workflows.models import Workflow
from workflows.moves import State
from workflows.resolutions.going_on import restart
from workflows.resolutions.offers import (
    Answers,
    Field,
    Kind,
    Person,
    Resolution,
    Resolved,
    Trouble,
    Way,
)
from workflows.resolutions.permissions import STARTS
from workflows.words import people

WAIT_MINUTES = 60
LONGEST_WAIT_MINUTES = 24 * 60


def missing_people(workflow: Workflow) -> int:
    """How many of those who were sent the last reading did not find."""
    return workflow.counts.get("missing", workflow.counts.get("unknown", 0))


def _offer_missing(trouble: Trouble) -> Resolution | None:
    workflow = trouble.workflow
    if not workflow.is_final:
        return None
    missing = people(missing_people(workflow))
    left = " Whoever came and left again by themselves is put back." if workflow.error.get("came") else ""
    return Resolution(
        "send_missing",
        "Send the missing by API",
        f"Compares again and sends whoever is still missing, {missing} by now, by the API.{left}",
        steps=("Read the list as it is now", "Send whoever is missing by the API", "Read the list back"),
        numbers=(
            ("Not seen", missing_people(workflow)),
            ("On the list", workflow.counts.get("on_list", 0)),
        ),
        permission=STARTS,
    )


def _send_missing(
    trouble: Trouble, answers: Answers, probed: object, person: Person, clock: Clock
) -> Resolved:
    before = trouble.workflow
    note = f"Sends by the API whoever of {people(missing_people(before))} of run {before.number} is missing."
    return Resolved(restart(trouble, person, clock, path="api", note=note), note)


def _offer_waiting(trouble: Trouble) -> Resolution | None:
    workflow = trouble.workflow
    if not workflow.is_final:
        return None
    return Resolution(
        "wait_longer",
        "Wait longer",
        f"Waits for {people(missing_people(workflow))}, then compares. It sends nothing without asking.",
        steps=("Wait until they are on the list", "Compare", "Show a plan for whoever did not come"),
        fields=(
            Field(
                "minutes",
                Kind.NUMBER,
                "Minutes, at most",
                value=str(WAIT_MINUTES),
                minimum=1,
                maximum=LONGEST_WAIT_MINUTES,
            ),
        ),
        permission=STARTS,
    )


def _wait_longer(
    trouble: Trouble, answers: Answers, probed: object, person: Person, clock: Clock
) -> Resolved:
    before, minutes = trouble.workflow, answers.number("minutes", WAIT_MINUTES)
    members = before.counts.get("on_list", 0) + missing_people(before)
    note = f"Waits up to {minutes:,} minutes more for people of run {before.number}, then compares."
    wait_for = {"members": members, "minutes": minutes}
    return Resolved(
        restart(trouble, person, clock, dry_run=True, path="api", wait_for=wait_for, note=note), note
    )


def _offer_api(trouble: Trouble) -> Resolution | None:
    workflow = trouble.workflow
    if workflow.state != State.PAUSED or workflow.feeds_a_file:
        return None
    adds = f"up to {people(workflow.plan['adds'])}" if workflow.plan else "whoever is missing"
    return Resolution(
        "send_by_api",
        "Send by API",
        f"Gives this run up, compares again and sends {adds} by the API. Where a file "
        "was sent in part, it first waits, as long as the destination says, for whom it may bring.",
        steps=("Give this run up", "Compare again", "Send by the API", "Read the list back"),
        numbers=(("To add", workflow.plan["adds"]),) if workflow.plan else (),
        permission=STARTS,
    )


def _send_by_api(
    trouble: Trouble, answers: Answers, probed: object, person: Person, clock: Clock
) -> Resolved:
    note = f"Sends by the API what run {trouble.workflow.number} could not."
    return Resolved(restart(trouble, person, clock, path="api", note=note), note)


WAYS = (
    Way("send_missing", _offer_missing, _send_missing),
    Way("wait_longer", _offer_waiting, _wait_longer),
    Way("send_by_api", _offer_api, _send_by_api),
)
