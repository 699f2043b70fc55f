"""The visitor of the demo: one account that can be entered by one click, on this machine alone."""

import ipaddress

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest

from accounts.models import User

DEMO_USERNAME = "demo"


class DemoUnavailable(Exception):
    """There is no demo account to enter here; the message says why."""


def ensure_demo_user() -> User:
    """Return the demo user, made on first use: may do everything, has no password, enters by one click.

    Raises DemoUnavailable outside the demo, or when a person already took that user name.
    """
    if not settings.DEMO:
        raise DemoUnavailable("The demo account exists only when DEMO is set.")
    with transaction.atomic():
        user, made = User.objects.get_or_create(username=DEMO_USERNAME, defaults={"is_superuser": True})
        if made:
            user.set_unusable_password()
            user.save(update_fields=["password"])
    if user.has_usable_password() or not user.is_active:
        raise DemoUnavailable(
            f'The user name "{DEMO_USERNAME}" belongs to somebody who signs in with a password.'
        )
    return user


def offered_to(request: HttpRequest) -> bool:
    """Tell whether one-click sign-in is open to this request: in the demo, from this very machine."""
    return bool(settings.DEMO) and _is_direct(request) and _is_loopback(request.META.get("REMOTE_ADDR", ""))


def _is_direct(request: HttpRequest) -> bool:
    # Through a proxy everybody seems to come from this machine.
    forwarded = {
        "HTTP_FORWARDED",
        "HTTP_VIA",
        "HTTP_X_FORWARDED_FOR",
        "HTTP_X_FORWARDED_HOST",
        "HTTP_X_REAL_IP",
    }
    return forwarded.isdisjoint(request.META)


def _is_loopback(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None)
    return (mapped or parsed).is_loopback
