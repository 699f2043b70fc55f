"""What this room remembers: destinations, templates, the lists they feed, and the pace of each account."""

import uuid

from django.db import models

MAX_NAME_CHARS = 200


class Mode(models.TextChoices):
    """What a run may do to the list."""

    MIRROR = "mirror", "Make the list equal to the query"
    ADD_ONLY = "add_only", "Only add people"
    REMOVE_ONLY = "remove_only", "Only remove people"


class Duplicates(models.TextChoices):
    """What to do when two rows of a query speak of the same person."""

    MOST_COMPLETE = "most_complete", "Keep the most complete row"
    FIRST = "first", "Keep the first row"
    LAST = "last", "Keep the last row"
    REFUSE = "refuse", "Load none of them"


class Path(models.TextChoices):
    """How changes reach the list: the fastest way each time, or a fixed one."""

    AUTO = "auto", "Fastest (estimated each run)"
    API = "api", "API only"
    SFTP = "sftp", "SFTP for new people, the rest by API"


class Destination(models.Model):
    """An account at a vendor, opened by one credential.

    `account_id` is pinned by the first successful test; a credential that opens another account is
    refused from then on. `sftp_credential` opens the vendor's other door, where files go in; what goes
    through it is said in `settings["sftp"]`. `rate_share` is how many percent of the vendor's limits we use;
    the rest is left to other apps. `allows_restricted`: whether people from whom personal data is hidden may
    send here.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=MAX_NAME_CHARS, unique=True)
    description = models.TextField(blank=True, default="")
    plugin = models.CharField(max_length=40)
    credential = models.ForeignKey(
        "credentials.Credential", on_delete=models.PROTECT, related_name="destinations"
    )
    sftp_credential = models.ForeignKey(
        "credentials.Credential",
        on_delete=models.PROTECT,
        related_name="sftp_destinations",
        null=True,
        blank=True,
    )
    settings = models.JSONField(blank=True, default=dict)
    rate_share = models.PositiveSmallIntegerField(default=100)
    allows_restricted = models.BooleanField(default=True)
    account_id = models.CharField(max_length=64, blank=True, default="")
    account_name = models.CharField(max_length=MAX_NAME_CHARS, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return self.name


class DataTemplate(models.Model):
    """How the columns of a query become fields of a profile, and which list the people go on.

    `mapping` is a list of `{"column", "target", "type"}`; see `destinations.klaviyo.mapping`.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    destination = models.ForeignKey(Destination, on_delete=models.PROTECT, related_name="templates")
    name = models.CharField(max_length=MAX_NAME_CHARS)
    description = models.TextField(blank=True, default="")
    list_name = models.CharField(max_length=MAX_NAME_CHARS)
    full_profile = models.BooleanField(default=False)
    mode = models.CharField(max_length=16, choices=Mode.choices, default=Mode.MIRROR)
    path = models.CharField(max_length=8, choices=Path.choices, default=Path.AUTO)
    mapping = models.JSONField(blank=True, default=list)
    default_country = models.CharField(max_length=2, blank=True, default="")
    duplicates = models.CharField(max_length=16, choices=Duplicates.choices, default=Duplicates.MOST_COMPLETE)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["destination", "name"], name="template_name_once_per_destination"
            ),
            models.CheckConstraint(condition=models.Q(mode__in=Mode.values), name="template_mode_known"),
            models.CheckConstraint(condition=models.Q(path__in=Path.values), name="template_path_known"),
            models.CheckConstraint(
                condition=models.Q(duplicates__in=Duplicates.values), name="template_duplicates_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class AudienceList(models.Model):
    """One list of one account: its id is pinned, so that a renamed list is still the same list.

    `creating_until` is set while somebody may be creating it; until then nobody else creates one.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account_id = models.CharField(max_length=64)
    # Empty is NULL here, so that the database can hold every known id to be unique.
    list_id = models.CharField(max_length=64, null=True, blank=True)  # noqa: DJ001
    name = models.CharField(max_length=MAX_NAME_CHARS)
    created_by_us = models.BooleanField(default=False)
    creating_until = models.DateTimeField(null=True, blank=True)
    ledger_version = models.PositiveIntegerField(default=0)
    members = models.PositiveIntegerField(null=True, blank=True)
    read_at = models.DateTimeField(null=True, blank=True)
    verified_at = models.DateTimeField(null=True, blank=True)
    joined_high = models.CharField(max_length=40, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account_id", "name"], name="list_name_once_per_account"),
            models.UniqueConstraint(
                fields=["account_id", "list_id"],
                condition=models.Q(list_id__isnull=False),
                name="list_id_once_per_account",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.list_id or 'not created yet'})"


class Limit(models.Model):
    """The recent sends of one endpoint of one account, shared by every worker.

    `ring` is the packed state of `destinations.windows.Pace`.
    """

    account_id = models.CharField(max_length=64)
    endpoint = models.CharField(max_length=64)
    ring = models.BinaryField(default=b"")
    penalty_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account_id", "endpoint"], name="limit_once_per_endpoint"),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.endpoint}"
