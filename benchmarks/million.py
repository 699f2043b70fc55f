"""A large list, one per cent of it changed, at Klaviyo's true limits: time beside their floor, and memory.

`python3 run.py bench million [rows] [--again]` takes a quarter of an hour for 1,000,000 rows, nearly all
of it the 75,000 members a minute that Klaviyo lets anyone read. `--again` adds a run with the ledger.
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.product import Rollcall, peak_mib
from simulator.control import Account, Simulator

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
    run = Rollcall(folder, account)
    run.manage("migrate", "--verbosity", "0")
    (folder / "bench.yaml").write_text(CONFIGURATION.format(csv=folder / "people.csv"))
    run.manage("apply", str(folder / "bench.yaml"))
    account.forget_log()
    paused = run.asked("run", "Everyone", "--wait", "--json", accept=(3,))
    workflow, plan = paused["workflow"], paused["plan"]["hash"]
    print(f"guard: {paused['error']['message']}")
    run.manage("approve", workflow, "--plan", plan)
    done = run.asked("workflow", workflow, "--resume", "--json")
    _tell("first run, list read whole", run, done, account)
    if again:
        _write(folder / "people.csv", range(2 * churn, rows + 2 * churn))
        run.seconds = 0.0
        account.forget_log()
        _tell(
            "next run, from the ledger",
            run,
            run.asked("run", "Everyone", "--wait", "--json"),
            account,
        )


def _write(path: Path, numbers: range) -> None:
    with path.open("w") as stream:
        stream.write("email\n")
        stream.writelines(f"person{number}@example.org\n" for number in numbers)


def _tell(name: str, run: Rollcall, done: dict[str, Any], account: Account) -> None:
    from destinations.klaviyo.limits import floor_seconds

    # Each endpoint has windows of its own, and the calls of one kind wait for those of the kind before.
    floors = {endpoint: floor_seconds(calls, endpoint) for endpoint, calls in done["requests"].items()}
    floor = sum(floors.values())
    print(f"\n{name}: {done['state']}, verified {done['verified_at']}")
    print(f"  counts      {done['counts']}")
    print(f"  requests    {done['requests']}")
    print(f"  429 seen    {account.stats()['throttled']}")
    times = run.seconds / max(floor, 1)
    print(f"  time        {run.seconds:.1f} s against a floor of {floor:.1f} s: {times:.3f}x")
    print(f"  peak memory {peak_mib():.0f} MiB")
