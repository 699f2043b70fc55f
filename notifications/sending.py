"""Sending one letter by one channel, within a deadline that holds for the whole of it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.views.decorators.debug import sensitive_variables

from credentials import notice_places, vault
from notifications.faults import Fault
from notifications.letters import Letter
from notifications.models import Channel

DEADLINE = timedelta(seconds=20)
Send = Callable[[Channel, Letter], Fault]
# What the libraries of sending read of the environment; of ours, with its keys, they see nothing.
_PASSED_ON = ("PATH", "LANG", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")
# Each as an `EMAIL_` setting of Django.
_MAIL = (
    *("BACKEND", "HOST", "PORT", "HOST_USER", "HOST_PASSWORD", "USE_TLS", "USE_SSL", "TIMEOUT", "FILE_PATH"),
    *("SSL_CERTFILE", "SSL_KEYFILE"),
)


@sensitive_variables()
def send(channel: Channel, letter: Letter, *, deadline: timedelta = DEADLINE) -> Fault:
    """Send a letter; what is returned says why it was not taken, `Fault.NONE` that it was."""
    try:
        place = vault.reveal(channel.credential)
    except vault.VaultError:
        return Fault.SECRET
    job: dict[str, Any] = {"id": letter.id, "title": letter.title, "body": letter.body}
    if notice_places.is_mail(place):
        job |= {"action": "mail", "recipients": notice_places.recipients(place), "settings": _mail_settings()}
    else:
        job |= {"action": "chat", "url": place}
    return _run(job, deadline)


@sensitive_variables()
def check(place: str) -> Fault:
    """Say whether a URL is one of a service; nothing is sent."""
    return _run({"action": "check", "url": place}, DEADLINE)


def writes_to_files() -> bool:
    """Whether mail is only written to files, since no mail server was named."""
    return bool(settings.EMAIL_BACKEND.endswith("filebased.EmailBackend"))


def mail_folder() -> Path | None:
    """Where mail is written to, when it is."""
    place = getattr(settings, "EMAIL_FILE_PATH", None)
    return Path(place) if place and writes_to_files() else None


def _mail_settings() -> dict[str, Any]:
    told = {f"EMAIL_{name}": getattr(settings, f"EMAIL_{name}", None) for name in _MAIL}
    told = {
        name: str(value) if name == "EMAIL_FILE_PATH" and value else value for name, value in told.items()
    }
    return {
        **told,
        "DEFAULT_FROM_EMAIL": settings.DEFAULT_FROM_EMAIL,
        "DEFAULT_CHARSET": "utf-8",
        "EMAIL_USE_LOCALTIME": False,
    }


@sensitive_variables()
def _run(job: dict[str, Any], deadline: timedelta) -> Fault:
    seconds = deadline.total_seconds()
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "notifications.child"],
            input=json.dumps({**job, "seconds": seconds}).encode(),
            cwd=settings.BASE_DIR,
            env=environment,
            capture_output=True,
            timeout=seconds,
        )
        return Fault(json.loads(ended.stdout)["code"])
    except subprocess.TimeoutExpired:
        return Fault.TIMEOUT
    except ValueError:
        # It was ended by its own alarm, or by somebody else.
        return Fault.TIMEOUT if ended.returncode < 0 else Fault.FAILED
