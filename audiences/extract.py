"""Rows of a query on their way to two files: the candidates, and the rows not loaded with their reasons."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from audiences import duplicates, sources
from audiences.candidates import NOT_LOADED, CandidateSpec, Cleaner
from audiences.columns import SAMPLED_ROWS, Column, describe
from audiences.errors import SumsDoNotClose
from audiences.files import whole
from audiences.keys import Keyer
from audiences.models import Source
from audiences.queries import refuse_unless_readable
from audiences.sandbox import Limits, Sandbox, no_pulse
from audiences.workbench import ROW_GROUP_ROWS, workbench

CANDIDATES = "candidates.parquet"
NOT_LOADED_FILE = "not_loaded.parquet"
DUPLICATES_MEMORY_MB = 256
_PARQUET = {"compression": "zstd", "compression_level": 1, "write_statistics": False, "use_dictionary": False}


@dataclass(frozen=True, slots=True)
class Extract:
    """A complete extract: `rows` = `candidates` + the sum of `not_loaded`, which counts rows by reason."""

    rows: int
    candidates: int
    not_loaded: dict[str, int]
    columns: list[Column]
    seconds: float


@dataclass(slots=True)
class _Count:
    rows: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    columns: list[Column] = field(default_factory=list)


def extract(
    source: Source,
    sql: str,
    spec: CandidateSpec,
    *,
    into: Path,
    keyer: Keyer,
    limits: Limits | None = None,
    pulse: Callable[[int], None] = no_pulse,
) -> Extract:
    """Run the query and write `candidates.parquet` and `not_loaded.parquet` into the folder `into`.

    `pulse(rows_so_far)` is called about every second; what it raises ends the query. Raises SourceError, and
    then neither file has changed.
    """
    refuse_unless_readable(source, sql)
    job = {**sources.job(source), "sql": sql}
    into.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with whole(into / CANDIDATES) as good, whole(into / NOT_LOADED_FILE) as bad:
        count = _written(job, spec, keyer, limits or Limits(), pulse, good=good, bad=bad)
    not_loaded = dict(sorted(count.reasons.items()))
    return Extract(
        rows=count.rows,
        candidates=count.rows - sum(not_loaded.values()),
        not_loaded=not_loaded,
        columns=count.columns,
        seconds=time.monotonic() - started,
    )


def _written(
    job: dict[str, Any],
    spec: CandidateSpec,
    keyer: Keyer,
    limits: Limits,
    pulse: Callable[[int], None],
    *,
    good: Path,
    bad: Path,
) -> _Count:
    first_pass = good.with_name(f"{good.name}.rows")
    try:
        with pq.ParquetWriter(bad, NOT_LOADED, **_PARQUET) as not_loaded:
            count = _first_pass(job, spec, keyer, limits, pulse, rows=first_pass, not_loaded=not_loaded)
            _settle_duplicates(first_pass, spec, count, not_loaded, into=good)
    finally:
        first_pass.unlink(missing_ok=True)
    if pq.read_metadata(good).num_rows + sum(count.reasons.values()) != count.rows:
        raise SumsDoNotClose(f"{count.rows} rows did not all become a candidate or a row not loaded")
    return count


def _first_pass(
    job: dict[str, Any],
    spec: CandidateSpec,
    keyer: Keyer,
    limits: Limits,
    pulse: Callable[[int], None],
    *,
    rows: Path,
    not_loaded: pq.ParquetWriter,
) -> _Count:
    """Clean every row as it comes; rows of one person may still be there twice."""
    count = _Count()
    writer: _Groups | None = None
    with Sandbox(job, limits, pulse, folder=rows.parent) as sandbox:
        for batch in sandbox.batches():
            if writer is None:
                cleaner, writer = _opened(batch.schema, spec, keyer, rows)
                count.columns = describe(batch.schema, [batch.slice(0, SAMPLED_ROWS)])
            candidates, refusals = cleaner.clean(batch, count.rows)
            writer.add(candidates)
            if refusals.row_no:
                not_loaded.write_batch(refusals.batch())
                count.reasons.update(refusals.reason)
            count.rows += batch.num_rows
        if writer is None:
            # A query without rows still has columns, and its files have them too.
            schema = sandbox.schema if sandbox.schema is not None else pa.schema([])
            _, writer = _opened(schema, spec, keyer, rows)
            count.columns = describe(schema, [])
        writer.close()
    return count


def _opened(schema: pa.Schema, spec: CandidateSpec, keyer: Keyer, rows: Path) -> tuple[Cleaner, "_Groups"]:
    cleaner = Cleaner(spec, schema, keyer)
    return cleaner, _Groups(pq.ParquetWriter(rows, cleaner.schema, **_PARQUET))


class _Groups:
    """Gathers batches into row groups of a useful size."""

    def __init__(self, writer: pq.ParquetWriter) -> None:
        self._writer = writer
        self._held: list[pa.RecordBatch] = []
        self._rows = 0

    def add(self, batch: pa.RecordBatch) -> None:
        self._held.append(batch)
        self._rows += batch.num_rows
        if self._rows >= ROW_GROUP_ROWS:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(pa.Table.from_batches(self._held))
        self._held, self._rows = [], 0


def _settle_duplicates(
    rows: Path, spec: CandidateSpec, count: _Count, not_loaded: pq.ParquetWriter, *, into: Path
) -> None:
    with workbench(rows.parent, memory_limit_mb=DUPLICATES_MEMORY_MB) as con:
        targets = [each.target for each in spec.fields]
        aside = duplicates.put_aside(
            con, rows, email_column=spec.email, targets=targets, rule=spec.duplicates
        )
        if not aside:
            rows.replace(into)
            return
        for batch in duplicates.refused(con):
            not_loaded.write_batch(batch)
            count.reasons.update(batch.column("reason").to_pylist())
        duplicates.write_rest(con, rows, into)
