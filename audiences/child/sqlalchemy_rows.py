"""Rows from any other database that SQLAlchemy speaks to, where its driver is installed.

The wall here is the role: it must be one that can only read. What the dialect offers on top is switched on.
"""

from typing import Any

from audiences.child.wire import Wire, label_of_values
from audiences.errors import SourceCode, SourceError

_ON_CONNECT = {
    "mysql": "SET SESSION TRANSACTION READ ONLY",
    "mariadb": "SET SESSION TRANSACTION READ ONLY",
    "redshift": "SET default_transaction_read_only = on",
    "cockroachdb": "SET default_transaction_read_only = on",
    "oracle": "SET TRANSACTION READ ONLY",
}


def read(job: dict[str, Any], wire: Wire) -> None:
    """Run the job's one SELECT in a transaction that is always rolled back, and send its rows."""
    import sqlalchemy

    engine = _engine(job)
    try:
        with engine.connect() as con:
            _prepare(con, engine.dialect.name)
            result = con.exec_driver_sql(
                job["sql"].strip().rstrip(";"), execution_options={"stream_results": True}
            )
            if not result.returns_rows:
                raise SourceError(SourceCode.REFUSED, "A query is one SELECT statement, and nothing else.")
            _send(result, wire)
            con.rollback()
    except sqlalchemy.exc.SQLAlchemyError as error:
        raise _source_error(error) from None
    finally:
        engine.dispose()


def facts(job: dict[str, Any]) -> dict[str, Any]:
    """Return the dialect, and the tables with their columns."""
    import sqlalchemy

    engine = _engine(job)
    try:
        inspector = sqlalchemy.inspect(engine)
        names = [*inspector.get_table_names(), *inspector.get_view_names()]
        tables = {
            name: [[column["name"], str(column["type"])] for column in inspector.get_columns(name)]
            for name in sorted(names)
        }
    except sqlalchemy.exc.SQLAlchemyError as error:
        raise _source_error(error) from None
    finally:
        engine.dispose()
    warning = "Rollcall cannot prove that this role may only read: make sure that it does."
    return {"version": engine.dialect.name, "tables": tables, "warnings": [warning]}


def _engine(job: dict[str, Any]) -> Any:
    import sqlalchemy

    try:
        url = sqlalchemy.make_url(job["url"])
        if job.get("password"):
            url = url.set(password=job["password"])
        return sqlalchemy.create_engine(url, poolclass=sqlalchemy.pool.NullPool, hide_parameters=True)
    except (sqlalchemy.exc.NoSuchModuleError, ImportError) as error:
        missing = getattr(error, "name", None) or job["url"].partition(":")[0]
        raise SourceError(
            SourceCode.UNAVAILABLE,
            f"The driver for this source is not installed (missing: {missing}). "
            "Install Rollcall with the extra for it.",
        ) from None
    except sqlalchemy.exc.ArgumentError:
        raise SourceError(SourceCode.UNAVAILABLE, "The address of this source cannot be read.") from None


def _prepare(con: Any, dialect: str) -> None:
    if dialect in _ON_CONNECT:
        con.exec_driver_sql(_ON_CONNECT[dialect])


def _send(result: Any, wire: Wire) -> None:
    rows = result.fetchmany(wire.batch_rows)
    names = list(result.keys())
    columns = list(zip(*rows, strict=True)) or [()] * len(names)
    # Drivers differ in what they return for one column, so all of it travels as text under its label.
    labels = [label_of_values(values) for values in columns]
    labels = [{"integer": "decimal", "number": "decimal", "boolean": "text"}.get(one, one) for one in labels]
    schema = wire.begin(list(zip(names, labels, strict=True)))
    while rows and wire.send_rows(schema, rows):
        rows = result.fetchmany(wire.batch_rows)


def _source_error(error: Exception) -> SourceError:
    import sqlalchemy

    kind = type(error).__name__
    if isinstance(error, sqlalchemy.exc.OperationalError | sqlalchemy.exc.InterfaceError):
        return SourceError(SourceCode.UNAVAILABLE, f"The database did not answer the query ({kind}).")
    return SourceError(SourceCode.FAILED, f"The database could not run the query ({kind}).")
