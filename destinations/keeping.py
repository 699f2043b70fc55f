"""Adding and changing destinations and data templates, each with its line in the activity log."""

from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.db.models import Count, QuerySet

from accounts import activity
from accounts.models import User
from credentials.models import Credential
from destinations.models import DataTemplate, Destination


def all_destinations() -> QuerySet[Destination]:
    """Every destination by name, with its credentials and templates."""
    return (
        Destination.objects.select_related("credential", "sftp_credential")
        .prefetch_related("templates__orchestrations")
        .annotate(template_count=Count("templates"))
        .order_by("name")
    )


def add_destination(destination: Destination, *, by: User | AnonymousUser) -> None:
    """Keep a new destination. What its credential was last found to open is what it feeds."""
    credential = destination.credential
    destination.account_id, destination.account_name = credential.account_id, credential.account_name
    with transaction.atomic():
        destination.save()
        activity.record(by, "added", destination, plugin=destination.plugin)


def change_files(
    destination: Destination,
    files: dict[str, Any],
    *,
    sftp_credential: Credential | None,
    by: User | AnonymousUser,
) -> bool:
    """Keep how files reach a destination; False when nothing of it is new."""
    settings = {name: value for name, value in destination.settings.items() if name != "sftp"}
    wanted = {"settings": settings | ({"sftp": files} if files else {}), "sftp_credential": sftp_credential}
    changed = [name for name, value in wanted.items() if getattr(destination, name) != value]
    if not changed:
        return False
    for name in changed:
        setattr(destination, name, wanted[name])
    with transaction.atomic():
        destination.save(update_fields=[*changed, "updated_at"])
        activity.record(by, "changed", destination, fields=changed)
    return True


def add_template(template: DataTemplate, mapping: list[dict[str, str]], *, by: User | AnonymousUser) -> None:
    template.mapping = mapping
    with transaction.atomic():
        template.save()
        activity.record(by, "added", template, list_name=template.list_name, fields=len(mapping))
