"""Every test on PostgreSQL, then all that touch the database again on SQLite: one answer at the end."""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests import browser, debian, sshd

NO_TESTS = 5
# More than two cores have: half the time of a test goes by in waiting, for a lease or for Klaviyo's limits.
# Whoever is done takes over from the others, for the tests that kill workers are long and lie together.
WORKERS = "4"


@dataclass(frozen=True)
class Result:
    """One pass: pytest's exit code, how many tests ended how, and seconds."""

    database: str
    code: int
    counts: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def failed(self) -> int:
        return self.counts.get("failed", 0) + self.counts.get("error", 0)

    @property
    def passed(self) -> int:
        return self.counts.get("passed", 0) + self.counts.get("xfailed", 0)


def main(arguments: list[str]) -> int:
    try:
        browser.chromium()
        sshd.sshd()
    except (browser.NoBrowser, sshd.NoServer, debian.NotInstalled) as problem:
        print(problem, file=sys.stderr)
        return 1
    chosen = (
        arguments
        if any(part.startswith("-n") for part in arguments)
        else ["-n", WORKERS, "--dist", "worksteal", *arguments]
    )
    results = [run("PostgreSQL", chosen), run("SQLite", chosen)]
    print(summary(results), flush=True)
    return exit_code(results)


def run(database: str, arguments: list[str]) -> Result:
    print(f"\n==> {database}", flush=True)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="rollcall-counts-") as folder:
        counts = Path(folder) / "counts.json"
        env = {**os.environ, "TEST_COUNTS": str(counts), "TEST_DATABASE": database.lower()}
        argv = [sys.executable, "-m", "pytest", *arguments]
        code = subprocess.run(argv, env=env, stdin=subprocess.DEVNULL).returncode
        found = json.loads(counts.read_text()) if counts.exists() else {}
    return Result(database, code, found, time.monotonic() - begun)


def summary(results: list[Result]) -> str:
    lines = ["", *(_line(result) for result in results)]
    passed, failed = sum(result.passed for result in results), sum(result.failed for result in results)
    skipped = sum(result.counts.get("skipped", 0) for result in results)
    return "\n".join([*lines, f"{passed} passed, {failed} failed, {skipped} skipped"])


def _line(result: Result) -> str:
    if result.code == NO_TESTS:
        told = "no test chosen"
    elif result.code == 0:
        told = "passed"
    else:
        told = f"FAILED (pytest ended with {result.code})"
    counts = f"{result.passed} passed · {result.failed} failed · {result.seconds:.0f} s"
    return f"==> {result.database:<10} {told} · {counts}"


def exit_code(results: list[Result]) -> int:
    """Return 0 when every pass is good; a choice of tests may leave the second without any, never both."""
    codes = [result.code for result in results]
    if all(code == NO_TESTS for code in codes):
        return NO_TESTS
    return next((code for code in codes if code not in (0, NO_TESTS)), 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
