"""What can be done with a query before it runs for real: check, look at, activate, judge its size."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace

import pyarrow as pa
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from audiences import gate, sources
from audiences.columns import SAMPLED_ROWS, Column, describe
from audiences.errors import ColumnGone, SourceCode, SourceError
from audiences.models import Query, QueryState, QueryVersion, Source
from audiences.sandbox import PREVIEW, Limits, Sandbox, no_pulse

__all__ = [
    "Column",
    "Preview",
    "activate",
    "check",
    "columns",
    "limits_of",
    "preview",
    "refuse_unless_readable",
    "size_objection",
    "values_of",
]

SAMPLE = Limits(rows=SAMPLED_ROWS, seconds=120, stop_after=SAMPLED_ROWS)
LOOK = Limits(rows=1_000, seconds=20, stop_after=1_000)


@dataclass(frozen=True, slots=True)
class Preview:
    """A few rows, each with one value per column, as the source gave them: people, never to be kept."""

    columns: list[Column]
    rows: list[tuple[object, ...]]


def check(source: Source, sql: str) -> list[str]:
    """Return what the gate has against this statement, as plain sentences; the source is not asked."""
    return gate.objections(sql, sources.dialect(source))


def refuse_unless_readable(source: Source, sql: str) -> None:
    """Raise SourceError `query_refused` with every objection of the gate."""
    found = check(source, sql)
    if found:
        raise SourceError(SourceCode.REFUSED, " ".join(found))


def preview(source: Source, sql: str, rows: int = 10) -> Preview:
    """Return the first rows, at most 50, within 10 seconds. Raises SourceError."""
    wanted = min(rows, PREVIEW.rows)
    schema, batches = _sampled(source, sql, replace(PREVIEW, rows=wanted, stop_after=wanted))
    found = [row for batch in batches for row in zip(*(c.to_pylist() for c in batch.columns), strict=True)]
    return Preview(describe(schema, batches), found)


def columns(source: Source, sql: str) -> list[Column]:
    """Return the columns with what they seem to mean, told from the first rows. Raises SourceError."""
    return describe(*_sampled(source, sql, SAMPLE))


def activate(query: Query, *, seen: list[Column] | None = None) -> None:
    """Check the query, remember its columns, and make it active under a new version, which is kept.

    `seen` are its columns when they were read a moment ago; then the source is not asked again.
    Whether it has a column for the address is the business of the templates it is used with. Raises
    SourceError, and then the query is as it was.
    """
    found = [asdict(column) for column in (seen if seen is not None else columns(query.source, query.sql))]
    now = timezone.now()
    with transaction.atomic():
        Query.objects.filter(pk=query.pk).update(
            state=QueryState.ACTIVE, columns=found, version=F("version") + 1, updated_at=now
        )
        query.refresh_from_db(fields=["state", "columns", "version", "updated_at"])
        QueryVersion.objects.create(
            query=query, version=query.version, sql=query.sql, columns=found, activated_at=now
        )


def limits_of(query: Query) -> Limits:
    """Return what a run of the query may use: its own time limit, where it has one."""
    usual = Limits()
    if not query.timeout_seconds:
        return usual
    own = float(query.timeout_seconds)
    return replace(usual, silent_seconds=own, seconds=max(usual.seconds, own))


def values_of(source: Source, sql: str, column: str) -> list[object]:
    """Return the first thousand values of a column: people, never to be kept. Raises SourceError."""
    schema, batches = _sampled(source, sql, LOOK)
    if column not in schema.names:
        raise ColumnGone(column, tuple(schema.names))
    return list(_values(batches, column))


def _values(batches: list[pa.RecordBatch], column: str) -> Iterator[object]:
    for batch in batches:
        yield from batch.column(column).to_pylist()


def size_objection(query: Query, rows: int) -> tuple[str, str] | None:
    """Judge the number of rows: ("stop" or "warn", a sentence), or None when it is as expected."""
    limits = (
        ("stop", query.stop_below, query.stop_above),
        ("warn", query.warn_below, query.warn_above),
    )
    for level, below, above in limits:
        if below is not None and rows < below:
            return level, f"The query gave {rows:,} rows; fewer than {below:,} are not expected."
        if above is not None and rows > above:
            return level, f"The query gave {rows:,} rows; more than {above:,} are not expected."
    return None


def _sampled(source: Source, sql: str, limits: Limits) -> tuple[pa.Schema, list[pa.RecordBatch]]:
    refuse_unless_readable(source, sql)
    with Sandbox({**sources.job(source), "sql": sql}, limits, no_pulse) as sandbox:
        batches = list(sandbox.batches())
        return sandbox.schema, batches
