"""Testing a credential: each kind's own probe is handed in by the room that can speak to what it opens."""

from collections.abc import Callable
from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser

from accounts import activity
from accounts.models import User
from credentials.models import Credential


@dataclass(frozen=True)
class Opened:
    """What the secret opens, as the other side told it; `missing` are scopes it needs and lacks."""

    account_id: str
    account_name: str
    scopes: tuple[str, ...]
    missing: tuple[str, ...] = ()


class ProbeFailed(Exception):
    """The secret did not open anything; the message says what happened and what to do."""


Probe = Callable[[Credential], Opened]

_probes: dict[str, Probe] = {}


def register(kind: str, probe: Probe) -> None:
    """Let credentials of `kind` be tested by `probe`.

    It keeps what it read on the credential, and raises ProbeFailed with a sentence.
    """
    _probes[kind] = probe


def can_test(kind: str) -> bool:
    return kind in _probes


def test(credential: Credential, *, by: User | AnonymousUser) -> Opened:
    """Ask what the secret opens. Raises ProbeFailed when it opens nothing, or its kind has no probe."""
    probe = _probes.get(credential.kind)
    if probe is None:
        raise ProbeFailed("A secret of this type is tested where it is used: test the source.")
    opened = probe(credential)
    activity.record(by, "tested", credential, account=opened.account_id, missing=list(opened.missing))
    return opened
