"""Adding a credential and replacing its secret, each with its line in the activity log."""

from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.db.models import QuerySet
from django.views.decorators.debug import sensitive_variables

from accounts import activity
from accounts.models import User
from credentials import vault
from credentials.models import Credential


def all_credentials() -> QuerySet[Credential]:
    """Every credential by name, with what uses it."""
    return Credential.objects.order_by("name").prefetch_related("destinations", "sources")


@sensitive_variables("secret")
def add(credential: Credential, secret: str, *, by: User | AnonymousUser) -> None:
    """Insert a credential with its secret. Raises RefusedSecret."""
    with transaction.atomic():
        vault.save_secret(credential, secret)
        activity.record(by, "added", credential, kind=credential.kind)


@sensitive_variables("secret")
def replace(credential: Credential, secret: str, *, by: User | AnonymousUser) -> bool:
    """Seal another secret; return False when it held this one already.

    Raises RefusedSecret for an impossible shape, StaleCredential when another replaced it first.
    """
    with transaction.atomic():
        changed = vault.save_secret(credential, secret)
        if changed:
            activity.record(by, "replaced_secret", credential, version=credential.version)
    return changed
