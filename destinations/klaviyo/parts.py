"""Members on disk while a list is being read: parts that survive a slice, and one file at the end."""

import os
import zlib
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from destinations.klaviyo.answers import Member

SCHEMA = pa.schema(
    [
        ("key", pa.string()),
        ("profile_id", pa.string()),
        ("email", pa.string()),
        ("joined_at", pa.string()),
    ]
)
# Every part is cut by profile into as many row groups, so that duplicates are looked for in a 16th at a time.
_BUCKETS = 16
_ROWS_HELD = 50_000


def joined_text(moment: datetime) -> str:
    """Write a moment in UTC so that texts sort as moments do."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


class Parts:
    """The part files beside `into`; only those in `names` count, whatever else lies there was cut short."""

    def __init__(self, into: Path, names: Sequence[str], key_of: Callable[[str], str | None]) -> None:
        self._into = into
        self._key_of = key_of
        self.names = list(names)
        self._held: list[list[tuple[str | None, str, str | None, str]]] = [[] for _ in range(_BUCKETS)]
        self._rows_held = 0
        self._remove(path for path in self._lying_around() if path.name not in set(self.names))

    def add(self, members: Iterable[Member]) -> None:
        """Take members, written or still held."""
        for member in members:
            key = self._key_of(member.email) if member.email else None
            row = (key, member.profile_id, member.email, joined_text(member.joined_at))
            self._held[zlib.crc32(member.profile_id.encode()) % _BUCKETS].append(row)
            self._rows_held += 1
        if self._rows_held >= _ROWS_HELD:
            self.flush()

    def flush(self) -> None:
        """Write what is held into one more part."""
        if not self._rows_held:
            return
        name = f"{self._into.name}.part-{uuid4().hex}"
        with _Writer(self._into.with_name(name)) as writer:
            for rows in self._held:
                columns = list(zip(*rows, strict=True)) if rows else [(), (), (), ()]
                arrays = [pa.array(column, pa.string()) for column in columns]
                writer.write(pa.table(arrays, schema=SCHEMA))
        self.names.append(name)
        self._held = [[] for _ in range(_BUCKETS)]
        self._rows_held = 0

    def gather(self) -> int:
        """Write all members into `into`, each profile once, and return how many; the parts are gone then.

        Somebody who left and came back while we read counts with the later joining.
        """
        self.flush()
        files = [pq.ParquetFile(self._into.with_name(name)) for name in self.names]
        members = 0
        with _Writer(self._into) as writer:
            for bucket in range(_BUCKETS):
                rows = [file.read_row_group(bucket) for file in files]
                table = _once(pa.concat_tables(rows)) if rows else SCHEMA.empty_table()
                members += table.num_rows
                if table.num_rows:
                    writer.write(table)
        for file in files:
            file.close()
        self._remove(self._lying_around())
        self.names = []
        return members

    def _lying_around(self) -> list[Path]:
        return list(self._into.parent.glob(f"{self._into.name}.part-*"))

    def _remove(self, paths: Iterable[Path]) -> None:
        for path in paths:
            path.unlink(missing_ok=True)


def _once(table: pa.Table) -> pa.Table:
    ordered = table.sort_by([("profile_id", "ascending"), ("joined_at", "ascending")])
    grouped = ordered.group_by("profile_id", use_threads=False).aggregate(
        [("key", "last"), ("email", "last"), ("joined_at", "last")]
    )
    columns = ["key_last", "profile_id", "email_last", "joined_at_last"]
    return grouped.select(columns).rename_columns(SCHEMA.names)


class _Writer:
    """A Parquet file that has its name only when it is whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._unfinished = path.with_name(f".{path.name}.{uuid4().hex}")
        self._writer = pq.ParquetWriter(self._unfinished, SCHEMA, compression="zstd")

    def write(self, table: pa.Table) -> None:
        """Write one row group, also for no rows."""
        if table.num_rows:
            self._writer.write_table(table, row_group_size=table.num_rows)
        else:
            self._writer.write_batch(pa.RecordBatch.from_pylist([], schema=SCHEMA))

    def __enter__(self) -> "_Writer":
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._writer.close()
        if kind is None:
            os.replace(self._unfinished, self._path)
        else:
            self._unfinished.unlink(missing_ok=True)
