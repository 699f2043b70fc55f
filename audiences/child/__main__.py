"""Read one job from stdin, run its query behind the walls, write rows to stdout and the verdict to a pipe."""

import importlib
import json
import os
import signal
import sys
from typing import Any

from audiences.child import walls
from audiences.errors import SourceCode, SourceError

_READERS = {
    "files": "duckdb_rows",
    "duckdb": "duckdb_rows",
    "sqlite": "sqlite_rows",
    "postgresql": "postgresql_rows",
    "sqlalchemy": "sqlalchemy_rows",
}


def main() -> None:
    job = json.load(sys.stdin)
    # Ctrl-C belongs to the parent; SIGTERM asks for an orderly end, so that a server is told to stop too.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with os.fdopen(job["verdict_fd"], "w") as verdict:
        json.dump(_verdict(job), verdict)


def _verdict(job: dict[str, Any]) -> dict[str, Any]:
    try:
        walls.confine(job)
        return {"ok": True, **_read(job)}
    except SourceError as error:
        return {"code": error.code, "message": error.message}
    except MemoryError:
        return _failed(f"The query needs more memory than the {job['memory_mb']} MB it is given.")
    except BrokenPipeError:
        return _failed("Nobody was left to read the rows.")
    except KeyboardInterrupt:
        return _failed("The query was stopped.")
    except Exception as error:
        # Any text of a driver may hold data, so only its class leaves here.
        return _failed(f"Reading the source failed ({type(error).__name__}).")


def _failed(message: str) -> dict[str, Any]:
    return {"code": SourceCode.FAILED, "message": message}


def _read(job: dict[str, Any]) -> dict[str, Any]:
    from audiences.child.wire import Wire

    reader = _reader(job["kind"])
    walls.close(job)
    if job["action"] == "facts":
        return {"facts": reader.facts(job)}
    with Wire(sys.stdout.buffer, job) as wire:
        reader.read(job, wire)
    return {"rows": wire.rows, "bytes": wire.bytes}


def _reader(kind: str) -> Any:
    # Only the driver that is needed: each takes a while to load.
    return importlib.import_module(f"audiences.child.{_READERS[kind]}")


if __name__ == "__main__":
    main()
