"""From a source as it is stored to a job its child process can run, and the test of a new one."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings as django_settings

from audiences import sandbox
from audiences.errors import SourceCode, SourceError
from audiences.models import Source, SourceKind
from credentials import vault

FILE_ENDINGS = (".csv", ".tsv", ".parquet", ".json", ".jsonl", ".ndjson")
PACKED_ENDINGS = (".gz", ".zst")
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
# A database's address can be code in some drivers, so only those we know are let through.
SQLALCHEMY_DIALECTS = {
    "bigquery": "bigquery",
    "clickhouse": "clickhouse",
    "clickhousedb": "clickhouse",
    "cockroachdb": "postgres",
    "databricks": "databricks",
    "mariadb": "mysql",
    "mssql": "tsql",
    "mysql": "mysql",
    "oracle": "oracle",
    "redshift": "redshift",
    "snowflake": "snowflake",
    "trino": "trino",
}
_DIALECTS = {
    SourceKind.FILES: "duckdb",
    SourceKind.DUCKDB: "duckdb",
    SourceKind.SQLITE: "sqlite",
    SourceKind.POSTGRESQL: "postgres",
}


@dataclass(frozen=True, slots=True)
class Table:
    """A table or view; `columns` are pairs of name and the database's own type name."""

    name: str
    columns: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """What a test found: the version, what can be read, and what a person should know."""

    version: str
    tables: tuple[Table, ...]
    warnings: tuple[str, ...]


def test(source: Source) -> SourceFacts:
    """Open the source and list what can be read. Raises SourceError, also for a role that could write."""
    found = sandbox.facts(job(source))
    tables = tuple(
        Table(name, tuple((column, kind) for column, kind in columns))
        for name, columns in found["tables"].items()
    )
    return SourceFacts(found["version"], tables, tuple(found["warnings"]))


def dialect(source: Source) -> str:
    """Return sqlglot's name of the SQL this source speaks."""
    if source.kind == SourceKind.SQLALCHEMY:
        return SQLALCHEMY_DIALECTS.get(_scheme(str(source.settings.get("url", ""))), "")
    return _DIALECTS[SourceKind(source.kind)]


def problems(kind: str, settings: dict[str, Any]) -> list[str]:
    """Return what is wrong with the settings of a source of this kind, as plain sentences."""
    if kind not in SourceKind.values:
        return [f"There is no kind of source called {kind}."]
    required, optional, check = _SHAPES[SourceKind(kind)]
    found = [f"Unknown setting: {name}." for name in sorted(settings.keys() - required - optional)]
    found += [f"Missing setting: {name}." for name in sorted(required) if not settings.get(name)]
    return found or check(settings)


def job(source: Source) -> dict[str, Any]:
    """Return the job that opens this source, without a query yet; it may hold a password.

    Raises SourceError with `source_unavailable` when the settings cannot work.
    """
    wrong = problems(source.kind, source.settings)
    if wrong:
        raise SourceError(SourceCode.UNAVAILABLE, " ".join(wrong))
    made = _JOBS[SourceKind(source.kind)](source)
    return {"kind": source.kind, "paths": [], **made}


def files_of(settings: dict[str, Any]) -> dict[str, str]:
    """Return the path of each table of a files source; in a folder each file is one, named by its stem."""
    if "files" in settings:
        return {name: str(Path(path)) for name, path in settings["files"].items()}
    path = Path(settings["path"])
    if not path.is_dir():
        return {_table_name(path): str(path)}
    return {_table_name(each): str(each) for each in sorted(path.iterdir()) if _is_readable(each)}


def _files_job(source: Source) -> dict[str, Any]:
    files = files_of(source.settings)
    if not files:
        raise SourceError(
            SourceCode.UNAVAILABLE, "There is no CSV, Parquet or JSON file in the folder of this source."
        )
    # What lies in a folder may be a link that leads out of it.
    if wrong := {problem for path in files.values() for problem in _path_problems(path)}:
        raise SourceError(SourceCode.UNAVAILABLE, " ".join(sorted(wrong)))
    return {"files": files, "paths": [_fixed_part(path) for path in files.values()]}


def _path_job(source: Source) -> dict[str, Any]:
    path = Path(source.settings["path"])
    if not path.is_file():
        raise SourceError(SourceCode.UNAVAILABLE, f"There is no file {path.name} where this source points.")
    # The folder too: a write-ahead log lies beside the database.
    return {"paths": [str(path), str(path.parent)]}


def _postgresql_job(source: Source) -> dict[str, Any]:
    given = source.settings
    connection = {
        "host": given["host"],
        "port": int(given.get("port") or 5432),
        "dbname": given["database"],
        "user": given["user"],
        "sslmode": given.get("sslmode") or "prefer",
        "password": _password(source),
    }
    return {"connection": connection}


def _sqlalchemy_job(source: Source) -> dict[str, Any]:
    return {"url": source.settings["url"], "password": _password(source)}


def _password(source: Source) -> str | None:
    return vault.reveal(source.credential) if source.credential is not None else None


def _files_problems(settings: dict[str, Any]) -> list[str]:
    if ("path" in settings) == ("files" in settings):
        return ["Give either path (a folder or a file) or files (table names and their paths)."]
    files = settings.get("files", {})
    if "files" in settings and (not isinstance(files, dict) or not files):
        return ["files must name each table and its path."]
    paths = [*files.values()] if files else [settings["path"]]
    found = [problem for path in paths for problem in _path_problems(path)]
    found += [
        f"{name} cannot be the name of a table." for name in files if not re.fullmatch(r"\w{1,63}", name)
    ]
    return found + [
        f"{Path(path).name} is not a CSV, Parquet or JSON file."
        for path in paths
        if isinstance(path, str) and not Path(path).is_dir() and not _has_known_ending(Path(path))
    ]


def _one_path_problems(settings: dict[str, Any]) -> list[str]:
    return _path_problems(settings["path"])


def _path_problems(path: object) -> list[str]:
    if not isinstance(path, str) or "\x00" in path or not Path(path).is_absolute():
        return ["A path is absolute: it starts with /."]
    resolved = Path(_fixed_part(path)).resolve()
    own = django_settings.DATABASES["default"]
    if resolved.name == "keys.json" or _reaches_our_own(resolved, is_pattern=_fixed_part(path) != path):
        return ["Rollcall's own files cannot be a source. Keep what it reads outside of DATA_DIR."]
    if "sqlite" in own["ENGINE"] and resolved == Path(str(own["NAME"])).resolve():
        return ["Rollcall's own database cannot be a source."]
    return []


def _reaches_our_own(path: Path, *, is_pattern: bool) -> bool:
    """Whether a resolved path lies among our files, or is where a pattern begins that may lead to them.

    The shop of the demo lies there too, and is a source; the demo itself runs with its folder as DATA_DIR.
    """
    data = Path(django_settings.DATA_DIR).resolve()
    shops = [data / "demo" / "shop", *([data / "shop"] if django_settings.DEMO else [])]
    if any(path.is_relative_to(shop) for shop in shops):
        return False
    return path.is_relative_to(data) or (is_pattern and data.is_relative_to(path))


def _postgresql_problems(settings: dict[str, Any]) -> list[str]:
    found = []
    if settings.get("sslmode") and settings["sslmode"] not in SSL_MODES:
        found.append(f"sslmode is one of {', '.join(SSL_MODES)}.")
    if not str(settings.get("port") or 5432).isdigit():
        found.append("port is a number.")
    for name in ("host", "database", "user"):
        if not isinstance(settings[name], str) or "\x00" in settings[name]:
            found.append(f"{name} is text.")
    return found


def _sqlalchemy_problems(settings: dict[str, Any]) -> list[str]:
    url = settings["url"]
    if not isinstance(url, str) or _scheme(url) not in SQLALCHEMY_DIALECTS:
        return [f"url starts with one of {', '.join(sorted(SQLALCHEMY_DIALECTS))}, and ://."]
    if re.match(r"[^/]+://[^/@]*:[^/@]+@", url):
        return ["The password does not belong in the url: save it as a credential and choose that."]
    return []


def _scheme(url: str) -> str:
    return url.partition("://")[0].partition("+")[0].lower()


def _is_readable(path: Path) -> bool:
    return path.is_file() and not path.name.startswith(".") and _has_known_ending(path)


def _has_known_ending(path: Path) -> bool:
    endings = [end for end in path.suffixes if end not in PACKED_ENDINGS]
    return bool(endings) and endings[-1] in FILE_ENDINGS


def _table_name(path: Path) -> str:
    return re.sub(r"\W", "_", path.name.partition(".")[0]) or "table"


def _fixed_part(path: str) -> str:
    """Return the path up to its first wildcard: what the child must be allowed to read."""
    if not re.search(r"[*?\[]", path):
        return path
    parts = Path(path).parts
    fixed = next(index for index, part in enumerate(parts) if re.search(r"[*?\[]", part))
    return str(Path(*parts[:fixed]))


_JOBS: dict[str, Callable[[Source], dict[str, Any]]] = {
    SourceKind.FILES: _files_job,
    SourceKind.DUCKDB: _path_job,
    SourceKind.SQLITE: _path_job,
    SourceKind.POSTGRESQL: _postgresql_job,
    SourceKind.SQLALCHEMY: _sqlalchemy_job,
}
_Check = Callable[[dict[str, Any]], list[str]]
_SHAPES: dict[str, tuple[set[str], set[str], _Check]] = {
    SourceKind.FILES: (set(), {"path", "files"}, _files_problems),
    SourceKind.DUCKDB: ({"path"}, set(), _one_path_problems),
    SourceKind.SQLITE: ({"path"}, set(), _one_path_problems),
    SourceKind.POSTGRESQL: ({"host", "database", "user"}, {"port", "sslmode"}, _postgresql_problems),
    SourceKind.SQLALCHEMY: ({"url"}, set(), _sqlalchemy_problems),
}
