"""Where notices are sent: the addresses of people, or a URL of apprise; the shape of either."""

import re
from urllib.parse import urlsplit

MAILTO = "mailto:"
LONGEST = 4096
MOST_RECIPIENTS = 50

_ADDRESS = re.compile(r"[^\s@<>()\[\],;:\"\\]{1,64}@(?!-)[^\s@<>()\[\],;:\"\\.]+(\.[^\s@<>()\[\],;:\"\\.]+)*")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]{1,30}")
# These show something on the screen of this machine, write to its log, or read its files.
_OF_THIS_MACHINE = frozenset({"dbus", "file", "glib", "gnome", "kde", "macosx", "qt", "syslog", "windows"})


def mail_to(text: str) -> str:
    """Return the secret that stands for these addresses, one a line or with commas between."""
    return MAILTO + ",".join(part for part in re.split(r"[\s,;]+", text) if part)


def is_mail(secret: str) -> bool:
    return secret.startswith(MAILTO) and not secret.startswith("mailto://")


def recipients(secret: str) -> list[str]:
    """Return the addresses that `mail_to` was given."""
    return secret.removeprefix(MAILTO).split(",") if is_mail(secret) else []


def problem(secret: str) -> str | None:
    """Return why notices cannot be sent there, or None; the sentence repeats nothing of it."""
    if is_mail(secret):
        return _mail_problem(recipients(secret))
    if re.search(r"[\s\x00-\x1f\x7f]", secret):
        return "There is white space in the URL, or a line break. Paste one URL alone."
    scheme, found, rest = secret.partition("://")
    if not found or not _SCHEME.fullmatch(scheme.lower()) or not rest:
        return 'This is no URL of apprise: such a URL begins like "slack://" or "json://".'
    if scheme.lower() in _OF_THIS_MACHINE:
        return "This would stay on the machine Rollcall runs on, and reach nobody."
    try:
        port = urlsplit(secret).port
    except ValueError:
        return "The host or the port of this URL cannot be read."
    return "Port 0 cannot be sent to." if port == 0 else None


def _mail_problem(addresses: list[str]) -> str | None:
    if addresses == [""]:
        return "No address was given."
    if len(addresses) > MOST_RECIPIENTS:
        return f"These are {len(addresses)} addresses; at most {MOST_RECIPIENTS} are told by one channel."
    wrong = [number for number, address in enumerate(addresses, 1) if not _ADDRESS.fullmatch(address)]
    if wrong:
        return f"The address at place {wrong[0]} is none that mail can be sent to."
    return None
