"""A large set by SFTP and by API: 300,000 people added and 4,000 removed, estimate beside actual time.

`python3 run.py bench large [adds] [removes]` runs the whole product twice a path, against the simulator at
Klaviyo's true limits. The first run of a path calibrates; the estimate of the second is the one to look at.
"""

import argparse
import csv
import io
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.product import Rollcall, finish, peak_mib
from simulator.control import Account, Simulator

LIST = "Everyone"
# What the simulator makes of files and of imports, in rows a second; Klaviyo states neither.
SFTP_PACE = {"delay_seconds": 20, "rows_per_second": 8_000}
IMPORT_PACE = {"lag_seconds": 3, "rows_per_second": 2_000}
CONFIGURATION = """
credentials:
  Shop: {{kind: klaviyo_api_key, secret: "env:KLAVIYO_KEY"}}
  Shop files:
    kind: klaviyo_sftp
    host: "{host}"
    port: {port}
    user: "{user}"
    secret: "file:{key}"
    host_keys: ["{host_key}"]
sources:
  Files: {{kind: files, files: {{people: "{csv}"}}}}
queries:
  Everyone: {{source: Files, sql: "select email from people", state: active}}
destinations:
  Klaviyo: {{plugin: klaviyo, credential: Shop, sftp_credential: Shop files}}
data_templates:
  Everyone: {{destination: Klaviyo, list_name: Everyone, path: {path}}}
orchestrations:
  Everyone:
    query: Everyone
    data_template: Everyone
    guards: {{approve_first_run: false, max_removed_share: 1.0}}
"""


def main() -> None:
    asked = argparse.ArgumentParser(prog="bench large")
    asked.add_argument("adds", type=int, nargs="?", default=300_000)
    asked.add_argument("removes", type=int, nargs="?", default=4_000)
    asked.add_argument("--path", choices=("auto", "api"), help="this path alone")
    given = asked.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="rollcall-bench-") as place,
        Simulator.start(Path(place) / "klaviyo", limits=True) as simulator,
    ):
        for path in (given.path,) if given.path else ("auto", "api"):
            _measure(Path(place) / path, simulator, path, given.adds, given.removes)


def _measure(folder: Path, simulator: Simulator, path: str, adds: int, removes: int) -> None:
    folder.mkdir()
    account = simulator.account(f"Benchmark of {path}")
    account.sftp_settings(**SFTP_PACE)
    account.import_settings(**IMPORT_PACE)
    account.seed(LIST, removes, email="stranger{n}@example.org")
    run = Rollcall(folder, account)
    run.manage("migrate", "--verbosity", "0")
    (folder / "bench.yaml").write_text(_configuration(folder, account, path))
    _write(folder / "people.csv", range(adds))
    run.manage("apply", str(folder / "bench.yaml"))
    for name, people in (("calibrating", range(adds)), ("estimated", range(removes, 2 * adds))):
        _write(folder / "people.csv", people)
        before = {file["name"] for file in account.sftp_files()}
        told = run.asked("run", "Everyone", "--wait", "--json")
        _tell(f"path {path}, {name} run", told, account, before)
        finish(told, account.members(LIST) == {f"person{n}@example.org" for n in people})


def _configuration(folder: Path, account: Account, path: str) -> str:
    from credentials import ssh_keys

    key = ssh_keys.generate()
    account.authorize(key.public_line)
    (folder / "key").write_text(key.openssh)
    door = asdict(account.sftp)
    return CONFIGURATION.format(csv=folder / "people.csv", key=folder / "key", path=path, **door)


def _write(path: Path, numbers: range) -> None:
    with path.open("w") as stream:
        stream.write("email\n")
        stream.writelines(f"person{number}@example.org\n" for number in numbers)


def _tell(name: str, told: dict[str, Any], account: Account, before: set[str]) -> None:
    names = [file["name"] for file in account.sftp_files() if file["name"] not in before]
    files = [account.sftp_file(name) for name in names]
    rows = sum(sum(1 for _ in csv.reader(io.StringIO(body.decode()))) - 1 for body in files)
    heads = {body.split(b"\n", 1)[0].decode() for body in files}
    estimate, actual = told["estimate_seconds"], told["actual_seconds"]
    print(f"\n{name}: {told['state']}, verified {told['verified_at']}, way {told['plan']['way']}")
    print(f"  {told['plan']['why']}")
    for sentence in told["plan"]["arithmetic"]:
        print(f"    {sentence}")
    print(f"  counts    {told['counts']}")
    print(f"  requests  {told['requests']}, 429 seen {told['throttled']}")
    print(f"  files     {len(files)} with {rows:,} rows under {' and '.join(heads) or 'no header'}")
    print(f"  memory    {peak_mib():.0f} MiB at most so far")
    print(f"  estimate  {estimate:.1f} s, actual {actual:.1f} s: {estimate / actual - 1:+.1%}", flush=True)
