"""PostgreSQL as a source, on the server the tests run with; there is nothing to try on SQLite."""

import os
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from audiences.errors import SourceError
from audiences.sandbox import Limits, Sandbox, facts, no_pulse

URL = os.environ.get("DATABASE_URL", "")
pytestmark = [
    pytest.mark.database,
    pytest.mark.skipif(not URL.startswith("postgres"), reason="needs the PostgreSQL pass of the tests"),
]

LIMITS = Limits(seconds=20)
HOSTILE = [
    "select pg_read_file('/etc/passwd') as content",
    "select * from pg_ls_dir('/') as name",
    "select lo_import('/etc/passwd') as oid",
    "copy people to '/tmp/out'",
    "copy people to program 'id'",
    "delete from people",
    "insert into people values ('x')",
    "update people set email = 'x'",
    "with gone as (delete from people returning *) select * from gone",
    "select * into copied from people",
    "create table theirs (a int)",
    "create temp table theirs as select 1 as a",
    "select * from people for update",
    "lock table people in access exclusive mode",
    "set role postgres",
    "set transaction read write",
    "do $$ begin perform 1; end $$",
    "prepare p as select 1",
    "select 1 as a; delete from people",
    "select 1 as a) x; delete from people; --",
    "commit; delete from people",
    "select nextval('numbers') as n",
    "select dblink('', 'select 1') as a",
    "call nothing()",
    "vacuum",
    "listen x",
]


@dataclass(frozen=True)
class Server:
    """A database with one table, and a role that may read it."""

    connection: dict[str, Any]
    admin: psycopg.Connection


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    name = f"source_{uuid.uuid4().hex[:8]}"
    parts = urlsplit(URL)
    with psycopg.connect(URL, autocommit=True) as con:
        con.execute(f"create database {name}")
        con.execute(f"create role {name} login password 'reader' nosuperuser noinherit")
    own = parts._replace(path=f"/{name}").geturl()
    admin = psycopg.connect(own, autocommit=True)
    admin.execute("revoke all on schema public from public; grant usage on schema public to public")
    admin.execute("create table people (email text, total numeric, joined timestamptz, vip bool, data jsonb)")
    admin.execute(
        "insert into people select 'user' || i || '@example.org', i * 1.10, '2026-01-01 10:00+02', i = 1,"
        " jsonb_build_object('b', i, 'a', null) from generate_series(1, 50000) i"
    )
    admin.execute("create sequence numbers")
    admin.execute(f"grant select on people to {name}")
    connection = {
        "host": parts.hostname,
        "port": parts.port,
        "dbname": name,
        "user": name,
        "password": "reader",
    }
    yield Server(connection, admin)
    admin.close()
    with psycopg.connect(URL, autocommit=True) as con:
        con.execute(f"drop database {name} with (force)")
        con.execute(f"drop role {name}")


def rows(server: Server, sql: str, limits: Limits = LIMITS, **changed: Any) -> list[dict[str, Any]]:
    job = {"kind": "postgresql", "paths": [], "sql": sql, "connection": {**server.connection, **changed}}
    with Sandbox(job, limits, no_pulse) as running:
        return [row for batch in running.batches() for row in batch.to_pylist()]


def refusal(server: Server, sql: str, limits: Limits = LIMITS, **changed: Any) -> SourceError:
    with pytest.raises(SourceError) as refused:
        rows(server, sql, limits, **changed)
    return refused.value


def state(server: Server) -> Any:
    counted = "select count(*), min(email), (select last_value from numbers) from people"
    tables = "select count(*) from pg_class where relname in ('copied', 'theirs')"
    return server.admin.execute(counted).fetchone(), server.admin.execute(tables).fetchone()


class TestRead:
    def test_returns_every_row_with_values_of_every_kind(self, server):
        found = rows(server, "select * from people order by total;")

        assert len(found) == 50_000
        assert found[0] == {
            "email": "user1@example.org",
            "total": "1.10",
            "joined": "2026-01-01 08:00:00+00",
            "vip": True,
            "data": '{"a": null, "b": 1}',
        }

    def test_survives_values_that_no_calendar_holds(self, server):
        sql = "select 'infinity'::timestamptz as a, '-infinity'::date as b, 'NaN'::numeric as c"

        assert rows(server, sql)[0]["a"] == "infinity"

    def test_reads_one_moment_while_others_write(self, server):
        stop = threading.Event()

        def churn() -> None:
            with psycopg.connect(**server.connection | {"user": server.admin.info.user}) as con:
                while not stop.is_set():
                    con.execute("update people set vip = not vip where total < 100")
                    con.commit()

        writer = threading.Thread(target=churn)
        writer.start()
        try:
            for _ in range(3):
                assert len({row["email"] for row in rows(server, "select email from people")}) == 50_000
        finally:
            stop.set()
            writer.join()

    def test_ends_at_its_deadline_though_it_lifts_its_own(self, server):
        sql = "select set_config('statement_timeout', '0', false) as a, pg_sleep(60)::text as b"

        error = refusal(server, sql, Limits(seconds=2))

        assert error.code == "query_timeout"

    def test_leaves_no_session_behind(self, server):
        refusal(server, "select pg_sleep(60)::text as a", Limits(seconds=1))
        user = server.connection["user"]

        for _ in range(100):
            left = server.admin.execute("select count(*) from pg_stat_activity where usename = %s", (user,))
            if left.fetchone() == (0,):
                return
            server.admin.execute("select pg_sleep(0.1)")
        pytest.fail("the session of a query that was stopped is still there")


class TestHostileQueries:
    @pytest.mark.parametrize("sql", HOSTILE)
    def test_change_and_read_nothing_they_may_not(self, server, sql):
        before = state(server)

        error = refusal(server, sql)

        assert error.code in ("query_refused", "query_failed")
        assert "example.org" not in error.message
        assert state(server) == before


class TestRole:
    def test_lists_what_it_may_read(self, server):
        found = facts({"kind": "postgresql", "paths": [], "connection": server.connection})

        assert found["version"].startswith("PostgreSQL ")
        assert list(found["tables"]) == ["people"]
        assert ["total", "numeric"] in found["tables"]["people"]

    def test_is_refused_when_it_is_a_superuser(self, server):
        error = refusal(server, "select 1 as a", user=server.admin.info.user)

        assert error.code == "query_refused"
        assert "superuser" in error.message

    @pytest.mark.parametrize(
        ("grant", "revoke", "why"),
        [
            ("grant insert on people to {}", "revoke insert on people from {}", "write"),
            ("alter table people owner to {}", "alter table people owner to current_user", "owns"),
            (
                "grant pg_read_server_files to {}",
                "revoke pg_read_server_files from {}",
                "pg_read_server_files",
            ),
            ("alter role {} createdb", "alter role {} nocreatedb", "databases"),
        ],
    )
    def test_is_refused_at_set_up_when_it_can_do_more_than_read(self, server, grant, revoke, why):
        user = server.connection["user"]
        server.admin.execute(grant.format(user))
        try:
            with pytest.raises(SourceError) as refused:
                facts({"kind": "postgresql", "paths": [], "connection": server.connection})
        finally:
            server.admin.execute(revoke.format(user))
            server.admin.execute(f"grant select on people to {user}")

        assert refused.value.code == "query_refused"
        assert why in refused.value.message

    def test_says_when_nobody_answers(self, server):
        error = refusal(server, "select 1 as a", port=1)

        assert error.code == "source_unavailable"
        assert "reader" not in error.message
