"""A million rows as CSV to an SFTP server: beside DuckDB's plain COPY, and beside OpenSSH's own `sftp put`.

`python3 run.py bench files [rows] [--rounds N]`. Rows have Email, PhoneNumber, ExternalID, five properties.
Each round runs every contender in turn, each in a process of its own; ratios are medians of the rounds. The
server is OpenSSH's, on this machine, and is sent the same bytes by both.
"""

import argparse
import hashlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from destinations.csv_file import Column, Layout, blocks  # noqa: E402

PROPERTIES = ("Tier", "Total", "Orders", "City", "Last order")
GENERATION_GOAL, UPLOAD_GOAL, MEMORY_GOAL_MIB = 0.8, 1.0, 400
READ_BYTES = 4 << 20


def main() -> None:
    asked = argparse.ArgumentParser(prog="bench files")
    asked.add_argument("rows", type=int, nargs="?", default=1_000_000)
    asked.add_argument("--rounds", type=int, default=5)
    asked.add_argument("--work", help=argparse.SUPPRESS)
    asked.add_argument("--place", help=argparse.SUPPRESS)
    given = asked.parse_args()
    if given.work:
        print(json.dumps(_timed(WORK[given.work], json.loads(given.place))))
        return
    with tempfile.TemporaryDirectory(prefix="rollcall-bench-") as folder:
        _compare(Path(folder), given.rows, given.rounds)


def _compare(folder: Path, rows: int, rounds: int) -> None:
    from tests import sshd

    server = sshd.start()
    place = {
        "folder": str(folder),
        "host": server.host,
        "port": server.port,
        "user": server.user,
        "key": str(server.key),
        "host_key": server.host_keys["ssh-ed25519"],
        "rows": rows,
    }
    _run("make", place)
    runs: dict[str, list[dict[str, Any]]] = {}
    for _ in range(rounds):
        for name in ("copy", "generate", "put", "upload", "stream"):
            runs.setdefault(name, []).append(_run(name, place))
            server.reset()
    _report(rows, runs)


def _run(name: str, place: dict[str, Any]) -> dict[str, Any]:
    argv = [sys.executable, "-m", "benchmarks.files", "--work", name, "--place", json.dumps(place)]
    ran = subprocess.run(argv, cwd=ROOT, check=True, stdout=subprocess.PIPE)
    return json.loads(ran.stdout)


def _timed(work: Callable[[dict[str, Any]], tuple[float, str]], place: dict[str, Any]) -> dict[str, Any]:
    seconds, sha256 = work(place)
    # Kilobytes on Linux.
    mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "sha256": sha256, "mib": mib}


def _report(rows: int, runs: dict[str, list[dict[str, Any]]]) -> None:
    seconds = {name: [run["seconds"] for run in found] for name, found in runs.items()}
    same = {run["sha256"] for name in ("generate", "put", "upload", "stream") for run in runs[name]}
    print(f"{rows:,} rows; every file had the same SHA-256: {len(same) == 1}")
    for name, told in (
        ("copy", "DuckDB COPY to csv"),
        ("generate", "our CSV, written to a file"),
        ("put", "sftp put of that file"),
        ("upload", "our upload of that file's bytes"),
        ("stream", "our CSV streamed to the server"),
    ):
        mib = max(run["mib"] for run in runs[name])
        print(f"  {told:32} {statistics.median(seconds[name]):6.2f} s  {mib:5.0f} MiB")
    faster = statistics.median(a / b for a, b in zip(seconds["copy"], seconds["generate"], strict=True))
    times = statistics.median(a / b for a, b in zip(seconds["upload"], seconds["put"], strict=True))
    streamed = statistics.median(a / b for a, b in zip(seconds["stream"], seconds["put"], strict=True))
    mib = max(run["mib"] for name in ("generate", "upload", "stream") for run in runs[name])
    print(f"generation at {faster:.2f}x the speed of COPY (goal at least {GENERATION_GOAL})")
    print(f"upload in {times:.2f}x the time of sftp put (goal at most {UPLOAD_GOAL})")
    print(f"generation and upload together in {streamed:.2f}x the time of sftp put alone")
    print(f"peak memory {mib:.0f} MiB (goal at most {MEMORY_GOAL_MIB})")


# -- the work, each in a process of its own


def make(place: dict[str, Any]) -> tuple[float, str]:
    """Write the rows as a comparison leaves them."""
    import duckdb

    began = time.monotonic()
    with duckdb.connect() as con:
        con.execute(
            f"""COPY (SELECT i AS row_no, md5('user' || i) AS key, 'user' || i || '@example.org' AS email,
                '+1212' || (5550000 + i % 9999) AS phone_number, 'C-' || i AS external_id,
                CASE i % 3 WHEN 0 THEN 'gold' WHEN 1 THEN 'silver, new' ELSE NULL END AS "properties.Tier",
                (i % 100000) / 100.0 AS "properties.Total", (i % 90)::DOUBLE AS "properties.Orders",
                'City ' || (i % 500) AS "properties.City",
                '2026-0' || (1 + i % 9) || '-15' AS "properties.Last order"
            FROM range({place["rows"]}) t(i)) TO '{place["folder"]}/adds.parquet' (ROW_GROUP_SIZE 61440)"""
        )
    return time.monotonic() - began, ""


def copy(place: dict[str, Any]) -> tuple[float, str]:
    import duckdb

    columns = [column for column in _layout().columns if column.source]
    names = ", ".join(f'"{column.source}" AS "{column.header}"' for column in columns)
    began = time.monotonic()
    with duckdb.connect() as con:
        con.execute(
            f"COPY (SELECT {names}, 'AbCdEf' AS \"List ID\" FROM '{place['folder']}/adds.parquet') "
            f"TO '{place['folder']}/copy.csv' (FORMAT csv, HEADER)"
        )
    return time.monotonic() - began, ""


def generate(place: dict[str, Any]) -> tuple[float, str]:
    target = Path(place["folder"], "people.csv")
    began = time.monotonic()
    with target.open("wb") as stream:
        for block in _blocks(place):
            stream.write(block.data)
    seconds = time.monotonic() - began
    return seconds, _digest(target)


def put(place: dict[str, Any]) -> tuple[float, str]:
    argv = ["sftp", "-q", "-b", "-", "-P", str(place["port"]), "-i", place["key"]]
    argv += ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]
    argv += [f"{place['user']}@{place['host']}"]
    order = f"put {place['folder']}/people.csv profiles/put.csv\n"
    began = time.monotonic()
    subprocess.run(argv, input=order.encode(), check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began, _digest(Path(place["folder"], "people.csv"))


def upload(place: dict[str, Any]) -> tuple[float, str]:
    """Send the bytes that `sftp put` sends, from the same file."""
    from destinations.csv_file import Block

    def read() -> Any:
        with Path(place["folder"], "people.csv").open("rb") as stream:
            while piece := stream.read(READ_BYTES):
                lines = piece + stream.readline()
                yield Block(lines, lines.count(b"\n"))

    return _upload(place, read(), "upload.csv")


def stream(place: dict[str, Any]) -> tuple[float, str]:
    """Make the CSV and send it as it is made, as a workflow does: no file here in between."""
    return _upload(place, _blocks(place), "stream.csv")


def _upload(place: dict[str, Any], rows: Any, name: str) -> tuple[float, str]:
    credential = _credential(place)
    from destinations.clock import SystemClock
    from destinations.sftp.session import open_session

    began = time.monotonic()
    with open_session(credential, clock=SystemClock()) as session:
        done = session.upload(rows, folder="profiles", name=name, pulse=lambda size, count: None)
    return time.monotonic() - began, done.sha256


def _credential(place: dict[str, Any]) -> Any:
    """An installation with an empty database in memory, and in it the key of the server."""
    os.environ |= {"DJANGO_SETTINGS_MODULE": "config.settings", "DATA_DIR": f"{place['folder']}/rollcall"}
    os.environ |= {"DATABASE_URL": "sqlite://:memory:", "EMBEDDED_KEYS": "true", "LOG_LEVEL": "WARNING"}
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    from credentials import host_keys, ssh_keys, vault
    from credentials.models import Credential

    where = {name: place[name] for name in ("host", "port", "user")}
    credential = Credential(name="Bench", kind="sftp", settings=where)
    vault.save_secret(credential, ssh_keys.read(Path(place["key"]).read_text(), None).openssh)
    host_keys.accept(
        credential,
        type="ssh-ed25519",
        fingerprint=ssh_keys.fingerprint(place["host_key"]),
        by="the benchmark",
    )
    return credential


def _layout() -> Layout:
    names = (("Email", "email"), ("PhoneNumber", "phone_number"), ("ExternalID", "external_id"))
    columns = [Column(header, source) for header, source in names]
    numbers = ("Total", "Orders")
    columns += [
        Column(name, f"properties.{name}", "number" if name in numbers else "text") for name in PROPERTIES
    ]
    return Layout((*columns, Column("List ID", None, constant="AbCdEf")))


def _blocks(place: dict[str, Any]) -> Any:
    return blocks(Path(place["folder"], "adds.parquet"), _layout(), max_bytes=READ_BYTES)


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


WORK = {"make": make, "copy": copy, "generate": generate, "put": put, "upload": upload, "stream": stream}


if __name__ == "__main__":
    main()
