"""One worker at a time finds out whether a secret is still taken: a revoked one costs one request, not many.

As long as it was taken a moment ago, nobody asks. Otherwise the first to send finds out, and the others wait
for what it meets.
"""

from datetime import datetime, timedelta

from django.db.models import Q

from workflows.circuits import Key
from workflows.models import Proof

LASTS = timedelta(seconds=60)
# Longer than any request may take.
AT_MOST = timedelta(seconds=35)
LOOK_AGAIN_AFTER = timedelta(milliseconds=500)


class Unproven(Exception):
    """Another worker is finding out whether this secret is taken: look again at `until`."""

    def __init__(self, until: datetime) -> None:
        super().__init__("the secret is being tried")
        self.until = until


def ask(key: Key, now: datetime) -> bool:
    """Return whether this worker is the one to find out; False when the secret was taken a moment ago.

    Raises Unproven while another worker is at it.
    """
    kept, _ = Proof.objects.get_or_create(credential_id=key.credential_id)
    if kept.version == key.version and kept.proved_at and now - kept.proved_at < LASTS:
        return False
    mine = Proof.objects.filter(pk=kept.pk, proved_at=kept.proved_at, version=kept.version)
    free = Q(proving_until=None) | Q(proving_until__lte=now) | Q(proving_until__gt=now + AT_MOST)
    if not mine.filter(free).update(proving_until=now + AT_MOST):
        raise Unproven(now + LOOK_AGAIN_AFTER)
    return True


def note(key: Key, now: datetime) -> None:
    """The secret was taken."""
    Proof.objects.filter(pk=key.credential_id).update(version=key.version, proved_at=now, proving_until=None)


def give_up(key: Key) -> None:
    """This worker did not find out; the next one may."""
    Proof.objects.filter(pk=key.credential_id).update(proving_until=None)
