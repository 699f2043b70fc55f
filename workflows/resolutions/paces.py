"""Ways out of a limit that others use up: wait, take the way of files, or leave others their share."""

from datetime import datetime

from credentials import host_keys
from destinations import keeping, paths
from destinations.accounts_check import rate_share
from destinations.models import Destination
from workflows.clock import Clock
from workflows.models import Workflow
from workflows.moves import State
from workflows.resolutions.going_on import restart, resume
from workflows.resolutions.offers import (
    Answers,
    Choice,
    Field,
    Kind,
    Person,
    Resolution,
    Resolved,
    Trouble,
    Way,
)
from workflows.resolutions.permissions import KEEPS_DESTINATIONS, STARTS
from workflows.words import counted, people

LEAST_SHARE, WHOLE_SHARE = 10, 100
WHEN, LATER, NOW = "when", "later", "now"
SHARE = "share"


def _destination(workflow: Workflow) -> Destination:
    return workflow.orchestration.template.destination


def _clock(moment: datetime | None) -> str:
    return f"at {moment:%H:%M} UTC" if moment else "when somebody lets it"


# -- waiting


def _offer_hold(trouble: Trouble) -> Resolution | None:
    workflow = trouble.workflow
    if workflow.state != State.PAUSED:
        return None
    until = _clock(workflow.wake_at)
    return Resolution(
        "hold",
        "Leave it on hold",
        f"Goes on by itself {until}, from the step that stopped, and sends nothing until then.",
        steps=("Wait for the limit to be free again", "Go on from the step that stopped"),
        fields=(
            Field(
                WHEN,
                Kind.CHOICE,
                "Go on",
                value=LATER,
                choices=(
                    Choice(LATER, f"By itself, {until}"),
                    Choice(NOW, "Now", "Klaviyo may refuse it again, and then it is on hold again."),
                ),
            ),
        ),
        numbers=(("Refused for speed so far", workflow.throttled),),
    )


def _hold(trouble: Trouble, answers: Answers, probed: object, person: Person, clock: Clock) -> Resolved:
    if answers.one(WHEN) == NOW:
        return Resolved(resume(trouble, person, clock), "It goes on now.")
    return Resolved(trouble.workflow, f"It goes on by itself {_clock(trouble.workflow.wake_at)}.")


# -- the way of files


def _offer_sftp(trouble: Trouble) -> Resolution | None:
    workflow = trouble.workflow
    if workflow.state != State.PAUSED or workflow.feeds_a_file or not _has_server(_destination(workflow)):
        return None
    adds = workflow.plan.get("adds") if workflow.plan else None
    who = f"up to {people(adds)}" if adds else "whoever is missing"
    return Resolution(
        "send_by_sftp",
        "Send by SFTP instead",
        f"Gives this run up, compares again and sends {who} in a file. That takes no call of the API for "
        "each of them; removals, changes and reading back still do.",
        steps=("Give this run up", "Compare again", "Upload new people as a file", "Read the list back"),
        numbers=(("To add", adds),) if adds else (),
        permission=STARTS,
    )


def _has_server(destination: Destination) -> bool:
    """Whether new people can go there in a file: a key with its user, a server that was accepted."""
    credential = destination.sftp_credential
    if credential is None or paths.shared_key_problem(destination):
        return False
    return bool(credential.settings.get("user") and host_keys.pinned(credential))


def _send_by_sftp(
    trouble: Trouble, answers: Answers, probed: object, person: Person, clock: Clock
) -> Resolved:
    note = f"Sends in a file what run {trouble.workflow.number} could not send fast enough."
    return Resolved(restart(trouble, person, clock, path="sftp", note=note), note)


# -- a share of the limits


def _offer_share(trouble: Trouble) -> Resolution | None:
    workflow = trouble.workflow
    destination = _destination(workflow)
    if workflow.state != State.PAUSED or workflow.feeds_a_file or not destination.account_id:
        return None
    share, others = rate_share(destination), keeping.of_account(destination).count() - 1
    also = f" and {counted(others, 'other destination')} of its account" if others else ""
    return Resolution(
        "change_share",
        "Change the share of the limits",
        f"Uses so many percent of Klaviyo’s limits for “{destination}”{also}, in every run from now on, and "
        f"goes on now. It is {share} percent today; what is left is for other apps. Half the share takes "
        "twice the time.",
        steps=("Keep the share", "Go on from the step that stopped, at that pace"),
        fields=(
            Field(
                SHARE,
                Kind.NUMBER,
                "Percent of Klaviyo’s limits",
                value=str(max(share // 2, LEAST_SHARE)),
                minimum=LEAST_SHARE,
                maximum=WHOLE_SHARE,
            ),
        ),
        numbers=(("Percent today", share), ("Refused for speed so far", workflow.throttled)),
        permission=KEEPS_DESTINATIONS,
    )


def _change_share(
    trouble: Trouble, answers: Answers, probed: object, person: Person, clock: Clock
) -> Resolved:
    destination = _destination(trouble.workflow)
    before = rate_share(destination)
    share = answers.number(SHARE, before)
    keeping.change_share(destination, share, by=person.user)
    note = f"“{destination}” uses {share} percent of Klaviyo's limits, not {before}."
    return Resolved(resume(trouble, person, clock), note, {"share": share, "before": before})


WAYS = (
    Way("hold", _offer_hold, _hold),
    Way("send_by_sftp", _offer_sftp, _send_by_sftp),
    Way("change_share", _offer_share, _change_share),
)
