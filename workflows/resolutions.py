"""Ways out that a press of a button carries out: each starts a linked run that puts the list right."""

from collections.abc import Callable
from dataclasses import dataclass

from django.db.models import QuerySet

from workflows.clock import Clock
from workflows.models import Workflow
from workflows.moves import State
from workflows.start import Changes, account_of, start
from workflows.words import people

SFTP_TROUBLE = frozenset(
    {
        "host_key_unknown",
        "host_key_changed",
        "sftp_moved",
        "sftp_login_refused",
        "sftp_denied",
        "sftp_folder_missing",
        "sftp_no_space",
        "sftp_unavailable",
        "sftp_cut",
        "sftp_name_taken",
        "sftp_not_possible",
    }
)
CAME_TO_NOTHING = (State.CANCELLED, State.FAILED)
WAIT_MINUTES = 60
LONGEST_WAIT_MINUTES = 24 * 60


class NotOffered(Exception):
    """This resolution does not fit this workflow, or no more; nothing was changed."""


@dataclass(frozen=True)
class Resolution:
    """A way out: `label` is on the button, `effect` says in numbers what pressing it does."""

    name: str
    label: str
    effect: str


def missing_people(workflow: Workflow) -> int:
    """How many of those who were sent the last reading did not find."""
    return workflow.counts.get("missing", workflow.counts.get("unknown", 0))


def followers(workflow: Workflow) -> QuerySet[Workflow]:
    """Runs that go on where this one stopped, in their order; one that came to nothing is none."""
    return workflow.children.exclude(state__in=CAME_TO_NOTHING).order_by("number")


def offered(workflow: Workflow) -> list[Resolution]:
    """Return the ways out of what a workflow came to, the likeliest first; empty when there is none."""
    if followers(workflow).exists() or not _is_of_the_same_list(workflow):
        # Someone has pressed one already; its run tells the rest.
        return []
    if workflow.code == "sftp_unconfirmed" and workflow.is_final:
        missing = people(missing_people(workflow))
        left = " Whoever came and left again by themselves is put back." if workflow.error.get("came") else ""
        return [
            Resolution(
                "send_missing",
                "Send the missing by API",
                f"Compares again and sends whoever is still missing, {missing} by now, by the API.{left}",
            ),
            Resolution(
                "wait_longer",
                "Wait longer",
                f"Waits up to an hour more for {missing}, then compares. It sends nothing without asking.",
            ),
        ]
    if workflow.code in SFTP_TROUBLE and workflow.state == State.PAUSED and not workflow.feeds_a_file:
        adds = f"up to {people(workflow.plan['adds'])}" if workflow.plan else "whoever is missing"
        return [
            Resolution(
                "send_by_api",
                "Send by API",
                f"Gives this run up, compares again and sends {adds} by the API. Where a file "
                "was sent in part, it first waits, as long as the destination says, for whom it may bring.",
            )
        ]
    return []


def resolve(
    workflow: Workflow, name: str, *, by: str, minutes: int = WAIT_MINUTES, clock: Clock | None = None
) -> Workflow:
    """Carry a resolution out and return the run it started.

    `minutes` is for wait_longer, 1 to 1,440. Raises NotOffered, and CannotStart when the orchestration cannot
    run now.
    """
    if name not in {resolution.name for resolution in offered(workflow)}:
        raise NotOffered("This way out is not open any more. Look at what the workflow says now.")
    if not 1 <= minutes <= LONGEST_WAIT_MINUTES:
        raise NotOffered(f"Wait between 1 and {LONGEST_WAIT_MINUTES:,} minutes.")
    changes = _CHANGES[name](workflow, minutes)
    # The same press twice is the same run; after one that came to nothing, a press is another.
    key = f"resolution:{workflow.pk}:{name}:{workflow.children.count()}"
    _refuse_company(workflow)
    asks = name == "wait_longer"
    run = start(
        workflow.orchestration,
        by=by,
        trigger="resolution",
        trigger_key=key,
        dry_run=asks,
        changes=changes,
        clock=clock,
    )
    if run.trigger_key != key:
        raise NotOffered(f"Run {run.number} is at work on this list. See what it comes to first.")
    return run


def _is_of_the_same_list(workflow: Workflow) -> bool:
    """Whether another run would feed what this one did: its settings may have been changed since."""
    template = workflow.orchestration.template
    here = (account_of(template.destination), template.list_name)
    return here == (workflow.account_id, workflow.list_key)


def _refuse_company(workflow: Workflow) -> None:
    """A run that waits for somebody's decision is not swept away by a press on another one's page."""
    same = Workflow.objects.filter(account_id=workflow.account_id, list_key=workflow.list_key)
    waiting = same.filter(state=State.PAUSED).exclude(pk=workflow.pk).first()
    if waiting:
        raise NotOffered(f"Run {waiting.number} of this list waits for a decision. Decide about it first.")


def _send_missing(workflow: Workflow, minutes: int) -> Changes:
    missing = missing_people(workflow)
    note = f"Sends by the API whoever of {people(missing)} of run {workflow.number} is still missing."
    return Changes(of=workflow, path="api", note=note)


def _wait_longer(workflow: Workflow, minutes: int) -> Changes:
    counts = workflow.counts
    members = counts.get("on_list", 0) + missing_people(workflow)
    note = f"Waits up to {minutes:,} minutes more for people of run {workflow.number}, then compares."
    return Changes(of=workflow, path="api", wait_for={"members": members, "minutes": minutes}, note=note)


def _send_by_api(workflow: Workflow, minutes: int) -> Changes:
    return Changes(of=workflow, path="api", note=f"Sends by the API what run {workflow.number} could not.")


_CHANGES: dict[str, Callable[[Workflow, int], Changes]] = {
    "send_missing": _send_missing,
    "wait_longer": _wait_longer,
    "send_by_api": _send_by_api,
}
