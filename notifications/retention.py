"""Deleting what is kept no longer."""

from datetime import datetime
from pathlib import Path

from django.db import transaction

from notifications import sending
from notifications.models import Message, Notification


def purge(before: datetime) -> None:
    """Delete the notices that were posted before, with their receipts and what was sent of them."""
    with transaction.atomic():
        Notification.objects.filter(at__lt=before).delete()
        Message.objects.filter(made_at__lt=before).delete()
        # Nothing is left to be told by these.
        Message.objects.filter(deliveries=None).delete()
    if folder := sending.mail_folder():
        _drop_files(folder, before)


def _drop_files(folder: Path, before: datetime) -> None:
    """Mail that was written to files names who it was for."""
    for file in folder.glob("*.log"):
        if file.stat().st_mtime < before.timestamp():
            file.unlink(missing_ok=True)
