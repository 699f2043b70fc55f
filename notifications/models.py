"""Notices, who has read them, where they are sent, and the outbox they leave by."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q


class Kind(models.TextChoices):
    """What a notice is about."""

    TROUBLE = "trouble", "Needs a decision"
    APPROVAL = "approval", "Waits for approval"
    ISSUES = "issues", "Succeeded with issues"
    CIRCUIT = "circuit", "Credential refused"
    INACTIVE = "inactive", "Made inactive"
    RECOVERED = "recovered", "Working again"
    REQUEST = "request", "Asked for help"


class Notification(models.Model):
    """One change of state worth telling, written in the transaction that made it. It names no person.

    `about` is the orchestration, None for what concerns a whole account. `quiet` ones were posted while their
    orchestration was muted: listed, and neither counted nor sent.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=16, choices=Kind)
    code = models.CharField(max_length=64, blank=True)
    title = models.CharField(max_length=250)
    body = models.TextField(blank=True)
    path = models.CharField(max_length=300, blank=True)
    about = models.UUIDField(null=True, blank=True)
    workflow = models.UUIDField(null=True, blank=True)
    destination = models.UUIDField(null=True, blank=True)
    account_id = models.CharField(max_length=64, blank=True)
    quiet = models.BooleanField(default=False)
    key = models.CharField(max_length=200, unique=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ["-at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=Kind.values), name="notification_kind_is_known"),
            models.CheckConstraint(condition=~Q(key=""), name="notification_has_a_key"),
        ]
        indexes = [
            models.Index(fields=["-at", "-id"], name="notification_newest"),
            models.Index(fields=["about", "-at"], name="notification_about"),
            models.Index(fields=["workflow", "-at"], name="notification_of_a_workflow"),
            models.Index(fields=["destination", "-at"], name="notification_of_a_place"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.code} {self.pk}"


class Receipt(models.Model):
    """A person has read a notice."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="receipts")
    notification = models.ForeignKey(Notification, on_delete=models.CASCADE, related_name="receipts")
    read_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "notification"], name="one_receipt_a_person"),
        ]

    def __str__(self) -> str:
        return f"receipt {self.pk}"


class ChannelKind(models.TextChoices):
    EMAIL = "email", "E-mail"
    CHAT = "chat", "Chat or webhook"


class Mode(models.TextChoices):
    IMMEDIATE = "immediate", "At once"
    HOUR = "hour", "Digest, each hour"
    DAY = "day", "Digest, each morning"


class Channel(models.Model):
    """A place outside that notices are sent to. Its address is a secret, kept by `credential`.

    `wants` holds the kinds of notices it is sent.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100, unique=True)
    kind = models.CharField(max_length=16, choices=ChannelKind)
    credential = models.OneToOneField(
        "credentials.Credential", on_delete=models.PROTECT, related_name="channel"
    )
    enabled = models.BooleanField(default=True)
    wants = models.JSONField(default=list)
    mode = models.CharField(max_length=16, choices=Mode, default=Mode.IMMEDIATE)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="channel_has_a_name"),
            models.CheckConstraint(condition=Q(kind__in=ChannelKind.values), name="channel_kind_is_known"),
            models.CheckConstraint(condition=Q(mode__in=Mode.values), name="channel_mode_is_known"),
        ]

    def __str__(self) -> str:
        return self.name


class Telling(models.TextChoices):
    """How the notices of one orchestration are told."""

    IMMEDIATE = "immediate", "At once"
    DIGEST = "digest", "In a digest"
    MUTED = "muted", "Muted"


class Preference(models.Model):
    """How one orchestration's notices are told; without a row, at once. Muted without an end is for good."""

    about = models.UUIDField(primary_key=True)
    telling = models.CharField(max_length=16, choices=Telling, default=Telling.IMMEDIATE)
    muted_until = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(telling__in=Telling.values), name="telling_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.telling} {self.about}"


class Message(models.Model):
    """One thing that is sent: a notice, or several in a digest. Its id is the same each time it is sent.

    A dispatcher owns it until `claimed_until`; after `attempts` without success it waits until `next_at`.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="messages")
    made_at = models.DateTimeField()
    next_at = models.DateTimeField()
    claimed_by = models.UUIDField(null=True, blank=True)
    claimed_until = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=32, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    dropped_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["made_at", "id"]
        indexes = [
            models.Index(
                fields=["channel", "next_at"],
                condition=Q(sent_at__isnull=True, dropped_at__isnull=True),
                name="message_due",
            ),
            models.Index(fields=["channel", "-made_at"], name="message_newest"),
        ]

    def __str__(self) -> str:
        return f"message {self.pk}"


class Delivery(models.Model):
    """The outbox: this notice is owed to this channel, leaving with `message` from `available_at` on."""

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="deliveries")
    notification = models.ForeignKey(Notification, on_delete=models.CASCADE, related_name="deliveries")
    digest = models.BooleanField(default=False)
    available_at = models.DateTimeField()
    message = models.ForeignKey(
        Message, null=True, blank=True, on_delete=models.CASCADE, related_name="deliveries"
    )

    class Meta:
        ordering = ["available_at", "id"]
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(fields=["channel", "notification"], name="one_delivery_a_channel"),
        ]
        indexes = [
            models.Index(
                fields=["channel", "available_at"],
                condition=Q(message__isnull=True),
                name="delivery_waiting",
            ),
        ]

    def __str__(self) -> str:
        return f"delivery {self.pk}"
