"""Who uses Rollcall, and what they did."""

from django.contrib.auth.models import AbstractUser
from django.db import models


class User(AbstractUser):
    """A person who signs in; policies and their options hang on this row.

    `__str__` is the user name, as Django's pages and logs expect it; choose one that is not an address.
    """


class Activity(models.Model):
    """One line of the activity log: written once, never changed.

    The object is named by type, id and the label it had then, so that the line outlives it. `data` holds
    counts, ids and names of changed fields, never their values, a secret or a person.
    """

    actor = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.SET_NULL, related_name="activities"
    )
    action = models.CharField(max_length=64)
    object_type = models.CharField(max_length=100, blank=True)
    object_id = models.CharField(max_length=64, blank=True)
    object_label = models.CharField(max_length=200, blank=True)
    at = models.DateTimeField()
    data = models.JSONField(default=dict, blank=True)

    class Meta:
        verbose_name_plural = "activities"
        constraints = [models.CheckConstraint(condition=~models.Q(action=""), name="activity_has_an_action")]
        indexes = [
            models.Index(fields=["-at"], name="activity_newest"),
            models.Index(fields=["object_type", "object_id", "-at"], name="activity_of_an_object"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.object_type} {self.object_id}".strip()


class SignInAttempt(models.Model):
    """One failed sign-in, kept for minutes: `subject` is a keyed hash, so no name or address rests here."""

    subject = models.CharField(max_length=64)
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["subject", "at"], name="attempt_by_subject")]

    def __str__(self) -> str:
        return f"sign-in attempt {self.pk}"
