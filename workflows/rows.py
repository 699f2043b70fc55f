"""Rows of the Parquet files that pass between steps, read in slices and written whole."""

from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from audiences.files import whole

READ_ROWS = 50_000


def count(path: Path) -> int:
    return pq.read_metadata(path).num_rows


def stream(
    path: Path, columns: Sequence[str] | None = None, *, size: int = READ_ROWS
) -> Iterator[pa.RecordBatch]:
    """Yield the rows in order, at most `size` at a time."""
    with pq.ParquetFile(path) as file:
        yield from file.iter_batches(batch_size=size, columns=list(columns) if columns else None)


def values(path: Path, column: str) -> set[str]:
    """Return the different values of a column, NULL not among them."""
    return {value for batch in stream(path, (column,)) for value in batch.column(column).to_pylist() if value}


def highest(path: Path, column: str) -> str:
    """Return the greatest text of a column, '' when it has none."""
    most = (pc.max(batch.column(column)).as_py() for batch in stream(path, (column,)))
    return max((value for value in most if value), default="")


def part(path: Path, offset: int, limit: int) -> list[dict[str, Any]]:
    """Return rows `offset` to `offset + limit`, reading only the row groups they lie in."""
    rows: list[dict[str, Any]] = []
    with pq.ParquetFile(path) as file:
        start = 0
        for number in range(file.num_row_groups):
            size = file.metadata.row_group(number).num_rows
            if start + size > offset and start < offset + limit:
                group = file.read_row_group(number)
                first = max(offset - start, 0)
                rows += group.slice(first, min(offset + limit - start, size) - first).to_pylist()
            start += size
    return rows


def split(path: Path, test: Callable[[pa.RecordBatch], pa.Array], *, yes: Path, no: Path) -> tuple[int, int]:
    """Part a file by what `test` tells of each row; return the rows of `yes` and of `no`."""
    sizes = [0, 0]
    with whole(yes) as yes_path, whole(no) as no_path:
        schema = pq.read_schema(path)
        with pq.ParquetWriter(yes_path, schema) as passed, pq.ParquetWriter(no_path, schema) as failed:
            for batch in stream(path):
                mask = test(batch)
                for number, (writer, chosen) in enumerate(((passed, mask), (failed, pc.invert(mask)))):
                    kept = batch.filter(chosen)
                    if kept.num_rows:
                        writer.write_batch(kept)
                        sizes[number] += kept.num_rows
    return sizes[0], sizes[1]


def has_value(batch: pa.RecordBatch, column: str) -> pa.Array:
    """Tell of each row whether `column` has a value."""
    return pc.is_valid(batch.column(column))


def not_among(batch: pa.RecordBatch, column: str, unwanted: Collection[str]) -> pa.Array:
    """Tell of each row whether its `column` is none of `unwanted`."""
    return pc.invert(pc.is_in(batch.column(column), value_set=pa.array(sorted(unwanted), pa.string())))


def without(path: Path, keys: set[str]) -> None:
    """Rewrite a file without the rows of `keys`."""
    if not keys:
        return
    with whole(path) as target, pq.ParquetWriter(target, pq.read_schema(path)) as writer:
        for batch in stream(path):
            writer.write_batch(batch.filter(not_among(batch, "key", keys)))


def pick(path: Path, keys: set[str], *, into: Path) -> int:
    """Write the rows of `keys` alone; return how many."""
    kept = 0
    with whole(into) as target, pq.ParquetWriter(target, pq.read_schema(path)) as writer:
        for batch in stream(path):
            mine = batch.filter(pc.invert(not_among(batch, "key", keys)))
            writer.write_batch(mine)
            kept += mine.num_rows
    return kept


def write(path: Path, columns: dict[str, Sequence[Any]]) -> None:
    """Write columns of text as a file that appears only when it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    table = pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})
    with whole(path) as target:
        pq.write_table(table, target)


def join(paths: Sequence[Path], into: Path, *, columns: Sequence[str]) -> int:
    """Lay files end to end, the first row of each key alone; return the rows written.

    A row without a key stays: it is a member whose profile has no address.
    """
    seen: set[str] = set()
    kept = 0
    schema = pq.read_schema(paths[0])
    # Two writers of these files do not agree on what may be null.
    schema = pa.schema([schema.field(name).with_nullable(True) for name in columns])
    with whole(into) as target, pq.ParquetWriter(target, schema) as writer:
        for path in paths:
            for batch in stream(path, columns):
                keys = batch.column("key").to_pylist()
                fresh = [key is None or key not in seen for key in keys]
                if len(paths) > 1:
                    seen.update(key for key in keys if key is not None)
                rows = batch.select(columns).filter(pa.array(fresh, pa.bool_()))
                writer.write_batch(pa.RecordBatch.from_arrays(rows.columns, schema=schema))
                kept += rows.num_rows
    return kept
