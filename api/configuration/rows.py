"""Making one row of the database say what a file says, and telling what that changed."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from django.db import models

Row = TypeVar("Row", bound=models.Model)


@dataclass(frozen=True)
class Change:
    """What became of one object. `action` is created, updated or unchanged; `fields` are names."""

    kind: str
    name: str
    action: str
    fields: tuple[str, ...] = ()

    @property
    def is_change(self) -> bool:
        return self.action != "unchanged"

    def with_fields(self, *names: str) -> "Change":
        """The same object with more fields changed; one that was unchanged is updated now."""
        action = "updated" if self.action == "unchanged" else self.action
        return Change(self.kind, self.name, action, (*self.fields, *names))

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "fields": list(self.fields)}


def upsert(
    model: type[Row], kind: str, *, key: Mapping[str, Any], values: Mapping[str, Any]
) -> tuple[Row, Change]:
    """Create or update the row that `key` (with a `name`) finds, saving only what differs from `values`.

    Call it inside a transaction.
    """
    name = str(key["name"])
    row = model._default_manager.select_for_update().filter(**key).first()
    if row is None:
        return model._default_manager.create(**key, **values), Change(kind, name, "created")
    changed = tuple(field for field, value in values.items() if getattr(row, field) != value)
    if not changed:
        return row, Change(kind, name, "unchanged")
    for field in changed:
        setattr(row, field, values[field])
    row.save(update_fields=[*changed, "updated_at"])
    return row, Change(kind, name, "updated", changed)
