"""Testing a credential: each kind's own probe is handed in by the room that can speak to what it opens."""

from collections.abc import Callable
from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser

from accounts import activity
from accounts.models import User
from credentials.host_keys import Pin
from credentials.models import Credential


@dataclass(frozen=True)
class Opened:
    """What the secret opens, as the other side told it; `missing` are scopes it needs and lacks.

    `detail` is a sentence on what else was found.
    """

    account_id: str
    account_name: str
    scopes: tuple[str, ...]
    missing: tuple[str, ...] = ()
    detail: str = ""


class ProbeFailed(Exception):
    """The secret did not open anything; the message says what happened and what to do."""


class HostKeyUnknown(ProbeFailed):
    """Nobody accepted a key of this server yet; the one it presents is to be compared by a person.

    Nothing was sent to the server that could log in.
    """

    def __init__(self, message: str, *, type: str, fingerprint: str) -> None:
        super().__init__(message)
        self.type, self.fingerprint = type, fingerprint


class HostKeyChanged(ProbeFailed):
    """The server presents another key than those accepted: it was given a new one, or is another server."""

    def __init__(self, message: str, *, type: str, fingerprint: str, pinned: tuple[Pin, ...]) -> None:
        super().__init__(message)
        self.type, self.fingerprint, self.pinned = type, fingerprint, pinned


class NoHostKey(ProbeFailed):
    """The server did not present a key; the message says what happened and what to do."""


Probe = Callable[..., Opened]
HostKeyReader = Callable[[Credential], tuple[str, str]]

_probes: dict[str, Probe] = {}
_readers: dict[str, HostKeyReader] = {}


def register(kind: str, probe: Probe) -> None:
    """Let credentials of `kind` be tested by `probe`.

    It takes the credential, keeps what it read on it, and raises ProbeFailed with a sentence. That of a kind
    that has a server also takes `folder`, to look at another one than the credential's own.
    """
    _probes[kind] = probe


def register_host_key_reader(kind: str, reader: HostKeyReader) -> None:
    """Let `reader` ask the server of such a credential for its key, without logging in.

    It returns type and fingerprint, and raises NoHostKey with a sentence.
    """
    _readers[kind] = reader


def can_test(kind: str) -> bool:
    return kind in _probes


def test(credential: Credential, *, by: User | AnonymousUser, **where: str) -> Opened:
    """Ask what the secret opens. Raises ProbeFailed when it opens nothing, or its kind has no probe.

    Where its kind has a server, `folder` is another one to look at than the credential's own.
    """
    probe = _probes.get(credential.kind)
    if probe is None:
        raise ProbeFailed("A secret of this type is tested where it is used: test the source.")
    opened = probe(credential, **where)
    activity.record(by, "tested", credential, account=opened.account_id, missing=list(opened.missing))
    return opened


def host_key(credential: Credential) -> Pin:
    """Return the key that the credential's server presents now. Raises NoHostKey."""
    reader = _readers.get(credential.kind)
    if reader is None:
        raise NoHostKey("A credential of this type has no server whose key could be read.")
    return Pin(*reader(credential))
