"""`run.py faults codes`: every code provoked in the simulator, and resolved through the page in a browser."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests import browser, debian, sshd
from tests.faults.codes import printing
from tests.faults.codes.row import Row

HERE = Path(__file__).parent
# More than two cores have: a third of the time of a row goes by in waiting.
WORKERS = "3"
WHERE = {"page": "through the page in a browser", "code": "by the functions behind the page"}
LAST_LINES = 40
COUNTS = "counts.json"


def main(arguments: list[str]) -> int:
    given, rest = _parser().parse_known_args(arguments)
    try:
        browser.chromium()
        sshd.sshd()
    except (browser.NoBrowser, sshd.NoServer, debian.NotInstalled) as problem:
        print(problem, file=sys.stderr)
        return 1
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="rollcall-codes-") as folder:
        rows, code, said = _play(Path(folder), given.desk, ["-n", given.workers, *rest])
        wanted = sum(json.loads((Path(folder) / COUNTS).read_text()).values())
    seconds = time.monotonic() - begun
    print(printing.table(rows))
    if code and all(row.is_proved for row in rows):
        print("\n".join(said[-LAST_LINES:]), file=sys.stderr)
    print(printing.summary(rows, wanted=wanted, seconds=seconds, where=WHERE[given.desk]), flush=True)
    return 0 if not code and len(rows) == wanted and all(row.is_proved for row in rows) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="run.py faults codes",
        description=__doc__,
        epilog="More arguments go to pytest, such as -k guard.",
    )
    parser.add_argument("--desk", choices=WHERE, default="page", help="where ways out are taken")
    parser.add_argument("-n", dest="workers", default=WORKERS, help=f"rows at a time ({WORKERS})")
    return parser


def _play(folder: Path, desk: str, arguments: list[str]) -> tuple[list[Row], int, list[str]]:
    """Play the rows; return them, pytest's exit code and what it said."""
    told, log = folder / "rows.jsonl", folder / "pytest.log"
    told.touch()
    env = {**os.environ, "CODES_ROWS": str(told), "TEST_COUNTS": str(folder / COUNTS), "DESK": desk}
    argv = [sys.executable, "-m", "pytest", "--tb=short", "-q", str(HERE / "test_table.py"), *arguments]
    rows: list[Row] = []
    with log.open("wb") as output, told.open(encoding="utf-8") as lines:
        playing = subprocess.Popen(
            argv, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
        over = False
        while not over:
            # Asked before the last look: what was written before the end is not missed.
            over = _ended(playing)
            for row in _read(lines):
                rows.append(row)
                print(f"{row.code or row.reason}:{printing.line(row)}", file=sys.stderr, flush=True)
    return rows, playing.returncode, log.read_text(errors="replace").splitlines()


def _ended(playing: subprocess.Popen[bytes]) -> bool:
    try:
        playing.wait(0.5)
    except subprocess.TimeoutExpired:
        return False
    return True


def _read(lines: Iterator[str]) -> Iterator[Row]:
    for text in lines:
        yield Row(**json.loads(text))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
