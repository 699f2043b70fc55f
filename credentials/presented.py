"""The key that a server presented to a test, kept in the session until the person has compared it.

It never travels in an address: a link that somebody else wrote could show a fingerprint of their own.
"""

from django.http import HttpRequest

from credentials import addresses
from credentials.host_keys import Pin
from credentials.models import Credential

_NAME = "presented_host_keys"


def hold(request: HttpRequest, credential: Credential, pin: Pin) -> None:
    """Remember what the credential's server presented, to be shown on its page."""
    kept = {**request.session.get(_NAME, {}), str(credential.pk): [_place(credential), *_said(pin)]}
    request.session[_NAME] = kept


def by_server(request: HttpRequest, credential: Credential) -> Pin | None:
    """Return what waits to be compared; None when nothing does, or the credential moved since."""
    place, *said = request.session.get(_NAME, {}).get(str(credential.pk), ["", "", ""])
    return Pin(*said) if place and place == _place(credential) else None


def forget(request: HttpRequest, credential: Credential) -> None:
    kept = dict(request.session.get(_NAME, {}))
    if kept.pop(str(credential.pk), None):
        request.session[_NAME] = kept


def _place(credential: Credential) -> str:
    return str(addresses.read(credential.kind, credential.settings))


def _said(pin: Pin) -> tuple[str, str]:
    return pin.type, pin.fingerprint
