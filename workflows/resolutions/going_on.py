"""How a workflow goes on once its trouble is mended: from the step that stopped, or compared anew."""

from collections.abc import Mapping
from typing import Any

from django.db.models import Q, QuerySet

from workflows import decisions
from workflows.clock import Clock
from workflows.lifecycle import move
from workflows.models import Workflow
from workflows.moves import State
from workflows.resolutions.offers import NotOffered, Person, Trouble
from workflows.resolutions.permissions import SEES_PEOPLE
from workflows.start import Changes, account_of, start, taken_over, untested
from workflows.steps import refusals

CAME_TO_NOTHING = (State.CANCELLED, State.FAILED)
# Codes under which lies what was decided about those who were refused of one plan.
ABOUT_NUMBERS = frozenset(refusals.CODES.values())
# Ways out that go on from the step that stopped, by their names.
# fmt: off
GOES_ON = frozenset(
    {
        "accept_host_key", "add_scopes", "allow_address", "allow_once", "change_limit", "change_share",
        "choose_credential", "choose_list", "delete_lists", "handle_profiles", "look_again", "put_key_back",
        "put_server_back", "replace_key", "retry",
    }
)
# fmt: on
# All that is open to a run whose list its orchestration does not feed any more.
FROM_ELSEWHERE = ("restart", "discard")


def followers(workflow: Workflow) -> QuerySet[Workflow]:
    """Runs that go on where this one stopped, in their order; one that came to nothing is none."""
    return workflow.children.exclude(state__in=CAME_TO_NOTHING).order_by("number")


def resume(trouble: Trouble, person: Person, clock: Clock, **instructions: Any) -> Workflow:
    """Go on from the step that stopped, with `instructions` for it; compare anew when the plan is too old.

    Raises NotOffered when somebody else was first.
    """
    workflow = trouble.workflow
    if instructions:
        workflow.instructions = {**workflow.instructions, **instructions}
        workflow.save(update_fields=["instructions"])
    try:
        decisions.retry(workflow, by=person.name, clock=clock)
    except decisions.TooOld:
        return _instead(trouble, person, clock, instructions)
    except decisions.Stale as stale:
        raise NotOffered(str(stale)) from stale
    return workflow


def _instead(trouble: Trouble, person: Person, clock: Clock, told: Mapping[str, Any]) -> Workflow:
    """Start a run for what this one was for: the same rows, by the same way, a rehearsal if it was one."""
    changes = taken_over(trouble.workflow)
    # How many it will be this time nobody has seen yet.
    kept = {name: value for name, value in told.items() if name not in ABOUT_NUMBERS}
    changes["instructions"] = {**changes["instructions"], **kept}
    return restart(trouble, person, clock, dry_run=trouble.workflow.dry_run, **changes)


def told_when_old(trouble: Trouble, name: str, clock: Clock) -> str:
    """Say what the way out `name` means for a plan too old to go on with, '' where it means the same."""
    workflow = trouble.workflow
    goes_on = name in GOES_ON or (name == "set_aside" and trouble.code in ABOUT_NUMBERS)
    stopped = workflow.state in (State.PAUSED, State.FAILED) and not trouble.reason
    if not (goes_on and stopped and decisions.is_old(workflow, clock.now())):
        return ""
    whom = "for the same rows alone" if workflow.is_for_some_rows else "from the query on"
    shows = "; it shows its plan before anything is sent" if workflow.dry_run else ""
    asks = " What was decided about those refused is asked anew." if trouble.code in ABOUT_NUMBERS else ""
    return f" Its plan is hours old by now, so a linked run compares anew, {whom}{shows}.{asks}"


def restart(
    trouble: Trouble, person: Person, clock: Clock, *, dry_run: bool = False, **changes: Any
) -> Workflow:
    """Start a linked run from the query on, with the settings as they are now and `changes` for it alone.

    `changes` are fields of `workflows.start.Changes`. The same press twice is the same run. Raises NotOffered
    when another run is at work on the list, CannotStart when the orchestration cannot run now.
    """
    workflow = trouble.workflow
    # After a run that came to nothing, a press is another.
    key = f"resolution:{workflow.pk}:{trouble.code}:{trouble.reason}:{workflow.children.count()}"
    _refuse_company(workflow)
    changes.setdefault("note", f"Started by {person.name} to mend run {workflow.number}.")
    run = start(
        workflow.orchestration,
        by=person.name,
        trigger="resolution",
        trigger_key=key,
        dry_run=dry_run,
        restricted=not person.may(SEES_PEOPLE),
        changes=Changes(of=workflow, **changes),
        clock=clock,
    )
    if run.trigger_key != key:
        raise NotOffered(f"Run {run.number} is at work on this list. See what it comes to first.")
    _give_up(workflow, run, person, clock)
    return run


def _give_up(workflow: Workflow, run: Workflow, person: Person, clock: Clock) -> None:
    """A run that goes to another list or account does not replace this one by itself."""
    workflow.refresh_from_db(fields=["state", "fence", "row_version"])
    if workflow.state == State.PAUSED:
        note = f"Replaced by run {run.number}."
        move(workflow, State.CANCELLED, now=clock.now(), actor=person.name, note=note)


def is_of_the_same_list(workflow: Workflow) -> bool:
    """Whether another run would feed what this one did: its settings may have been changed since."""
    template = workflow.orchestration.template
    # Its account was not known yet when it began.
    accounts = (account_of(template.destination), untested(template.destination))
    return workflow.account_id in accounts and workflow.list_key == template.list_name


def _refuse_company(workflow: Workflow) -> None:
    """A run that waits for somebody's decision is not swept away by a press on another one's page."""
    template = workflow.orchestration.template
    before = Q(account_id=workflow.account_id, list_key=workflow.list_key)
    now = Q(account_id=account_of(template.destination), list_key=template.list_name)
    waiting = Workflow.objects.filter(before | now, state=State.PAUSED).exclude(pk=workflow.pk).first()
    if waiting:
        raise NotOffered(f"Run {waiting.number} of this list waits for a decision. Decide about it first.")
