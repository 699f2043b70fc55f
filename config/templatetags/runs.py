"""What the last runs found, for pages of rooms that know nothing of runs."""

from collections.abc import Iterable
from uuid import UUID

from django import template
from django.db.models import Max

from audiences.models import Query
from workflows.models import Workflow

register = template.Library()


@register.simple_tag
def last_rows(queries: Iterable[Query]) -> dict[UUID, int]:
    """Return how many rows each query gave when it was last run; a query that never ran is missing."""
    newest = Workflow.objects.filter(
        orchestration__query__in=[query.pk for query in queries], counts__has_key="rows"
    )
    latest = newest.order_by().values("orchestration__query").annotate(at=Max("created_at"))
    moments = {row["at"] for row in latest}
    found = newest.filter(created_at__in=moments).values_list("orchestration__query", "counts")
    return {query: counts["rows"] for query, counts in found}


@register.filter
def of(found: dict[UUID, int], key: UUID) -> int | None:
    return found.get(key)
