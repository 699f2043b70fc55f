"""What the commands do with workflows: find, start, approve, work to rest; and the exit code of the end."""

import getpass
import os
import socket
from collections.abc import Callable

from django.utils import timezone

from api.configuration.problems import did_you_mean
from api.console.commands import FAILED, OK, PAUSED, Failure
from api.console.progress import Watch
from workflows import circuits, decisions, engine
from workflows.models import Orchestration, Workflow
from workflows.moves import State
from workflows.start import CannotStart, start

LEAST_HASH_CHARS = 12
LEAST_ID_CHARS = 4
WORD, PROBE = "command line", "probe"


def orchestration(name: str) -> Orchestration:
    """Return the orchestration of that name. Raises Failure."""
    found = Orchestration.objects.select_related(
        "query", "query__source", "template", "template__destination"
    )
    if one := found.filter(name=name).first():
        return one
    known = list(Orchestration.objects.values_list("name", flat=True))
    raise Failure("not_found", f"There is no orchestration “{name}”.{did_you_mean(name, known)}")


def workflow(prefix: str) -> Workflow:
    """Return the workflow whose id begins with `prefix`, of at least four characters. Raises Failure."""
    wanted = prefix.strip().lower()
    if len(wanted) < LEAST_ID_CHARS:
        raise Failure("not_found", f"Give at least {LEAST_ID_CHARS} characters of the workflow's id.")
    found = [pk for pk in Workflow.objects.values_list("pk", flat=True) if str(pk).startswith(wanted)]
    if not found:
        raise Failure("not_found", f"There is no workflow whose id begins with {wanted}.")
    if len(found) > 1:
        raise Failure(
            "ambiguous", f"{len(found)} workflows have ids that begin with {wanted}; give more of it."
        )
    return Workflow.objects.select_related("orchestration").get(pk=found[0])


def begin(name: str, *, dry_run: bool = False, trigger: str = WORD) -> Workflow:
    """Start the orchestration `name`, or return the workflow that runs for its list. Raises Failure."""
    try:
        return start(orchestration(name), by=operator(), trigger=trigger, dry_run=dry_run)
    except CannotStart as error:
        raise Failure(error.code, error.message) from error


def to_rest(
    found: Workflow, *, tell: Callable[[str], None], planned: Callable[[Workflow], None] | None = None
) -> Workflow:
    """Work on a workflow in this process until it is over or paused, telling how it gets on.

    `planned` is called once, from another thread, when the plan is there.
    """
    if found.is_final or found.needs_decision:
        return found
    if found.lease_until and found.lease_until > timezone.now():
        tell(f"  A worker has it until {found.lease_until:%H:%M:%S} UTC at most; waiting for it.")
    with Watch(found.pk, tell, planned=planned):
        return engine.run_to_rest(found.pk, worker=f"{socket.gethostname()}:{os.getpid()}:command")


def approve(found: Workflow, given_hash: str) -> None:
    """Approve exactly the plan shown; its hash may be shortened to twelve characters. Raises Failure."""
    wanted = given_hash.strip().lower()
    if len(wanted) < LEAST_HASH_CHARS:
        raise Failure("hash", f"Give at least {LEAST_HASH_CHARS} characters of the plan's hash.")
    if not found.plan_hash.startswith(wanted):
        raise Failure("stale", "That is not the plan this workflow waits with. Look at it first: workflow ID")
    try:
        decisions.approve(found, plan_hash=found.plan_hash, by=None, as_name=operator())
    except decisions.Stale as stale:
        raise Failure("stale", str(stale)) from stale
    found.refresh_from_db()


def exit_code(found: Workflow) -> int:
    """0: the list was read back and equals the query, less rows named one by one; 3: paused, else 1.

    It is 3 as well when another workflow waits for the decision, about a credential that both go by.

    A workflow that succeeded with issues is 0 only when it was verified and nobody is left unconfirmed.
    """
    if found.state == State.PAUSED or found.reason == circuits.REASON:
        return PAUSED
    if found.state == State.SUCCEEDED and found.is_verified:
        return OK
    if found.state == State.SUCCEEDED_WITH_ISSUES and found.is_verified and not found.counts.get("unknown"):
        return OK
    return FAILED


def operator() -> str:
    """Who is at this terminal, as the machine knows them."""
    return f"{getpass.getuser()}, on the command line"
