"""Writing the activity log."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.utils import timezone

from accounts.models import Activity, User
from accounts.redaction import clean


def record(
    actor: User | AnonymousUser | None, action: str, obj: models.Model | None = None, **facts: object
) -> Activity:
    """Write that `actor` did `action` to `obj`; None is Rollcall itself.

    Call it inside the transaction of the change it tells of: both are kept or neither is. `facts` are counts,
    ids and names of changed fields, never values of rows, secrets or people; what looks so is blotted out.
    Raises TypeError for a fact that is no plain value.
    """
    return Activity.objects.create(
        actor=actor if isinstance(actor, User) else None,
        action=action,
        object_type=obj._meta.label_lower if obj else "",
        object_id=str(obj.pk) if obj else "",
        object_label=_label(obj),
        at=timezone.now(),
        data={name: _plain(value) for name, value in facts.items()},
    )


def _label(obj: models.Model | None) -> str:
    """Return the object's name, cleaned; people have ids only."""
    name = getattr(obj, "name", "")
    return clean(name)[:200] if isinstance(name, str) else ""


def _plain(value: object) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {clean(str(name)): _plain(inner) for name, inner in value.items()}
    if isinstance(value, Sequence | set | frozenset) and not isinstance(value, bytes | bytearray):
        return [_plain(inner) for inner in value]
    raise TypeError(f"a fact of the activity log cannot be a {type(value).__name__}")
