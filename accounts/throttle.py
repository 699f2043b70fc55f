"""How often somebody may try to sign in, counted in the database so that every web process knows.

Tries count against the account *as seen from one network*, and against that network as a whole. A stranger
elsewhere can therefore not lock anybody out; what stops a guess spread over many networks is the password.
"""

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.crypto import salted_hmac

from accounts.models import SignInAttempt

WINDOW = timedelta(minutes=1)
PER_ACCOUNT = 5
PER_NETWORK = 20


@dataclass(frozen=True)
class Ticket:
    """Leave to try once; hand it to `forgive` when the try succeeded."""

    account: int
    network: int


def admit(username: str, address: str, *, now: datetime) -> Ticket | None:
    """Count one try and return its ticket, or None when there were too many in the last minute.

    A try that is turned away is not counted, so waiting a minute always helps.
    """
    SignInAttempt.objects.filter(at__lte=now - WINDOW).delete()
    network = network_of(address)
    by_account = _subject("account", f"{username.strip().lower()}|{network}")
    by_network = _subject("network", network)
    # Written first and counted after: two tries at once may both be turned away, never both slip through.
    ticket = Ticket(account=_book(by_account, now=now), network=_book(by_network, now=now))
    if _tries(by_account) <= PER_ACCOUNT and _tries(by_network) <= PER_NETWORK:
        return ticket
    forgive(ticket)
    return None


def forgive(ticket: Ticket) -> None:
    """Take back one try."""
    SignInAttempt.objects.filter(pk__in=(ticket.account, ticket.network)).delete()


def network_of(address: str) -> str:
    """Return what one subscriber owns: an IPv4 address, or the first 64 bits of an IPv6 one."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def _book(subject: str, *, now: datetime) -> int:
    return SignInAttempt.objects.create(subject=subject, at=now).pk


def _tries(subject: str) -> int:
    return SignInAttempt.objects.filter(subject=subject).count()


def _subject(kind: str, text: str) -> str:
    return salted_hmac(f"accounts.throttle.{kind}", text, algorithm="sha256").hexdigest()
