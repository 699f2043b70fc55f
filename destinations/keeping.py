"""Adding destinations and data templates, each with its line in the activity log."""

from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.db.models import Count, QuerySet

from accounts import activity
from accounts.models import User
from destinations.models import DataTemplate, Destination


def all_destinations() -> QuerySet[Destination]:
    """Every destination by name, with its credential and templates."""
    return (
        Destination.objects.select_related("credential")
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


def add_template(template: DataTemplate, mapping: list[dict[str, str]], *, by: User | AnonymousUser) -> None:
    template.mapping = mapping
    with transaction.atomic():
        template.save()
        activity.record(by, "added", template, list_name=template.list_name, fields=len(mapping))
