"""The first look at a query: what it refuses, what it lets pass, and what it never says."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiences.gate import objections

REFUSED = [
    ("duckdb", "select * from '/etc/passwd'"),
    ("duckdb", "from a.csv"),
    ("duckdb", 'select * from "people.parquet"'),
    ("duckdb", "select * from read_csv('people.csv')"),
    ("duckdb", "from read_text('/etc/passwd')"),
    ("duckdb", "select 'x'.read_text()"),
    ("duckdb", "select * from glob('/etc/*')"),
    ("duckdb", "select * from query('select 1')"),
    ("duckdb", "select * from query_table('people')"),
    ("duckdb", "select * from duckdb_settings()"),
    ("duckdb", "select getenv('HOME')"),
    ("duckdb", "select current_setting('threads')"),
    ("duckdb", "copy people to 'people.csv'"),
    ("duckdb", "attach 'other.db'"),
    ("duckdb", "set threads=1"),
    ("duckdb", "pragma database_list"),
    ("duckdb", "install httpfs"),
    ("duckdb", "summarize people"),
    ("duckdb", "explain select 1"),
    ("duckdb", "pivot people on country using count(*)"),
    ("duckdb", "select 1; select 2"),
    ("duckdb", "select ?"),
    ("duckdb", "values (1)"),
    ("duckdb", "selec 1"),
    ("duckdb", ""),
    ("duckdb", "  \n"),
    ("duckdb", "select 'a\x00b'"),
    ("duckdb", f"select '{'x' * 100_000}'"),
    ("duckdb", "select * from information_schema.tables"),
    ("sqlite", "select * from sqlite_master"),
    ("sqlite", "select load_extension('x')"),
    ("sqlite", "select writefile('a', 'b')"),
    ("sqlite", "select * from pragma_table_info('people')"),
    ("sqlite", "delete from people"),
    ("postgres", "with gone as (delete from people returning *) select * from gone"),
    ("postgres", "select * into copied from people"),
    ("postgres", "select * from people for update"),
    ("postgres", "select pg_sleep(10)"),
    ("postgres", "select pg_catalog.pg_sleep(10)"),
    ("postgres", "select * from pg_catalog.pg_user"),
    ("postgres", "select * from pg_user"),
    ("postgres", "select * from rows from (pg_ls_dir('/'))"),
    ("postgres", "select * from lateral pg_ls_dir('/') found"),
    ("postgres", "select pg_read_file('/etc/passwd')"),
    ("postgres", "select lo_import('/etc/passwd')"),
    ("postgres", "select set_config('statement_timeout', '0', false)"),
    ("postgres", "select pg_advisory_lock(1)"),
    ("postgres", "select nextval('numbers')"),
    ("postgres", "select * from dblink('host=x', 'select 1') t(a int)"),
    ("postgres", "select query_to_xml('select 1', true, true, '')"),
    ("postgres", "call something()"),
    ("mysql", "select /*!50000 1 into outfile '/tmp/x' */"),
    ("mysql", "select 1 into outfile '/tmp/x'"),
    ("mysql", "select @@version"),
    ("mysql", "select load_file('/etc/passwd')"),
    ("mysql", "select sleep(5)"),
    ("snowflake", "select * from @stage/people"),
    ("clickhouse", "select * from url('http://example.org')"),
    ("clickhouse", "select * from file('people.csv')"),
    ("bigquery", "select * from external_query('a', 'b')"),
]
PASSED = [
    ("duckdb", "select lower(email) as email from customers c join orders o using (id) group by all"),
    ("duckdb", "(select 1) union select 2;"),
    ("duckdb", "select * exclude (a), columns('x.*') from t -- ok"),
    ("duckdb", "select list_aggregate([1], 'sum'), date_trunc('day', now()), try_cast(a as int) from t"),
    ("duckdb", "from people"),
    ("duckdb", "select * from generate_series(1, 3) t(x), unnest([1, 2]) u(y)"),
    ("sqlite", "select Email, printf('%d', 1), strftime('%Y', 'now'), julianday('now') from Customer"),
    (
        "postgres",
        "with recursive x as (select 1 n union all select n + 1 from x where n < 5) select * from x",
    ),
    ("postgres", "select count(*) filter (where a), string_agg(b, ','), age(now(), c) from s.t group by d"),
    ("postgres", "select data ->> 'email', jsonb_array_length(data -> 'x') from t, lateral (select 1) q"),
    ("mysql", "select ifnull(a, b), date_format(c, '%Y') from t"),
]


class TestObjections:
    @pytest.mark.parametrize(("dialect", "sql"), REFUSED)
    def test_refuses_all_but_one_read_only_select(self, dialect, sql):
        found = objections(sql, dialect)

        assert found
        assert all(sentence.endswith((".", "?")) for sentence in found)

    @pytest.mark.parametrize(("dialect", "sql"), PASSED)
    def test_lets_an_honest_query_pass(self, dialect, sql):
        assert objections(sql, dialect) == []

    def test_says_where_a_query_stops_making_sense(self):
        assert "line 2" in objections("select a,\n b from ) c", "duckdb")[0]

    @pytest.mark.parametrize("sql", ["select 'ada@example.org' from (", "explain select 'ada@example.org'"])
    def test_neither_says_nor_logs_a_literal(self, sql, caplog, capfd):
        with caplog.at_level(logging.DEBUG):
            found = objections(sql, "duckdb")

        said = " ".join(found) + caplog.text + "".join(capfd.readouterr())
        assert "ada@example.org" not in said

    @given(st.text(), st.sampled_from(["duckdb", "sqlite", "postgres", "mysql", "snowflake", ""]))
    def test_gives_an_answer_to_any_text(self, sql, dialect):
        assert isinstance(objections(sql, dialect), list)
