"""How often a login may be refused: twice in 15 minutes, since servers lock out those who hammer."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import transaction

from credentials import host_keys
from credentials.models import Credential
from destinations.clock import Clock
from destinations.errors import NeedsDecision
from destinations.models import Limit
from destinations.sftp.address import Address

ENDPOINT = "sftp.login"
MOST_REFUSED = 2
WINDOW = timedelta(minutes=15)


@dataclass(frozen=True)
class Refusal:
    """`with_what` tells one state of a credential from the next: its key and its pins."""

    at: datetime
    credential: str
    with_what: str


class Logins:
    """The refused logins of one user at one host, shared by every worker."""

    def __init__(self, address: Address, credential: Credential, clock: Clock) -> None:
        self._address = address
        self._clock = clock
        self._credential = str(credential.pk)
        self._with_what = _state(credential)

    def check(self) -> None:
        """Raises NeedsDecision(sftp_login_refused), with how long to wait, when no login may be tried now."""
        row = Limit.objects.filter(account_id=self._address.account_id, endpoint=ENDPOINT).first()
        recent = self._that_count(_unpack(bytes(row.ring))) if row else []
        if len(recent) < MOST_REFUSED:
            return
        again = recent[-MOST_REFUSED].at + WINDOW
        raise NeedsDecision(
            "sftp_login_refused",
            f"The SFTP server {self._address} refused {MOST_REFUSED} logins within "
            f"{int(WINDOW.total_seconds() // 60)} minutes, so Rollcall does not try another before "
            f"{again:%H:%M} UTC. Give the server the public key shown on the page of the credential, or "
            "replace the key; a replaced key may be tried at once.",
            after=again - self._clock.now(),
        )

    def note_refused(self) -> None:
        entry = Refusal(self._clock.now(), self._credential, self._with_what)
        self._change(lambda entries: [*self._that_count(entries), entry][-MOST_REFUSED:])

    def note_success(self) -> None:
        """Forget what was refused. Costs no lock when nothing was."""
        known = Limit.objects.filter(account_id=self._address.account_id, endpoint=ENDPOINT)
        if known.exclude(ring=b"").exists():
            self._change(lambda _: [])

    def _that_count(self, entries: list[Refusal]) -> list[Refusal]:
        """Return the recent ones, less those of what this credential was before it was changed."""
        since = self._clock.now() - WINDOW
        return [
            entry
            for entry in entries
            if entry.at > since
            and (entry.credential != self._credential or entry.with_what == self._with_what)
        ]

    def _change(self, change: Callable[[list[Refusal]], list[Refusal]]) -> None:
        account_id = self._address.account_id
        Limit.objects.get_or_create(account_id=account_id, endpoint=ENDPOINT)
        with transaction.atomic(durable=True):
            row = Limit.objects.select_for_update().get(account_id=account_id, endpoint=ENDPOINT)
            row.ring = _pack(change(_unpack(bytes(row.ring))))
            row.save(update_fields=["ring"])


def _state(credential: Credential) -> str:
    parts = [str(credential.version), *map(str, host_keys.pinned(credential))]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _pack(entries: list[Refusal]) -> bytes:
    rows = [[entry.at.timestamp(), entry.credential, entry.with_what] for entry in entries]
    return json.dumps(rows).encode() if rows else b""


def _unpack(data: bytes) -> list[Refusal]:
    rows = json.loads(data) if data else []
    return [Refusal(datetime.fromtimestamp(at, UTC), who, what) for at, who, what in rows]
