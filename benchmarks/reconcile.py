"""Times the reconcile against its floor and against Python sets: `python benchmarks/reconcile.py [rows]`.

The floor is DuckDB decoding and hashing every column of the candidates and of the members. Each round runs
floor, reconcile and Python in turn, each in a process of its own; the ratios are the medians of the rounds.
Data: rows with a phone and three attributes, 1 % churn (0.25 % adds, 0.25 % removes, 0.5 % changed rows).
"""

import json
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

import duckdb  # noqa: E402
import pyarrow as pa  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402

from audiences.reconcile import reconcile  # noqa: E402
from audiences.workbench import copy_to, parquet, workbench  # noqa: E402

ROWS = 1_000_000
ROUNDS = 5
MEMORY_MB = 512
GOAL_OVER_FLOOR, GOAL_UNDER_PYTHON = 5.0, 6.0


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    with tempfile.TemporaryDirectory(prefix="reconcile-") as folder:
        subprocess.run([sys.executable, __file__, "--make", str(rows), folder], check=True)
        runs: dict[str, list[dict[str, Any]]] = {name: [] for name in WORK}
        for _ in range(ROUNDS):
            for name in WORK:
                runs[name].append(measured(name, folder))
    report(rows, runs)


def make(folder: Path, rows: int) -> None:
    """Write the query, the list and the ledger as a verified run left them."""
    churn = max(rows // 400, 1)
    kept = f"range({churn}, {rows + churn})"
    with workbench(folder) as con:
        con.execute("CREATE MACRO key_of(i) AS md5('user' || i || '@example.org')")
        candidate = """i AS row_no, key_of(i) AS key, {hash} AS row_hash,
            'user' || i || '@example.org' AS email,
            '+1212' || (5550000 + i % 9999) AS phone_number, 'First' || i AS first_name,
            'City' || (i % 100) AS "location.city", (i % 1000) / 10.0 AS "properties.Total" """
        changed = f"md5('row' || i || CASE WHEN i % 200 = 0 AND i < {rows} THEN 'new' ELSE '' END)"
        write = {
            "candidates": f"SELECT {candidate.format(hash=changed)} FROM {kept} t(i)",
            "members": f"""SELECT key_of(i) AS key, md5('id' || i)[:26] AS profile_id,
                'user' || i || '@example.org' AS email, '2026-01-01T00:00:00+00:00' AS joined_at
                FROM range({rows}) t(i)""",
            "ledger": f"""SELECT key_of(i) AS key, md5('id' || i)[:26] AS profile_id,
                md5('row' || i) AS row_hash, '2026-01-01T00:00:00+00:00' AS joined_at,
                'on' AS state FROM range({rows}) t(i)""",
        }
        for name, sql in write.items():
            # Files of a real run come in no order that would help the join.
            con.execute(f"COPY ({sql} ORDER BY hash(i)) {copy_to(folder / f'{name}.parquet')}")


def floor(folder: Path) -> dict[str, int]:
    with workbench(folder, memory_limit_mb=MEMORY_MB) as con:
        for name in ("candidates", "members"):
            source = parquet(folder / f"{name}.parquet")
            columns = [row[0] for row in con.execute(f"DESCRIBE FROM {source}").fetchall()]
            hashes = ", ".join(f'"{column}"' for column in columns)
            con.execute(f"SELECT bit_xor(hash({hashes})) FROM {source}").fetchall()
    return {}


def with_duckdb(folder: Path, *, full_profile: bool) -> dict[str, int]:
    into = folder / "out"
    into.mkdir(exist_ok=True)
    files = {name: folder / f"{name}.parquet" for name in ("candidates", "members", "ledger")}
    tally = reconcile(**files, into=into, mode="mirror", full_profile=full_profile, memory_limit_mb=MEMORY_MB)
    return {name: getattr(tally, name) for name in ("adds", "removes", "updates", "unchanged")}


def with_python(folder: Path, *, full_profile: bool) -> dict[str, int]:
    """Do the same as one would by hand: sets of keys and a dict of row hashes, rows written as Parquet."""
    ledger = dict(rows_of(folder / "ledger.parquet", "key", "row_hash")) if full_profile else {}
    members = {key: (profile, email) for key, profile, email in rows_of(folder / "members.parquet", *MEMBER)}
    adds, updates, seen = [], [], set()
    for row in pq.read_table(folder / "candidates.parquet").to_pylist():
        key = row["key"]
        seen.add(key)
        if key not in members:
            adds.append(row)
        elif full_profile and ledger.get(key) != row["row_hash"]:
            updates.append({**row, "profile_id": members[key][0]})
    removes = [(key, *member) for key, member in members.items() if key not in seen]
    schema = pq.read_schema(folder / "candidates.parquet")
    pq.write_table(pa.Table.from_pylist(adds, schema=schema), folder / "python-adds.parquet")
    with_id = schema.append(pa.field("profile_id", pa.string()))
    pq.write_table(pa.Table.from_pylist(updates, schema=with_id), folder / "python-updates.parquet")
    gone = pa.table(list(zip(*removes, strict=True)), names=list(MEMBER))
    pq.write_table(gone, folder / "python-removes.parquet")
    return {
        "adds": len(adds),
        "removes": len(removes),
        "updates": len(updates),
        "unchanged": len(seen) - len(adds) - len(updates),
    }


MEMBER = ("key", "profile_id", "email")


def rows_of(path: Path, *columns: str) -> Any:
    table = pq.read_table(path, columns=list(columns))
    return zip(*(table.column(name).to_pylist() for name in columns), strict=True)


WORK: dict[str, Callable[[Path], dict[str, int]]] = {
    "floor": floor,
    "reconcile, addresses only": lambda folder: with_duckdb(folder, full_profile=False),
    "reconcile, full profile": lambda folder: with_duckdb(folder, full_profile=True),
    "Python sets, addresses only": lambda folder: with_python(folder, full_profile=False),
    "Python sets, full profile": lambda folder: with_python(folder, full_profile=True),
}


def measured(name: str, folder: str) -> dict[str, Any]:
    """Run one piece in a fresh process, so that none profits from the memory of another."""
    command = [sys.executable, __file__, "--one", name, folder]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def one(name: str, folder: Path) -> None:
    started = time.perf_counter()
    found = WORK[name](folder)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "peak_mb": peak, "found": found}))


def report(rows: int, runs: dict[str, list[dict[str, Any]]]) -> None:
    print(f"{rows:,} candidates × {rows:,} members, 1 % churn, DuckDB {duckdb.__version__}, {ROUNDS} rounds")
    for name, results in runs.items():
        seconds = statistics.median(result["seconds"] for result in results)
        peak = max(result["peak_mb"] for result in results)
        print(f"  {name:28} {seconds:7.2f} s  peak {peak:6.0f} MiB  {results[0]['found'] or ''}")
    for kind in ("addresses only", "full profile"):
        ours, python = runs[f"reconcile, {kind}"], runs[f"Python sets, {kind}"]
        if ours[0]["found"] != python[0]["found"]:
            raise SystemExit(f"the two ways disagree on {kind}")
        over, under = ratio(ours, runs["floor"]), ratio(python, ours)
        print(
            f"  {kind}: {over:.1f} × the floor (goal ≤ {GOAL_OVER_FLOOR:g}), "
            f"{under:.1f} × faster than Python (goal ≥ {GOAL_UNDER_PYTHON:g})"
        )


def ratio(one: list[dict[str, Any]], other: list[dict[str, Any]]) -> float:
    pairs = zip(one, other, strict=True)
    return statistics.median(first["seconds"] / second["seconds"] for first, second in pairs)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        one(sys.argv[2], Path(sys.argv[3]))
    elif sys.argv[1:2] == ["--make"]:
        # Not in this process: its peak of memory would be counted as that of every process it starts.
        make(Path(sys.argv[3]), int(sys.argv[2]))
    else:
        main()
