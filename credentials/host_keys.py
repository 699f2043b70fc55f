"""The keys by which a server is known again: pinned by a person who compared them, checked before a login."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.utils import timezone

from accounts import activity
from accounts.models import User
from credentials.models import Credential

MOST = 3

_PIN = re.compile(r"(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)) (SHA256:[A-Za-z0-9+/]{43})")


@dataclass(frozen=True)
class Pin:
    """`type` as SSH says it (`ssh-ed25519`), `fingerprint` as ssh-keygen does (`SHA256:` and 43 more)."""

    type: str
    fingerprint: str

    def __str__(self) -> str:
        return f"{self.type} {self.fingerprint}"


def parse(text: str) -> Pin:
    """Return the pin written as `ssh-ed25519 SHA256:…`. Raises ValueError with a sentence."""
    found = _PIN.fullmatch(" ".join(text.split()))
    if found is None:
        raise ValueError("A host key is written as its type and fingerprint: ssh-ed25519 SHA256:…")
    return Pin(found[1], found[2])


def pinned(credential: Credential) -> tuple[Pin, ...]:
    """Return the keys this credential's server may present, oldest first; none when nobody accepted one."""
    return tuple(Pin(entry["type"], entry["fingerprint"]) for entry in entries(credential))


def entries(credential: Credential) -> list[dict[str, Any]]:
    """Return the pins with `accepted_by` and `accepted_at` (ISO, UTC)."""
    return list(credential.settings.get("host_keys", []))


def accept(
    credential: Credential,
    *,
    type: str,
    fingerprint: str,
    by: User | AnonymousUser | str,
    replace: bool = False,
) -> None:
    """Pin a key that a person compared; beside the others (the newest three stay), or instead of them.

    `by` is a person, or what they wrote it into. One that is pinned already changes nothing.
    """
    pin = Pin(type, fingerprint)
    with transaction.atomic():
        fresh = _locked(credential)
        before = entries(fresh)
        kept = [one for one in before if not replace or _pin(one) == pin]
        if pin not in map(_pin, kept):
            kept = [*kept, _entry(pin, by)][-MOST:]
        _keep(credential, fresh, kept, before=before, by=by)


def keep_only(credential: Credential, pins: Iterable[Pin], *, by: User | AnonymousUser | str) -> bool:
    """Pin exactly these; return whether that changed anything. Those that stay keep who accepted them."""
    with transaction.atomic():
        fresh = _locked(credential)
        before = entries(fresh)
        known = {_pin(one): one for one in before}
        kept = [known.get(pin) or _entry(pin, by) for pin in dict.fromkeys(pins)][:MOST]
        return _keep(credential, fresh, kept, before=before, by=by)


def _locked(credential: Credential) -> Credential:
    return Credential.objects.select_for_update().get(pk=credential.pk)


def _pin(entry: dict[str, Any]) -> Pin:
    return Pin(entry["type"], entry["fingerprint"])


def _entry(pin: Pin, by: User | AnonymousUser | str) -> dict[str, str]:
    accepted_by = by if isinstance(by, str) else by.get_username()
    at = timezone.now().isoformat(timespec="seconds")
    return {
        "type": pin.type,
        "fingerprint": pin.fingerprint,
        "accepted_by": accepted_by,
        "accepted_at": at,
    }


def forgotten(settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings without any pin: another host or port is another server."""
    return {key: value for key, value in settings.items() if key != "host_keys"}


def _keep(
    credential: Credential,
    fresh: Credential,
    kept: list[dict[str, Any]],
    *,
    before: list[dict[str, Any]],
    by: User | AnonymousUser | str,
) -> bool:
    if kept == before:
        return False
    fresh.settings = {**fresh.settings, "host_keys": kept}
    fresh.save(update_fields=["settings", "updated_at"])
    credential.settings = fresh.settings
    facts = {"way": by} if isinstance(by, str) else {}
    actor = None if isinstance(by, str) else by
    gone = [str(_pin(one)) for one in before if one not in kept]
    for entry in kept:
        if entry not in before:
            activity.record(
                actor, "accepted_host_key", credential, key=str(_pin(entry)), dropped=gone, **facts
            )
            gone = []
    if gone:
        activity.record(actor, "dropped_host_key", credential, keys=gone, **facts)
    return True
