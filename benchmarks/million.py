"""A large list, one per cent of it changed, at Klaviyo's true limits: time beside their floor, and memory.

`python3 run.py bench million [rows] [--again]` takes a quarter of an hour for 1,000,000 rows, nearly all
of it the 75,000 members a minute that Klaviyo lets anyone read. `--again` adds a run with the ledger.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from simulator.control import Account, Simulator

ROOT = Path(__file__).resolve().parent.parent
LIST = "Everyone"
CONFIGURATION = """
credentials:
  Shop: {{kind: klaviyo_api_key, secret: "env:KLAVIYO_KEY"}}
sources:
  Files: {{kind: files, files: {{people: "{csv}"}}}}
queries:
  Everyone: {{source: Files, sql: "select email from people", state: active}}
destinations:
  Klaviyo: {{plugin: klaviyo, credential: Shop}}
data_templates:
  Everyone: {{destination: Klaviyo, list_name: Everyone}}
orchestrations:
  Everyone: {{query: Everyone, data_template: Everyone}}
"""


def main() -> None:
    asked = argparse.ArgumentParser(prog="bench million")
    asked.add_argument("rows", type=int, nargs="?", default=1_000_000)
    asked.add_argument("--again", action="store_true", help="run once more, with the ledger as the baseline")
    given = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="rollcall-bench-") as place:
        folder = Path(place)
        with Simulator.start(folder / "klaviyo", limits=True) as simulator:
            _measure(folder, simulator, given.rows, again=given.again)


def _measure(folder: Path, simulator: Simulator, rows: int, *, again: bool) -> None:
    account = simulator.account("Benchmark")
    churn = rows // 100
    began = time.monotonic()
    account.seed(LIST, rows, email="person{n}@example.org", first=0)
    _write(folder / "people.csv", range(churn, rows + churn))
    print(f"prepared {rows:,} members and {rows:,} rows in {time.monotonic() - began:.0f} s", flush=True)
    run = _Rollcall(folder, simulator, account)
    run.manage("migrate", "--verbosity", "0")
    (folder / "bench.yaml").write_text(CONFIGURATION.format(csv=folder / "people.csv"))
    run.manage("apply", str(folder / "bench.yaml"))
    account.forget_log()
    paused = run.timed("run", "Everyone", "--wait", "--json", accept=(3,))
    workflow, plan = paused["workflow"], paused["plan"]["hash"]
    print(f"guard: {paused['error']['message']}")
    run.manage("approve", workflow, "--plan", plan)
    done = run.timed("workflow", workflow, "--resume", "--json", accept=(0,))
    _tell("first run, list read whole", run, done, account)
    if again:
        _write(folder / "people.csv", range(2 * churn, rows + 2 * churn))
        run.seconds = 0.0
        account.forget_log()
        _tell(
            "next run, from the ledger",
            run,
            run.timed("run", "Everyone", "--wait", "--json", accept=(0,)),
            account,
        )


class _Rollcall:
    """The product as a user runs it: commands in processes of their own."""

    def __init__(self, folder: Path, simulator: Simulator, account: Account) -> None:
        self.seconds = 0.0
        self.env = {
            **os.environ,
            "DATA_DIR": str(folder / "rollcall"),
            "KLAVIYO_API_URL": simulator.url,
            "KLAVIYO_KEY": account.key,
        }

    def manage(self, *arguments: str) -> None:
        subprocess.run([sys.executable, "manage.py", *arguments], check=True, cwd=ROOT, env=self.env)

    def timed(self, *arguments: str, accept: tuple[int, ...]) -> dict[str, Any]:
        began = time.monotonic()
        ran = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.env,
            stdout=subprocess.PIPE,
            check=False,
        )
        self.seconds += time.monotonic() - began
        if ran.returncode not in accept:
            sys.exit(f"manage {' '.join(arguments)} ended with {ran.returncode}: {ran.stdout.decode()}")
        return json.loads(ran.stdout)


def _write(path: Path, numbers: range) -> None:
    with path.open("w") as stream:
        stream.write("email\n")
        stream.writelines(f"person{number}@example.org\n" for number in numbers)


def _tell(name: str, run: _Rollcall, done: dict[str, Any], account: Account) -> None:
    from destinations.klaviyo.limits import floor_seconds

    # Each endpoint has windows of its own, and the calls of one kind wait for those of the kind before.
    floors = {endpoint: floor_seconds(calls, endpoint) for endpoint, calls in done["requests"].items()}
    floor = sum(floors.values())
    # Kilobytes on Linux: the largest of the processes that were waited for, so of the workers.
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"\n{name}: {done['state']}, verified {done['verified_at']}")
    print(f"  counts      {done['counts']}")
    print(f"  requests    {done['requests']}")
    print(f"  429 seen    {account.stats()['throttled']}")
    times = run.seconds / max(floor, 1)
    print(f"  time        {run.seconds:.1f} s against a floor of {floor:.1f} s: {times:.3f}x")
    print(f"  peak memory {peak:.0f} MiB")
