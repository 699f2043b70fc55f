"""What a workflow came to, told: what happened, to what, what it means, and who can act."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from workflows.catalogue import Entry, entry
from workflows.models import Step, Workflow
from workflows.sent import Sent

# As the message of a refused host key has them; they are for comparing, letter by letter.
_KEY = r"[a-z0-9@.-]+ SHA256:[A-Za-z0-9+/]+"
_FINGERPRINTS = re.compile(rf": (?P<shown>{_KEY})(?:, not (?P<known>{_KEY}(?: or {_KEY})*))?(?=\.)")
_SENTENCE_END = re.compile(r"(?<=[.!?]) (?=[A-Z“])")
ABOUT_SFTP = frozenset({"sftp_moved", "host_key_unknown", "host_key_changed", "sftp_login_refused"})
ABOUT_THE_KEY = frozenset({"invalid_credentials", "permission_missing", "wrong_account", "secret_unreadable"})


@dataclass(frozen=True)
class ErrorCard:
    """`step` is where it stopped, None when it came to its end; `ids` are Klaviyo's, for its support."""

    workflow: Workflow
    entry: Entry
    step: Step | None
    sent: Sent
    ids: Sequence[str]

    @property
    def told(self) -> tuple[str, str]:
        """What happened: the sentence that says it, and the rest; fingerprints stand apart."""
        text = _FINGERPRINTS.sub("", self.workflow.message) or self.entry.meaning
        first, _, rest = _SENTENCE_END.sub("\n", text, count=1).partition("\n")
        return first, rest

    @property
    def fingerprints(self) -> list[tuple[str, str]]:
        """The host keys that a message names: the one shown now, then those accepted before."""
        found = _FINGERPRINTS.search(self.workflow.message)
        if not found:
            return []
        known = found["known"].split(" or ") if found["known"] else []
        return [("Shown now", found["shown"]), *(("Accepted", each) for each in known)]

    @property
    def says_more(self) -> bool:
        """Whether what it means is said beside what happened, and not instead of it."""
        return bool(self.workflow.message)

    @property
    def credential_id(self) -> UUID | None:
        """The credential it is about, None when it is about none."""
        destination = self.workflow.orchestration.template.destination
        if self.workflow.code in ABOUT_THE_KEY:
            return destination.credential_id
        if self.workflow.code in ABOUT_SFTP:
            return destination.credential_id if self.workflow.feeds_a_file else destination.sftp_credential_id
        return None

    @property
    def sent_before(self) -> str:
        """What of it has reached the list while it waits, in one true sentence."""
        return sent_before(self.workflow, self.sent)


def error_card(workflow: Workflow, *, steps: Sequence[Step], sent: Sent) -> ErrorCard | None:
    """Return the card of what `workflow` came to, None when there is nothing to tell."""
    if not workflow.code:
        return None
    stopped = None if workflow.is_final and workflow.finished_at and _all_done(steps) else _open(steps)
    ids = [str(each) for each in workflow.error.get("ids", ()) if each]
    return ErrorCard(workflow, entry(workflow.code), stopped, sent, ids)


def sent_before(workflow: Workflow, sent: Sent) -> str:
    if workflow.plan.get("round"):
        return "A part has been sent already; nothing more is sent until someone decides."
    return f"Sent so far: {sent.told}." if sent else "Nothing has been sent."


def _open(steps: Sequence[Step]) -> Step | None:
    return next((step for step in steps if not step.is_done), None)


def _all_done(steps: Sequence[Step]) -> bool:
    return all(step.is_done for step in steps)
