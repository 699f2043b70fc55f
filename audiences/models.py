"""What this room remembers: where rows come from, and the questions put to it."""

import uuid

from django.db import models

MAX_NAME_CHARS = 200


class SourceKind(models.TextChoices):
    FILES = "files", "CSV, Parquet or JSON files"
    DUCKDB = "duckdb", "DuckDB database"
    SQLITE = "sqlite", "SQLite database"
    POSTGRESQL = "postgresql", "PostgreSQL"
    SQLALCHEMY = "sqlalchemy", "Another database"


class QueryState(models.TextChoices):
    DRAFT = "draft", "Draft"
    ACTIVE = "active", "Active"


class Source(models.Model):
    """A place that rows can be read from.

    `settings` by kind: files `{"path": folder or file}` or `{"files": {table: path}}`; duckdb and sqlite
    `{"path"}`; postgresql `{"host", "port", "database", "user", "sslmode"}`; sqlalchemy `{"url"}` without
    its password, which only ever lives in the credential.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=MAX_NAME_CHARS, unique=True)
    description = models.TextField(blank=True, default="")
    kind = models.CharField(max_length=16, choices=SourceKind)
    settings = models.JSONField(blank=True, default=dict)
    credential = models.ForeignKey(
        "credentials.Credential", null=True, blank=True, on_delete=models.PROTECT, related_name="sources"
    )
    tested_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~models.Q(name=""), name="source_has_a_name"),
            models.CheckConstraint(
                condition=models.Q(kind__in=SourceKind.values), name="source_kind_is_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Query(models.Model):
    """One read-only SELECT against one source; its rows, made clean, are the candidates.

    `version` grows by one each time the query is activated. `columns` is what the last activation found:
    a list of `{"name", "type", "meaning", "pii"}` with meaning `email`, `phone`, `external_id` or null.
    The four thresholds are numbers of rows; outside of them a run warns, or stops before it sends.
    `timeout_seconds` is null for the usual limit.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=MAX_NAME_CHARS, unique=True)
    description = models.TextField(blank=True, default="")
    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="queries")
    sql = models.TextField()
    state = models.CharField(max_length=8, choices=QueryState, default=QueryState.DRAFT)
    version = models.PositiveIntegerField(default=0)
    columns = models.JSONField(blank=True, default=list)
    warn_below = models.PositiveBigIntegerField(null=True, blank=True)
    warn_above = models.PositiveBigIntegerField(null=True, blank=True)
    stop_below = models.PositiveBigIntegerField(null=True, blank=True)
    stop_above = models.PositiveBigIntegerField(null=True, blank=True)
    default_country = models.CharField(max_length=2, null=True, blank=True)  # noqa: DJ001 - null: none chosen
    timeout_seconds = models.PositiveIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "queries"
        permissions = [("view_people", "Can see personal data in previews")]
        constraints = [
            models.CheckConstraint(condition=~models.Q(name=""), name="query_has_a_name"),
            models.CheckConstraint(
                condition=models.Q(state__in=QueryState.values), name="query_state_is_known"
            ),
            models.CheckConstraint(
                condition=models.Q(stop_below__isnull=True)
                | models.Q(stop_above__isnull=True)
                | models.Q(stop_below__lte=models.F("stop_above")),
                name="query_stops_leave_room",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_active(self) -> bool:
        return self.state == QueryState.ACTIVE


class QueryVersion(models.Model):
    """A query as it was activated: what can be looked up, and put back."""

    query = models.ForeignKey(Query, on_delete=models.CASCADE, related_name="versions")
    version = models.PositiveIntegerField()
    sql = models.TextField()
    columns = models.JSONField(blank=True, default=list)
    activated_at = models.DateTimeField()

    class Meta:
        ordering = ["-version"]
        constraints = [models.UniqueConstraint(fields=["query", "version"], name="query_version_once")]

    def __str__(self) -> str:
        return f"{self.query_id} version {self.version}"
