"""Rows on their way to the parent: one Arrow stream of whole numbers, numbers, truth values and text.

Everything else a database knows is written as text by one set of rules (`audiences.values`), and the field's
metadata says what the text is, so that the parent never meets a date no calendar holds.
"""

from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any, BinaryIO, Self

import pyarrow as pa
import pyarrow.compute as pc

from audiences.errors import SourceCode, SourceError
from audiences.values import as_json, as_text

BATCH_ROWS = 16_384
LABELS = ("text", "integer", "number", "boolean", "decimal", "date", "datetime", "time", "json")
_ARROW = {"integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_()}


class Wire:
    """Count rows and bytes, stop at the limits of the job, and write batches."""

    def __init__(self, out: BinaryIO, job: dict[str, Any]) -> None:
        self.rows = 0
        self.bytes = 0
        self._out = out
        self._max_rows = job["max_rows"]
        self._max_bytes = job["max_bytes"]
        self._stop_after = job.get("stop_after")
        self._writer: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._writer is not None and error is None:
            self._writer.close()
            self._out.flush()

    @property
    def batch_rows(self) -> int:
        return min(BATCH_ROWS, self._stop_after) if self._stop_after else BATCH_ROWS

    def begin(self, columns: Sequence[tuple[str, str]]) -> pa.Schema:
        """Open the stream with the names and labels of the columns; a name may be there once only."""
        names = [name for name, _ in columns]
        if len({name.lower() for name in names}) < len(names):
            twice = sorted({name for name in names if [n.lower() for n in names].count(name.lower()) > 1})
            raise SourceError(
                SourceCode.REFUSED,
                f"Two columns have the name {twice[0][:60]}: give each column its own name (… AS name).",
            )
        schema = pa.schema(
            [
                pa.field(name, _ARROW.get(label, pa.string()), metadata={"label": label})
                for name, label in columns
            ]
        )
        self._writer = pa.ipc.new_stream(self._out, schema)
        return schema

    def send(self, batch: pa.RecordBatch) -> bool:
        """Write a batch of the stream's schema; False says that no more rows are wanted."""
        if self._stop_after is not None:
            batch = batch.slice(0, self._stop_after - self.rows)
        self.rows += batch.num_rows
        self.bytes += batch.nbytes
        if self.rows > self._max_rows:
            raise SourceError(
                SourceCode.TOO_MANY_ROWS, f"The query returns more than {self._max_rows:,} rows."
            )
        if self.bytes > self._max_bytes:
            size = f"{self._max_bytes >> 20:,} MB"
            raise SourceError(SourceCode.TOO_MANY_ROWS, f"The query returns more than {size} of data.")
        self._writer.write_batch(batch)
        return self._stop_after is None or self.rows < self._stop_after

    def send_rows(self, schema: pa.Schema, rows: Sequence[Sequence[object]]) -> bool:
        """Write rows of Python values; what a text column is given becomes text."""
        if not rows:
            return True
        arrays = [
            _array(field, values) for field, values in zip(schema, zip(*rows, strict=True), strict=True)
        ]
        return self.send(pa.RecordBatch.from_arrays(arrays, schema=schema))


def _array(field: pa.Field, values: Iterable[object]) -> pa.Array:
    if field.type != pa.string():
        return pa.array(values, type=field.type)
    return pa.array([_utf8(value) for value in values], type=pa.string())


def _utf8(value: object) -> str | None:
    if value is None:
        return None
    # A lone surrogate is no text that could be stored or sent.
    return as_text(value).encode("utf-8", "replace").decode()


def label_of_values(values: Iterable[object]) -> str:
    """Say what a column without a declared type seems to hold."""
    kinds = {type(value) for value in values if value is not None}
    if not kinds or kinds - {int, float, bool}:
        names = {kind.__name__ for kind in kinds}
        return next((name for name in ("datetime", "date") if names == {name}), "text")
    if kinds == {bool}:
        return "boolean"
    return "integer" if kinds == {int} else "number"


def label_of_type(kind: pa.DataType) -> str:
    """Say what a column of an Arrow type will be on the wire."""
    if pa.types.is_boolean(kind):
        return "boolean"
    if pa.types.is_integer(kind):
        return "decimal" if kind == pa.uint64() else "integer"
    if pa.types.is_floating(kind):
        return "number"
    tests = {
        "decimal": pa.types.is_decimal,
        "date": pa.types.is_date,
        "datetime": pa.types.is_timestamp,
        "time": pa.types.is_time,
        "json": pa.types.is_nested,
    }
    return next((label for label, test in tests.items() if test(kind)), "text")


def wire_column(column: pa.Array, target: pa.DataType) -> pa.Array:
    """Bring one column into the type it has on the wire."""
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    kind = column.type
    if kind == target:
        return column
    if pa.types.is_dictionary(kind):
        return wire_column(column.dictionary_decode(), target)
    if pa.types.is_nested(kind):
        return pa.array([None if v is None else as_json(v) for v in column.to_pylist()], target)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return pa.array([_utf8(value) for value in column.to_pylist()], target)
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        column = pc.cast(column, pa.timestamp("us", kind.tz), safe=False)
    if pa.types.is_interval(kind) or pa.types.is_duration(kind):
        return pa.array([None if v is None else str(v) for v in column.to_pylist()], target)
    return pc.cast(column, target)
