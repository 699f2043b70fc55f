"""Seal every secret again with the newest key: row by row, so that it can be killed and started again."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from uuid import UUID

from credentials import vault
from credentials.models import Credential


@dataclass(frozen=True)
class Rotation:
    """What one run did: counts of rows, and the names of credentials that no key opens."""

    rotated: int = 0
    current: int = 0
    changed_meanwhile: int = 0
    unreadable: tuple[str, ...] = ()


def rotate(*, told: Callable[[str], None] = lambda name: None) -> Rotation:
    """Seal each secret that is not under the newest key with that key; its version stays.

    Each row is its own short transaction, and a row that was changed since it was read is left to the one who
    changed it, so two runs at once, or a run that was killed, do no harm. `told` is given the name of each
    credential once it is done. Raises MalformedKey.
    """
    newest = vault.keyring().newest.id
    filled = Credential.objects.filter(version__gte=1)
    done = Rotation(current=filled.filter(key_id=newest).count())
    for pk in filled.exclude(key_id=newest).order_by("pk").values_list("pk", flat=True):
        done = _rotate_one(pk, done, newest=newest, told=told)
    return done


def _rotate_one(pk: UUID, done: Rotation, *, newest: str, told: Callable[[str], None]) -> Rotation:
    credential = Credential.objects.filter(pk=pk).exclude(key_id=newest).first()
    if credential is None:
        return replace(done, changed_meanwhile=done.changed_meanwhile + 1)
    try:
        written = _reseal(credential)
    except vault.VaultError:
        return replace(done, unreadable=(*done.unreadable, credential.name))
    if not written:
        return replace(done, changed_meanwhile=done.changed_meanwhile + 1)
    told(credential.name)
    return replace(done, rotated=done.rotated + 1)


def _reseal(credential: Credential) -> bool:
    """Return False when the row was replaced, rotated or deleted by somebody else since it was read."""
    newest = vault.keyring().newest
    sealed = vault.seal_for(credential, vault.reveal(credential), version=credential.version, key=newest)
    as_read = Credential.objects.filter(
        pk=credential.pk, version=credential.version, key_id=credential.key_id
    )
    return bool(as_read.update(ciphertext=sealed, key_id=newest.id))
