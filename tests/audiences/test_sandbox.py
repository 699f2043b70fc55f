"""The real walls: what a query can do when the gate has been fooled."""

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest

from audiences import sandbox
from audiences.child import duckdb_rows
from audiences.errors import SourceError
from audiences.sandbox import Limits, Sandbox, no_pulse

CANARY = "canary-7f3a"
LIMITS = Limits(seconds=20, memory_mb=512, spill_mb=64)
ENDLESS = "select count(*) as n from range(100000000000) a, range(100000000000) b"

READS = [
    "select * from read_csv('{canary}')",
    "select * from read_csv_auto('{canary}')",
    "select * from read_text('{canary}')",
    "select * from read_blob('{canary}')",
    "select * from read_json('{canary}')",
    "select * from read_parquet('{canary}')",
    "select * from '{canary}'",
    'from "{canary}"',
    "select * from sniff_csv('{canary}')",
    "select * from glob('{folder}/*')",
    "select * from parquet_schema('{canary}')",
    "select * from query('select * from read_text(''{canary}'')')",
    "select * from query_table('{canary}')",
    "select * from sqlite_scan('{canary}', 'x')",
    "select * from read_text('https://example.org/')",
    "with x as (select * from read_text('{canary}')) select * from x",
    "select (select content from read_text('{canary}')) as content",
    "select getenv('HOME') as home",
    "select * from read_text('/proc/self/environ')",
    "select * from read_text('/etc/passwd')",
]
WRITES = [
    "copy people to '{folder}/out.csv'",
    "copy (select 1) to '{source}'",
    "export database '{folder}/out'",
    "attach '{folder}/new.duckdb'",
    "attach '{folder}/new.sqlite' (type sqlite)",
    "create table theirs as select 1",
    "insert into people values ('x')",
    "update people set email = 'x'",
    "delete from people",
    "drop table people",
    "create persistent secret s (type s3)",
    "call enable_logging(storage = 'file', storage_path = '{folder}/log')",
    "set log_query_path = '{folder}/log'",
    "set temp_directory = '{folder}/temp'",
    "set enable_external_access = true",
    "set lock_configuration = false",
    "reset lock_configuration",
    "set memory_limit = '64GB'",
    "set allowed_directories = ['/']",
    "install httpfs",
    "load httpfs",
    "install '{folder}/x.duckdb_extension'",
    "pragma database_list",
    "use memory",
    "checkpoint",
    "vacuum",
    "explain analyze select 1",
    "prepare p as select 1",
    "begin; select 1",
    "select 1; copy people to '{folder}/out.csv'",
]
SQLITE = [
    "attach '{folder}/new.sqlite' as other",
    "vacuum into '{folder}/new.sqlite'",
    "insert into people values ('x')",
    "delete from people",
    "drop table people",
    "create table theirs (a)",
    "create temp table theirs (a)",
    "pragma query_only = off",
    "pragma writable_schema = on",
    "pragma database_list",
    "select * from sqlite_master",
    "select * from pragma_table_info('people')",
    "select load_extension('x')",
    "select readfile('{canary}')",
    "select writefile('{folder}/out', 'x')",
    "select randomblob(100000000)",
    "select zeroblob(2000000000)",
    "select fts3_tokenizer('x')",
    "begin",
    "select 1; delete from people",
    "with gone as (select 1) delete from people",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one source of each kind and a file that no query may see."""
    (tmp_path / "canary.txt").write_text(CANARY)
    (tmp_path / "people.csv").write_text("email,zip,phone\nada@example.org,02134,+12125550100\n")
    with duckdb.connect(str(tmp_path / "people.duckdb")) as con:
        con.execute("create table people as select 'ada@example.org' as email")
    with contextlib.closing(sqlite3.connect(tmp_path / "people.sqlite")) as lite:
        lite.execute("create table people (email text)")
        lite.execute("insert into people values ('ada@example.org')")
        lite.commit()
    return tmp_path


def job(folder: Path, kind: str, sql: str) -> dict[str, Any]:
    name = {"files": "people.csv", "duckdb": "people.duckdb", "sqlite": "people.sqlite"}[kind]
    path = str(folder / name)
    words = {"canary": folder / "canary.txt", "folder": folder, "source": path}
    given = {"kind": kind, "paths": [path], "sql": sql.format(**words) if "{" in sql else sql}
    return {**given, "files": {"people": path}} if kind == "files" else given


def rows(given: dict[str, Any], limits: Limits = LIMITS) -> list[dict[str, Any]]:
    with Sandbox(given, limits, no_pulse) as running:
        return [row for batch in running.batches() for row in batch.to_pylist()]


def refusal(given: dict[str, Any], limits: Limits = LIMITS) -> SourceError:
    with pytest.raises(SourceError) as refused:
        rows(given, limits)
    return refused.value


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


class TestHostileQueries:
    @pytest.mark.parametrize(
        ("kind", "sql"), [*(("duckdb", sql) for sql in READS), *(("files", sql) for sql in READS[:8])]
    )
    def test_read_no_file_through_duckdb(self, folder, kind, sql):
        error = refusal(job(folder, kind, sql))

        assert CANARY not in error.message

    @pytest.mark.parametrize("sql", WRITES)
    def test_write_nothing_through_duckdb(self, folder, sql):
        before = contents(folder)

        error = refusal(job(folder, "duckdb", sql))

        assert error.code in ("query_refused", "query_failed")
        assert contents(folder) == before

    @pytest.mark.parametrize("sql", SQLITE)
    def test_do_no_harm_through_sqlite(self, folder, sql):
        before = contents(folder)

        error = refusal(job(folder, "sqlite", sql))

        assert error.code in ("query_refused", "query_failed")
        assert contents(folder) == before

    @pytest.mark.parametrize("kind", ["files", "duckdb"])
    @pytest.mark.parametrize("sql", [*READS, *WRITES])
    def test_are_stopped_by_the_lock_alone(self, folder, kind, sql):
        """Without the look at the kind of statement, and without the walls of the system."""
        own = folder / "own"
        own.mkdir()
        limits = {"folder": str(own), "memory_mb": 512, "spill_mb": 64, "threads": 1}
        given = {**job(folder, kind, sql), **limits}
        before = {path: data for path, data in contents(folder).items() if not path.startswith(str(own))}
        with contextlib.closing(duckdb_rows.connect(given)) as con:
            duckdb_rows.open_and_lock(con, given, ["people"])
            found = ""
            with contextlib.suppress(duckdb.Error):
                found = str(con.execute(given["sql"]).fetchall())

        after = {path: data for path, data in contents(folder).items() if not path.startswith(str(own))}
        assert after == before
        assert CANARY not in found
        assert "root:" not in found

    @pytest.mark.parametrize(
        ("kind", "sql"),
        [
            ("duckdb", "select length(repeat('a', 2000000000)) as n"),
            ("duckdb", "select list(a) as l from range(100000000) t(a)"),
        ],
    )
    def test_get_no_more_memory_than_they_are_given(self, folder, kind, sql):
        started = time.monotonic()

        error = refusal(job(folder, kind, sql), Limits(seconds=20, memory_mb=256, spill_mb=16))

        assert error.code == "query_failed"
        assert time.monotonic() - started < 15

    @pytest.mark.parametrize(
        ("kind", "sql"),
        [
            ("duckdb", ENDLESS),
            (
                "duckdb",
                "with recursive x(n) as (select 1 union all select n + 1 from x) select max(n) as n from x",
            ),
            (
                "sqlite",
                "with recursive x(n) as (select 1 union all select n + 1 from x) select max(n) from x",
            ),
        ],
    )
    def test_end_at_their_deadline(self, folder, kind, sql):
        started = time.monotonic()

        error = refusal(job(folder, kind, sql), Limits(seconds=2, memory_mb=1024))

        assert error.code in ("query_timeout", "query_failed")
        assert time.monotonic() - started < 2 + 3

    def test_end_when_the_source_gives_nothing_for_long(self, folder):
        error = refusal(job(folder, "duckdb", ENDLESS), Limits(silent_seconds=1, memory_mb=1024))

        assert (error.code, error.message) == ("query_timeout", "The query gave no rows for 1 seconds.")


class TestWalls:
    def test_shut_out_files_and_network_and_core_dumps(self, folder):
        """Where the kernel has Landlock; elsewhere only the limits hold, and the database's own lock."""
        code = f"""
import json, os, resource, socket
from audiences.child import walls
job = dict(kind="duckdb", parent=os.getppid(), seconds=5, memory_mb=256, spill_mb=1, paths=[{str(folder)!r}],
           folder={str(folder / "own")!r})
walls.confine(job)
walls.close(job)
def tried(work):
    try:
        work()
    except OSError as error:
        return type(error).__name__
    return "done"
print(json.dumps(dict(
    read=tried(lambda: open("/etc/passwd").read()),
    parent=tried(lambda: open(f"/proc/{{os.getppid()}}/environ").read()),
    source=tried(lambda: open({str(folder / "people.csv")!r}).read()),
    overwrite=tried(lambda: open({str(folder / "people.csv")!r}, "w")),
    create=tried(lambda: open({str(folder / "new")!r}, "w")),
    own=tried(lambda: open({str(folder / "own" / "x")!r}, "w")),
    connect=tried(lambda: socket.create_connection(("127.0.0.1", 9), 1)),
    core=resource.getrlimit(resource.RLIMIT_CORE)[0],
)))
"""
        (folder / "own").mkdir()
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, cwd=sandbox.ROOT, check=True
        )
        found = json.loads(done.stdout)

        assert found["source"] == found["own"] == "done"
        assert found["core"] == 0
        assert found["connect"] != "done"
        if has_landlock():
            refused = {found[name] for name in ("read", "parent", "overwrite", "create")}
            assert refused == {"PermissionError"}

    def test_hand_the_child_nothing_of_our_surroundings(self, folder, monkeypatch):
        monkeypatch.setenv("SECRET_KEY", CANARY)

        with Sandbox({**job(folder, "duckdb", ENDLESS), "password": CANARY}, LIMITS, no_pulse) as running:
            process = Path(f"/proc/{running.pid}")
            seen = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()

        assert CANARY.encode() not in seen


def has_landlock() -> bool:
    code = "import ctypes; print(ctypes.CDLL(None).syscall(444, None, 0, 1))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(told.stdout) >= 1


class TestSandbox:
    @pytest.mark.parametrize("kind", ["files", "duckdb", "sqlite"])
    def test_returns_every_row(self, folder, kind):
        assert rows(job(folder, kind, "select email from people")) == [{"email": "ada@example.org"}]

    def test_keeps_the_zeros_and_signs_of_a_csv(self, folder):
        found = rows(job(folder, "files", "select zip, phone from people"))

        assert found == [{"zip": "02134", "phone": "+12125550100"}]

    def test_ends_its_process_when_the_pulse_raises(self, folder):
        class Stop(Exception):
            pass

        def pulse(_: int) -> None:
            raise Stop

        with pytest.raises(Stop), Sandbox(job(folder, "duckdb", ENDLESS), LIMITS, pulse) as running:
            for _ in running.batches():
                pass

        assert is_gone(running.pid)

    def test_gives_signs_of_life_while_the_source_is_silent(self, folder):
        beats: list[int] = []

        given = job(folder, "duckdb", ENDLESS)
        with pytest.raises(SourceError), Sandbox(given, Limits(seconds=4), beats.append) as running:
            list(running.batches())

        assert len(beats) >= 2
        assert set(beats) == {0}

    @pytest.mark.parametrize("after_batches", [0, 1, 3])
    def test_calls_a_cut_stream_a_failure_wherever_it_is_cut(self, folder, after_batches):
        given = job(folder, "duckdb", "select range as n from range(50000000)")

        with Sandbox(given, LIMITS, no_pulse) as running:
            batches = running.batches()
            for _ in range(after_batches):
                next(batches)
            os.kill(running.pid, signal.SIGKILL)
            with pytest.raises(SourceError) as failed:
                list(batches)

        assert failed.value.code == "query_failed"

    def test_stops_at_too_many_rows_and_too_many_bytes(self, folder):
        given = job(folder, "duckdb", "select range as n from range(100000)")

        for limits in (Limits(rows=99_999, seconds=20), Limits(bytes=1000, seconds=20)):
            assert refusal(given, limits).code == "too_many_rows"
        assert len(rows(given, Limits(rows=100_000, seconds=20))) == 100_000

    def test_leaves_nothing_behind(self, folder, tmp_path_factory):
        spill = tmp_path_factory.mktemp("spill")

        with Sandbox(job(folder, "files", "select * from people"), LIMITS, no_pulse, folder=spill) as running:
            list(running.batches())

        assert list(spill.iterdir()) == []

    @pytest.mark.parametrize(
        ("kind", "sql", "said"),
        [
            ("duckdb", "select emial from people", "emial"),
            ("duckdb", "select * from nobody", "nobody"),
            ("sqlite", "select emial from people", "emial"),
            ("sqlite", "select * from nobody", "nobody"),
        ],
    )
    def test_names_what_the_query_got_wrong(self, folder, kind, sql, said):
        assert said in refusal(job(folder, kind, sql)).message

    @pytest.mark.parametrize(
        "sql",
        [
            "select cast(email as integer) as n from people",
            "select error(email) as e from people",
            "select 'ada@example.org' from nobody where a = 'ada@example.org'",
            "select * from people where email = 'ada@example.org' and nope = 5551234567",
        ],
    )
    def test_says_no_value_of_the_data(self, folder, sql):
        message = refusal(job(folder, "duckdb", sql)).message

        assert "ada" not in message
        assert "5551234567" not in message

    def test_says_when_a_file_is_not_a_database(self, folder):
        (folder / "people.duckdb").write_text("not a database")
        (folder / "people.sqlite").write_text(
            "not a database, and rather longer than a header would have to be" * 20
        )

        for kind in ("duckdb", "sqlite"):
            assert refusal(job(folder, kind, "select 1 as a")).code in ("source_unavailable", "query_failed")

    def test_asks_for_a_name_for_each_column(self, folder):
        assert "own name" in refusal(job(folder, "duckdb", "select 1 as a, 2 as A")).message

    def test_survives_dates_that_no_calendar_holds(self, folder):
        sql = "select 'infinity'::timestamp as a, '290000-01-01'::date as b, 1 as c"

        assert rows(job(folder, "duckdb", sql))[0]["c"] == 1
