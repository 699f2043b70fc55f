"""DuckDB as a tool of our own: in memory, within a limit, spilling into a folder that goes away with it."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from audiences.files import whole

# What does not fit is spilled: a few million rows need no more, and a worker stays under 600 MiB in all.
DEFAULT_MEMORY_MB = 256
LARGE_MEMORY_MB = 512
LARGE_ROWS = 4_000_000
THREADS = 2
ROW_GROUP_ROWS = 100_000
# Batches are read by position, so the files that are cut into batches have smaller groups.
BATCH_GROUP_ROWS = 20_000


@contextlib.contextmanager
def workbench(
    folder: Path, *, memory_limit_mb: int = DEFAULT_MEMORY_MB
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a connection whose spilled data lies in `folder` and is deleted in the end."""
    spill = tempfile.mkdtemp(prefix="spill-", dir=folder)
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": f"{memory_limit_mb}MB",
        "threads": THREADS,
        "temp_directory": spill,
        "preserve_insertion_order": False,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "python_enable_replacements": False,
    }
    con = duckdb.connect(":memory:", config=config)
    try:
        con.execute("SET enable_progress_bar=false")
        yield con
    finally:
        con.close()
        shutil.rmtree(spill, ignore_errors=True)


def memory_for(*paths: Path) -> int:
    """How many megabytes to allow for joining these files."""
    rows = max(pq.read_metadata(path).num_rows for path in paths)
    return LARGE_MEMORY_MB if rows > LARGE_ROWS else DEFAULT_MEMORY_MB


def view(con: duckdb.DuckDBPyConnection, name: str, path: Path) -> None:
    """Let `name` stand for the rows of a Parquet file."""
    con.execute(f"create or replace view {name} as select * from {parquet(path)}")


def copy(con: duckdb.DuckDBPyConnection, sql: str, into: Path) -> int:
    """Write the rows of `sql` as Parquet that appears when it is whole; return how many."""
    with whole(into) as unfinished:
        rows = con.execute(f"copy ({sql}) {copy_to(unfinished, group_rows=BATCH_GROUP_ROWS)}").fetchone()
    return int(rows[0]) if rows else 0


def parquet(path: Path) -> str:
    """Return the SQL that reads a Parquet file."""
    return f"read_parquet({literal(str(path))})"


def copy_to(path: Path, *, group_rows: int = ROW_GROUP_ROWS) -> str:
    """Return the end of a COPY statement that writes a Parquet file."""
    how = f"FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE {group_rows}"
    return f"TO {literal(str(path))} ({how})"


def literal(text: str) -> str:
    """Quote a text for SQL."""
    return "'" + text.replace("'", "''") + "'"


def quoted(name: str) -> str:
    """Quote a name for SQL."""
    return '"' + name.replace('"', '""') + '"'
