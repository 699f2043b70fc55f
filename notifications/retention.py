"""Deleting what is kept no longer."""

from datetime import datetime

from notifications.models import Message, Notification


def purge(before: datetime) -> None:
    """Delete the notices that were posted before, with their receipts and what was sent of them."""
    Notification.objects.filter(at__lt=before).delete()
    Message.objects.filter(made_at__lt=before).delete()
    # Nothing is left to be told by these.
    Message.objects.filter(deliveries=None).delete()
