"""How an address or a number is shown to those who may not see it: the same person, the same mask."""

import hashlib
import hmac

from django.conf import settings

_DOTS = "•••"


def email(text: str) -> str:
    """Return such as `a•••@e•••.org · 7F3A`; the same address, however it is spelled, gives the same mask.

    A local part or a label of one character is not given away. What is no address is hidden whole.
    """
    address = text.strip().lower()
    local, at, domain = address.rpartition("@")
    if not at:
        return f"{_DOTS} · {_token('email', address)}" if address else ""
    name, dot, ending = domain.rpartition(".")
    hidden = f"{_first(name)}{dot}{ending}" if dot else _first(domain)
    return f"{_first(local)}@{hidden} · {_token('email', address)}"


def phone(text: str) -> str:
    """Return such as `•••34 · 7F3A`; spaces and signs between the digits make no difference."""
    digits = "".join(character for character in text if character.isdigit())
    if not digits:
        return f"{_DOTS} · {_token('phone', text.strip())}" if text.strip() else ""
    shown = digits[-2:] if len(digits) > 6 else ""
    return f"{_DOTS}{shown} · {_token('phone', digits)}"


def _first(part: str) -> str:
    return f"{part[0]}{_DOTS}" if len(part) > 1 else _DOTS


def _token(purpose: str, text: str) -> str:
    """Four hex digits of a keyed hash: enough to tell rows of one page apart, too few to find a person by."""
    digest = hmac.digest(settings.LOOKUP_KEY.encode(), f"mask|{purpose}|{text}".encode(), hashlib.sha256)
    return digest[:2].hex().upper()
