"""What of a query's rows may be shown: people masked, unless the reader may see them."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import QuerySet

from accounts import masking, redaction
from audiences.models import Query, Source
from audiences.queries import Column, Preview

LONGEST_CELL = 80


@dataclass(frozen=True)
class Cell:
    text: str
    masked: bool


def all_queries() -> QuerySet[Query]:
    return Query.objects.select_related("source").prefetch_related("orchestrations").order_by("name")


def all_sources() -> QuerySet[Source]:
    return Source.objects.select_related("credential").prefetch_related("queries").order_by("name")


def cells(preview: Preview, *, may_see_people: bool) -> list[list[Cell]]:
    """Return the rows of a preview as text; people are masked, each always alike, in whatever column."""
    return [
        [_cell(column, value, may_see_people) for column, value in zip(preview.columns, row, strict=True)]
        for row in preview.rows
    ]


def _cell(column: Column, value: object, may_see_people: bool) -> Cell:
    if value is None:
        return Cell("", masked=False)
    text = str(value)
    if not may_see_people:
        hidden = _hidden(column, value, text)
        if hidden != text:
            return Cell(hidden, masked=True)
    return Cell(text if len(text) <= LONGEST_CELL else f"{text[:LONGEST_CELL]}…", masked=False)


def _hidden(column: Column, value: object, text: str) -> str:
    """Return what may be shown of a cell: of a personal column a mask, of another all that is no person."""
    if column.pii:
        hide = masking.phone if column.meaning == "phone" else masking.email
        return hide(text)
    if isinstance(value, float | Decimal) and math.isfinite(value) and value % 1:
        # An amount may have as many digits as a telephone number, which has no fraction.
        return text
    return redaction.clean(text, address=masking.email, phone=masking.phone)


def where(source: Source) -> str:
    """Say in a few words where a source reads: a path or a host, never a password."""
    given = source.settings
    if "host" in given:
        return f"{given.get('database', '')} at {given['host']}"
    if "files" in given:
        return ", ".join(sorted(given["files"]))
    return str(given.get("path") or str(given.get("url", "")).partition("?")[0])


def facts_of(sources: Iterable[Source]) -> list[tuple[Source, str]]:
    """Pair each source with where it reads."""
    return [(source, where(source)) for source in sources]
