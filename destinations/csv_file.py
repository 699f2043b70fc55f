"""Rows of a Parquet file as CSV for a machine: exact bytes, RFC 4180, the same every time.

UTF-8 without a byte order mark, a line feed at the end of every row, quotes only where they are needed.
Nothing is put in front of a value that looks like a formula: `+tag@example.org` and `=cmd@example.org` are
addresses.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

IDENTIFIERS = ("Email", "PhoneNumber", "ExternalID")
CONTROL_CHARACTER = "control_character"
BLOCK_BYTES = 4 << 20
READ_ROWS = 16_384
# A batch is cut until its text is no larger: a few enormous cells must not become gigabytes.
RENDER_BYTES = 16 << 20
WORKERS = 2

# C0, DEL and C1. CR, LF and U+0085 would end a row for one reader or another; no person's data holds the
# rest.
_CONTROL = "[\\x00-\\x1f\\x7f\u0080-\u009f]"
_C0_BYTES = bytes([*range(0x20), 0x7F])
_C1_BYTES = re.compile(rb"\xc2[\x80-\x9f]")
_QUOTED = '[",\r\n]'


class CannotWrite(ValueError):
    """This file cannot be made; `message` is a sentence without data that says why."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True)
class Column:
    """One column: its header to the byte, and the column of the Parquet file it comes from.

    `type` is text, number, boolean, date or json. Without a `source`, every row holds `constant`.
    """

    header: str
    source: str | None
    type: str = "text"
    constant: str = ""


@dataclass(frozen=True)
class Layout:
    """The columns in their order. One of the headers in `identifiers` has to be among them."""

    columns: tuple[Column, ...]
    identifiers: tuple[str, ...] = IDENTIFIERS

    @property
    def sources(self) -> list[str]:
        return list(dict.fromkeys(each.source for each in self.columns if each.source is not None))


@dataclass(frozen=True)
class Block:
    """`rows` whole lines. The first block of a part counts its header in `data`, not in `rows`."""

    data: bytes | memoryview = field(repr=False)
    rows: int


@dataclass(frozen=True)
class Size:
    """Rows of a part, and its bytes with the header."""

    rows: int
    bytes: int


@dataclass(frozen=True)
class _Lines:
    """Rendered rows in one buffer: row `n` is `data[ends[n]:ends[n + 1]]`."""

    data: memoryview = field(repr=False)
    ends: memoryview = field(repr=False)

    @property
    def rows(self) -> int:
        return len(self.ends) - 1


def header(layout: Layout) -> bytes:
    """Return the first line with its line feed. Raises CannotWrite when the layout makes no file."""
    names = [each.header for each in layout.columns]
    if not set(names) & set(layout.identifiers):
        raise CannotWrite(f"The file needs one of the columns {', '.join(layout.identifiers)}.")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise CannotWrite(f"The file would have the column “{twice[0]}” twice.")
    if any(not name.strip() or re.search(_CONTROL, name) for name in names):
        raise CannotWrite("A column of the file has an empty name, or a control character in its name.")
    if any(re.search(_CONTROL, each.constant) for each in layout.columns):
        raise CannotWrite("A column of the file has a control character in its value.")
    if not layout.sources:
        raise CannotWrite("The file has no column that is filled from the rows.")
    return (",".join(_cell(name) for name in names) + "\n").encode()


def blocks(
    path: Path, layout: Layout, *, offset: int = 0, limit: int | None = None, max_bytes: int = BLOCK_BYTES
) -> Generator[Block]:
    """Yield the header and rows `offset` to `offset + limit`, each block whole lines of at most `max_bytes`.

    Only a line that is longer than that is a larger block. The bytes of all blocks together depend on the
    rows alone, not on how they are read. Raises CannotWrite for rows that `unfit` would have named.
    """
    first = header(layout)
    with closing(_lines(path, layout, offset=offset, limit=limit)) as found:
        for lines in found:
            start = 0
            while start < lines.rows:
                stop = _last_within(lines, start, max_bytes - len(first))
                data = lines.data[lines.ends[start] : lines.ends[stop]]
                yield Block(first + data if first else data, stop - start)
                start, first = stop, b""
    if first:
        yield Block(first, 0)


def cut(path: Path, layout: Layout, *, max_rows: int, max_bytes: int) -> list[Size]:
    """Return the sizes of the parts a file is sent in: in order, as full as both limits let them be.

    A file without rows is no part. A row that is larger than `max_bytes` by itself is a part by itself.
    """
    head = len(header(layout))
    parts: list[Size] = []
    rows, size = 0, head
    with closing(_lines(path, layout)) as found:
        for lines in found:
            start = 0
            while start < lines.rows:
                room = max_bytes - size
                stop = min(_last_within(lines, start, room), start + max_rows - rows)
                grown = lines.ends[stop] - lines.ends[start]
                if rows and (rows == max_rows or grown > room):
                    parts.append(Size(rows, size))
                    rows, size = 0, head
                    continue
                rows, size, start = rows + stop - start, size + grown, stop
    return [*parts, Size(rows, size)] if rows else parts


def unfit(path: Path, layout: Layout) -> dict[str, tuple[str, str]]:
    """Return key → (`control_character`, header) of every row that cannot stand in the file.

    Control characters are C0 (also tab, CR and LF), DEL and C1; the first column that has one is named.
    """
    found: dict[str, tuple[str, str]] = {}
    header(layout)
    for batch in _batches(path, [*layout.sources, "key"]):
        for column in layout.columns:
            if column.source is None or not _has_control(_bytes(text := _text(batch.column(column.source)))):
                continue
            bad = pc.fill_null(pc.match_substring_regex(text, _CONTROL), False)
            for key in batch.column("key").filter(bad).to_pylist():
                found.setdefault(key, (CONTROL_CHARACTER, column.header))
    return found


def _last_within(lines: _Lines, start: int, room: int) -> int:
    """Return the row to stop before so that the rows from `start` take at most `room` bytes, one at least."""
    stop = bisect_right(lines.ends, lines.ends[start] + room, start + 1) - 1
    return max(stop, start + 1)


# -- reading


def _lines(path: Path, layout: Layout, *, offset: int = 0, limit: int | None = None) -> Generator[_Lines]:
    render = _renderer(layout)
    with closing(_batches(path, layout.sources, offset=offset, limit=limit)) as found:
        yield from _ahead(render, found)


def _ahead(
    render: Callable[[pa.RecordBatch], _Lines], batches: Iterator[pa.RecordBatch]
) -> Generator[_Lines]:
    """Render in order, a few batches ahead of who takes them: Arrow works without Python's lock."""
    waiting: list[Future[_Lines]] = []
    pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="csv")
    try:
        for batch in batches:
            waiting.append(pool.submit(render, batch))
            if len(waiting) > WORKERS:
                yield waiting.pop(0).result()
        while waiting:
            yield waiting.pop(0).result()
    finally:
        pool.shutdown(cancel_futures=True)


def _batches(
    path: Path, columns: list[str], *, offset: int = 0, limit: int | None = None
) -> Generator[pa.RecordBatch]:
    """Yield rows `offset` to `offset + limit` in order, reading only the row groups they lie in."""
    with pq.ParquetFile(path) as file:
        stop = file.metadata.num_rows if limit is None else offset + limit
        groups: list[int] = []
        start = seen = 0
        for number in range(file.num_row_groups):
            size = file.metadata.row_group(number).num_rows
            if seen + size > offset and seen < stop:
                start = start if groups else seen
                groups.append(number)
            seen += size
        for batch in file.iter_batches(batch_size=READ_ROWS, row_groups=groups, columns=columns):
            first, last = max(offset - start, 0), min(stop - start, batch.num_rows)
            start += batch.num_rows
            if first < last:
                yield from _small(batch.slice(first, last - first))


def _small(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    if batch.get_total_buffer_size() <= RENDER_BYTES or batch.nbytes <= RENDER_BYTES or batch.num_rows < 2:
        yield batch
        return
    half = batch.num_rows // 2
    yield from _small(batch.slice(0, half))
    yield from _small(batch.slice(half))


# -- rendering


def _renderer(layout: Layout) -> Callable[[pa.RecordBatch], _Lines]:
    alone = len(layout.columns) == 1

    def render(batch: pa.RecordBatch) -> _Lines:
        cells: list[Any] = [
            _cell(column.constant)
            if column.source is None
            else _cells(batch.column(column.source), alone=alone)
            for column in layout.columns
        ]
        last = cells.pop()
        ended = last + "\n" if isinstance(last, str) else _joined([last, "\n"], "")
        return _view(_joined([*cells, ended], ","))

    return render


def _joined(cells: list[Any], separator: str) -> pa.StringArray:
    if len(cells) == 1:
        return cells[0]
    return pc.binary_join_element_wise(*cells, separator, null_handling="replace", null_replacement="")


def _text(values: pa.Array) -> pa.StringArray:
    """Return values as an import by API sends them, NULL for an empty one."""
    kind = values.type
    if pa.types.is_string(kind):
        return values
    if pa.types.is_large_string(kind) or pa.types.is_dictionary(kind) or pa.types.is_null(kind):
        return _text(values.cast(pa.string()))
    if pa.types.is_floating(kind):
        return _plain_floats(values.cast(pa.float64()))
    if pa.types.is_decimal(kind):
        return pa.array([_plain(value) for value in values.to_pylist()], pa.string())
    if _is_plain(kind):
        return values.cast(pa.string())
    raise CannotWrite(f"A column of {kind} cannot be written.")


def _is_plain(kind: pa.DataType) -> bool:
    """Return whether text of this type is made here, and so holds neither quotes nor control characters."""
    tests = (pa.types.is_integer, pa.types.is_boolean, pa.types.is_temporal)
    return pa.types.is_floating(kind) or pa.types.is_decimal(kind) or any(test(kind) for test in tests)


def _plain_floats(values: pa.DoubleArray) -> pa.StringArray:
    """Return numbers in digits alone: neither `1.0` nor `1e+20`, and nothing for what is no number."""
    text = values.cast(pa.string())
    written = _bytes(text)
    if b"n" in written:
        text = pc.if_else(pc.is_finite(values), text, pa.scalar(None, pa.string()))
    if b"-0" in written:
        text = pc.replace_substring_regex(text, "^-0$", "0")
    if b"e" in written:
        powers = pc.fill_null(pc.match_substring(text, "e"), False)
        digits = [_plain(Decimal(number)) for number in text.filter(powers).to_pylist()]
        text = pc.replace_with_mask(text, powers, pa.array(digits, pa.string()))
    return text


def _plain(number: Decimal | None) -> str | None:
    if number is None or not number.is_finite():
        return None
    if number == number.to_integral_value():
        return str(int(number))
    return format(number.normalize(), "f")


def _cells(values: pa.Array, *, alone: bool) -> pa.StringArray:
    """Return values as they stand in a row; `alone` in it, an empty one must not make an empty line.

    Raises CannotWrite for a control character: a stray line feed would be half a person in the next row.
    """
    text = _text(values)
    if not _is_plain(values.type):
        written = _bytes(text)
        if _has_control(written):
            raise CannotWrite("A row holds a control character and was not put aside.")
        if b'"' in written or b"," in written:
            text = _quoted(text)
    if alone:
        text = pc.fill_null(text, "")
        text = pc.if_else(pc.equal(text, ""), '""', text)
    return text


def _quoted(text: pa.StringArray) -> pa.StringArray:
    needs = pc.fill_null(pc.match_substring_regex(text, _QUOTED), False)
    doubled = pc.replace_substring(text.filter(needs), '"', '""')
    return pc.replace_with_mask(text, needs, pc.binary_join_element_wise('"', doubled, '"', ""))


def _cell(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if re.search(_QUOTED, text) else text


def _has_control(data: bytes) -> bool:
    return len(data.translate(None, _C0_BYTES)) != len(data) or _has_c1(data)


def _has_c1(data: bytes) -> bool:
    return b"\xc2" in data and _C1_BYTES.search(data) is not None


def _bytes(text: pa.StringArray) -> bytes:
    lines = _view(text)
    return bytes(lines.data[lines.ends[0] : lines.ends[-1]])


def _view(text: pa.StringArray) -> _Lines:
    _, ends, data = text.buffers()
    first = text.offset
    written = memoryview(ends).cast("B").cast("i") if ends is not None else memoryview(bytes(4)).cast("i")
    within = written[first : first + len(text) + 1]
    return _Lines(memoryview(data) if data is not None else memoryview(b""), within)
