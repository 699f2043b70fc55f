"""Changing queries that are in use, each time with a version to go back to and a line in the activity log."""

from collections.abc import Sequence

from django.contrib.auth.models import AnonymousUser
from django.db import transaction

from accounts import activity
from accounts.models import User
from audiences import queries
from audiences.models import Query, QueryVersion
from audiences.queries import Column


def change_text(
    query: Query, sql: str, *, seen: Sequence[Column], by: User | AnonymousUser | None, **facts: object
) -> None:
    """Let a query ask something else from now on, as a new version. `seen` are the columns it was found to
    give.
    """
    with transaction.atomic():
        query.sql = sql
        query.save(update_fields=["sql", "updated_at"])
        queries.activate(query, seen=list(seen))
        activity.record(by, "changed", query, fields=["sql"], version=query.version, **facts)


def change_time_limit(query: Query, seconds: int, *, by: User | AnonymousUser | None) -> None:
    before = query.timeout_seconds
    with transaction.atomic():
        query.timeout_seconds = seconds
        query.save(update_fields=["timeout_seconds", "updated_at"])
        activity.record(by, "changed", query, fields=["timeout_seconds"], before=before, seconds=seconds)


def earlier_versions(query: Query) -> list[QueryVersion]:
    """What the query was before, the newest first: one of each text that differs from the one of now."""
    seen = {query.sql.strip()}
    found = []
    for version in query.versions.order_by("-version"):
        if version.sql.strip() not in seen:
            seen.add(version.sql.strip())
            found.append(version)
    return found
