"""What must hold before this installation starts: usable keys, and every key that a stored secret needs."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, ProgrammingError

from credentials import vault
from credentials.keyring import MalformedKey, key_material
from credentials.models import Credential


def key_problems() -> list[str]:
    """Return every reason not to start, in sentences; an empty list lets it pass.

    A database without the table, or out of reach, has no say: nothing can be revealed from it.
    """
    problems = setting_problems()
    return problems or _missing_keys()


def setting_problems() -> list[str]:
    """Return what is wrong with the keys as written, without asking the database."""
    try:
        vault.keyring()
        key_material(settings.LOOKUP_KEY, name="LOOKUP_KEY")
    except MalformedKey as malformed:
        return [str(malformed)]
    given = [settings.SECRET_KEY, settings.LOOKUP_KEY, *settings.CREDENTIALS_KEYS]
    if len({text.rstrip("=") for text in given}) < len(given):
        return ["SECRET_KEY, LOOKUP_KEY and CREDENTIALS_KEYS must all differ; two of them are the same."]
    return []


def require_keys() -> None:
    """Refuse to start a server or a worker without its keys. Raises ImproperlyConfigured."""
    problems = key_problems()
    if problems:
        raise ImproperlyConfigured(" ".join(problems))


def check_keys(app_configs: Sequence[Any] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Django's system check: every management command stops at these."""
    return [Error(problem, id="credentials.E001") for problem in key_problems()]


def _missing_keys() -> list[str]:
    keyring = vault.keyring()
    filled = Credential.objects.filter(version__gte=1).order_by("key_id")
    try:
        in_use = list(filled.values_list("key_id", flat=True).distinct())
    except (OperationalError, ProgrammingError):
        return []
    return [
        f"Key {key_id} seals stored secrets but is not in CREDENTIALS_KEYS. Put it back; if it is lost, "
        "save those secrets again with a command run under --skip-checks."
        for key_id in in_use
        if key_id not in keyring
    ]
