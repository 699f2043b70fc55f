"""Adding a credential and replacing its secret, each with its line in the activity log."""

from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from accounts import activity
from accounts.models import User
from credentials import addresses, host_keys, ssh_keys, vault
from credentials.addresses import Address
from credentials.models import Credential, CredentialKind


def all_credentials() -> QuerySet[Credential]:
    """Every credential by name, with what uses it; where notices are sent is kept with their channels."""
    kept_here = Credential.objects.exclude(kind=CredentialKind.NOTIFICATION_URL)
    return kept_here.order_by("name").prefetch_related("destinations", "sftp_destinations", "sources")


@sensitive_variables("secret", "passphrase")
def add(
    credential: Credential, secret: str, *, by: User | AnonymousUser, passphrase: str | None = None
) -> None:
    """Insert a credential with its secret. Raises RefusedSecret."""
    with transaction.atomic():
        vault.save_secret(credential, secret, passphrase=passphrase)
        activity.record(by, "added", credential, kind=credential.kind, **_public(credential))


@sensitive_variables("secret", "passphrase")
def replace(
    credential: Credential, secret: str, *, by: User | AnonymousUser, passphrase: str | None = None
) -> bool:
    """Seal another secret; return False when it held this one already.

    Raises RefusedSecret for an impossible shape, StaleCredential when another replaced it first.
    """
    with transaction.atomic():
        changed = vault.save_secret(credential, secret, passphrase=passphrase)
        if changed:
            facts = {"version": credential.version, **_public(credential)}
            activity.record(by, "replaced_secret", credential, **facts)
    return changed


def readdress(credential: Credential, address: Address, *, by: User | AnonymousUser) -> tuple[str, ...]:
    """Use a key of SSH elsewhere, with its line in the activity log; return the names of what changed."""
    with transaction.atomic():
        changed = set_address(credential, address)
        if changed:
            activity.record(by, "changed", credential, fields=list(changed))
    return changed


def set_address(credential: Credential, address: Address) -> tuple[str, ...]:
    """Keep where a key of SSH is used; return the names of what changed.

    Another host or port drops the server's pinned keys; these, or another user, drop what a test found.
    """
    with transaction.atomic():
        fresh = Credential.objects.select_for_update().get(pk=credential.pk)
        wanted = address.as_settings()
        changed = tuple(key for key in addresses.KEYS if fresh.settings.get(key) != wanted[key])
        columns: dict[str, object] = {}
        if {"host", "port"} & set(changed):
            fresh.settings = host_keys.forgotten(fresh.settings)
        if changed:
            # Whether files may be renamed was found out at another place.
            fresh.settings = {key: value for key, value in fresh.settings.items() if key != "can_rename"}
        if {"host", "port", "user"} & set(changed):
            columns = {"account_id": "", "account_name": "", "scopes": [], "tested_at": None}
        columns |= {"settings": {**fresh.settings, **wanted}, "updated_at": timezone.now()}
        if changed:
            Credential.objects.filter(pk=credential.pk).update(**columns)
            for name, value in columns.items():
                setattr(credential, name, value)
    return changed


def _public(credential: Credential) -> dict[str, str]:
    return {"fingerprint": ssh_keys.fingerprint(credential.public_key)} if credential.public_key else {}
