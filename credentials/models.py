"""Secrets that open something elsewhere: stored sealed, shown never."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import models

_SEALED_COLUMNS = frozenset({"ciphertext", "key_id", "version", "hint"})
# Written in steps, each with the row locked (pins, address, public half): a whole row never writes it back.
_KEPT_APART = _SEALED_COLUMNS | {"settings"}


class CredentialKind(models.TextChoices):
    KLAVIYO_API_KEY = "klaviyo_api_key", "Klaviyo private API key"
    DATABASE_PASSWORD = "database_password", "Database password"
    KLAVIYO_SFTP = "klaviyo_sftp", "Klaviyo SFTP key"
    SFTP = "sftp", "SFTP key"
    NOTIFICATION_URL = "notification_url", "Where notices are sent"


class Credential(models.Model):
    """One sealed secret and what it opens.

    `ciphertext` and `key_id` are written by `credentials.vault` alone. `version` is 0 until a secret is saved
    and grows by one each time it is replaced. `hint` is a key's last four characters, and empty for
    every other kind. `account_id`, `account_name` and `scopes` are what the last test read. `settings`
    is never secret; of an SSH key it is where it is used (`host`, `port`, `user`, `folder`), its `public_key`
    and the server's `host_keys`.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100, unique=True)
    description = models.TextField(blank=True)
    kind = models.CharField(max_length=32, choices=CredentialKind)
    ciphertext = models.BinaryField(default=bytes, blank=True)
    key_id = models.CharField(max_length=16, blank=True, editable=False)
    hint = models.CharField(max_length=4, blank=True, editable=False)
    version = models.PositiveIntegerField(default=0, editable=False)
    settings = models.JSONField(default=dict, blank=True)
    account_id = models.CharField(max_length=64, blank=True)
    account_name = models.CharField(max_length=200, blank=True)
    scopes = models.JSONField(default=list, blank=True)
    tested_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~models.Q(name=""), name="credential_has_a_name"),
            models.CheckConstraint(
                condition=models.Q(kind__in=CredentialKind.values), name="credential_kind_is_known"
            ),
            # A version without its key's name, or the reverse, could never be opened again.
            models.CheckConstraint(
                condition=models.Q(version=0, key_id="") | models.Q(version__gte=1) & ~models.Q(key_id=""),
                name="credential_version_and_key_go_together",
            ),
        ]
        indexes = [models.Index(fields=["key_id"], name="credential_by_key")]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save every column but the sealed ones and `settings`, unless `update_fields` names some.

        A row that was read before a rotation or a replacement would otherwise write the old secret back.
        """
        if not self._state.adding and not args and kwargs.get("update_fields") is None:
            kwargs["update_fields"] = [
                field.name
                for field in self._meta.concrete_fields
                if not field.primary_key and field.name not in _KEPT_APART
            ]
        super().save(*args, **kwargs)

    @property
    def has_secret(self) -> bool:
        return self.version > 0

    @property
    def is_ssh_key(self) -> bool:
        return self.kind in (CredentialKind.KLAVIYO_SFTP, CredentialKind.SFTP)

    @property
    def is_klaviyo_sftp(self) -> bool:
        return self.kind == CredentialKind.KLAVIYO_SFTP

    @property
    def public_key(self) -> str:
        """The line that the server is given; empty until a key is stored, and for every other kind."""
        return str(self.settings.get("public_key", ""))

    def note_test(self, *, account_id: str, account_name: str, scopes: Sequence[str], at: datetime) -> bool:
        """Keep what a test found this secret to open; False when the secret was replaced during the test."""
        found = {
            "account_id": account_id,
            "account_name": account_name,
            "scopes": list(scopes),
            "tested_at": at,
        }
        if not Credential.objects.filter(pk=self.pk, version=self.version).update(updated_at=at, **found):
            return False
        for name, value in found.items():
            setattr(self, name, value)
        return True
