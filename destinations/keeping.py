"""Adding and changing destinations and data templates, each with its line in the activity log."""

from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.db.models import Count, QuerySet

from accounts import activity
from accounts.models import User
from credentials.models import Credential
from destinations.models import MAX_NAME_CHARS, DataTemplate, Destination


class SharedKey(ValueError):
    """A key of SFTP would put people of one account into another; `message` is a sentence."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def all_destinations() -> QuerySet[Destination]:
    """Every destination by name, with its credentials and templates."""
    return (
        Destination.objects.select_related("credential", "sftp_credential")
        .prefetch_related("templates__orchestrations")
        .annotate(template_count=Count("templates"))
        .order_by("name")
    )


def add_destination(destination: Destination, *, by: User | AnonymousUser) -> None:
    """Keep a new destination. What its credential was last found to open is what it feeds.

    Raises SharedKey.
    """
    credential = destination.credential
    destination.account_id, destination.account_name = credential.account_id, credential.account_name
    with transaction.atomic():
        _refuse_shared_key(destination)
        destination.save()
        activity.record(by, "added", destination, plugin=destination.plugin)


def change_files(
    destination: Destination,
    files: dict[str, Any],
    *,
    sftp_credential: Credential | None,
    by: User | AnonymousUser,
) -> bool:
    """Keep how files reach a destination; False when nothing of it is new. Raises SharedKey."""
    settings = {name: value for name, value in destination.settings.items() if name != "sftp"}
    wanted = {"settings": settings | ({"sftp": files} if files else {}), "sftp_credential": sftp_credential}
    changed = [name for name, value in wanted.items() if getattr(destination, name) != value]
    if not changed:
        return False
    for name in changed:
        setattr(destination, name, wanted[name])
    with transaction.atomic():
        _refuse_shared_key(destination)
        destination.save(update_fields=[*changed, "updated_at"])
        activity.record(by, "changed", destination, fields=changed)
    return True


def shared_key_problem(destination: Destination) -> str:
    """Return in a sentence that the SFTP key is another account's too, '' when it is not.

    An account that nobody has tested yet is not known to be another.
    """
    credential, account = destination.sftp_credential, _account(destination)
    if credential is None or not account:
        return ""
    others = Destination.objects.filter(sftp_credential=credential).exclude(pk=destination.pk)
    for other in others.select_related("credential").order_by("name"):
        if _account(other) not in ("", account):
            return shared_key(credential.name, other.name)
    return ""


def shared_key(credential: str, destination: str) -> str:
    return (
        f"The SFTP credential “{credential}” is used by destination “{destination}”, which feeds another "
        "account. What is uploaded with a key goes into the account of that key: choose the key of this one."
    )


def _account(destination: Destination) -> str:
    return destination.account_id or destination.credential.account_id


def _refuse_shared_key(destination: Destination) -> None:
    if destination.sftp_credential_id is not None:
        # Locked, so that two changes at the same moment see each other.
        Credential.objects.select_for_update().get(pk=destination.sftp_credential_id)
    if problem := shared_key_problem(destination):
        raise SharedKey(problem)


def add_template(template: DataTemplate, mapping: list[dict[str, str]], *, by: User | AnonymousUser) -> None:
    template.mapping = mapping
    with transaction.atomic():
        template.save()
        activity.record(by, "added", template, list_name=template.list_name, fields=len(mapping))


def change_template(template: DataTemplate, *, by: User | AnonymousUser, **columns: Any) -> list[str]:
    """Keep other values in columns of a data template; return the names of those that changed."""
    return _change(template, columns, by)


def change_credential(
    destination: Destination, credential: Credential, *, by: User | AnonymousUser
) -> list[str]:
    """Open a destination with another credential from now on; the account it is pinned to stays."""
    return _change(destination, {"credential": credential}, by)


def repin(destination: Destination, *, account_id: str, name: str, by: User | AnonymousUser) -> list[str]:
    """Let a destination feed another account from now on.

    Its SFTP credential is taken off: what is uploaded with that goes into the account it had before.
    """
    pinned = {"account_id": account_id, "account_name": name[:MAX_NAME_CHARS], "sftp_credential": None}
    return _change(destination, pinned, by)


def of_account(destination: Destination) -> QuerySet[Destination]:
    """Return every destination that feeds the same account, this one among them."""
    if not destination.account_id:
        return Destination.objects.filter(pk=destination.pk)
    return Destination.objects.filter(plugin=destination.plugin, account_id=destination.account_id)


def change_share(destination: Destination, share: int, *, by: User | AnonymousUser | None) -> None:
    """Use so many percent of the vendor's limits, which it counts by account, for all that feed this one."""
    with transaction.atomic():
        for each in of_account(destination).exclude(rate_share=share).select_for_update():
            before, each.rate_share = each.rate_share, share
            each.save(update_fields=["rate_share", "updated_at"])
            activity.record(by, "changed", each, fields=["rate_share"], share=share, before=before)


def _change(obj: Destination | DataTemplate, columns: dict[str, Any], by: User | AnonymousUser) -> list[str]:
    changed = [name for name, value in columns.items() if getattr(obj, name) != value]
    for name in changed:
        setattr(obj, name, columns[name])
    if changed:
        with transaction.atomic():
            obj.save(update_fields=[*changed, "updated_at"])
            activity.record(by, "changed", obj, fields=changed)
    return changed
