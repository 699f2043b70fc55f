"""Which lists of an account are Rollcall's business: made by it, fed by it, or gone."""

import shutil

from django.db import transaction

from destinations import lists
from destinations.models import AudienceList
from workflows.files import ledger_path
from workflows.groups import Ours
from workflows.models import Orchestration


def ours(account_id: str) -> Ours:
    """Return which lists of an account were made here, and which orchestration feeds which."""
    known = AudienceList.objects.filter(account_id=account_id).exclude(list_id=None)
    ids = {row.name: str(row.list_id) for row in known}
    feeding = Orchestration.objects.filter(template__destination__account_id=account_id)
    fed = {
        ids.get(list_name, f"name:{list_name}"): name
        for list_name, name in feeding.order_by("-name").values_list("template__list_name", "name")
    }
    return Ours(frozenset(str(row.list_id) for row in known if row.created_by_us), fed)


def forget(account_id: str, list_id: str) -> int:
    """Drop what is kept of a list that is gone, who was on it too; return how many rows there were."""
    gone = lists.forget(account_id, list_id)
    for row in gone:
        folder = ledger_path(row.pk, 0).parent
        transaction.on_commit(lambda folder=folder: shutil.rmtree(folder, ignore_errors=True))  # type: ignore[misc]
    return len(gone)


def pinned(account_id: str, name: str) -> str:
    """Return the id of the list that a name stands for; '' when it stands for none."""
    row = AudienceList.objects.filter(account_id=account_id, name=name).first()
    return (row.list_id or "") if row else ""


def members_of(account_id: str, list_id: str) -> int:
    """Return how many were on a list when it was read last; 0 when it never was."""
    found = AudienceList.objects.filter(account_id=account_id, list_id=list_id)
    return found.values_list("members", flat=True).first() or 0
