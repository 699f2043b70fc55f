#!/usr/bin/env python3
"""Set up this checkout (only Python >= 3.11 needed) and do one job in its own environment."""

import hashlib
import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent
VENV = pathlib.Path(os.environ.get("VENV", ROOT / ".venv"))
PYTHON = VENV / "bin" / "python"
RUNTIME, TESTS = "requirements.lock", "requirements-test.lock"
JOBS = {
    "demo": (
        RUNTIME,
        ["manage.py", "demo"],
        "a list in a simulated Klaviyo made equal to a query, then the web app",
    ),
    "up": (
        RUNTIME,
        ["manage.py", "up"],
        "the whole product on this machine: web, worker, beat and a private Valkey",
    ),
    "manage": (RUNTIME, ["manage.py"], "any other command of manage.py: apply, plan, run, workflow, …"),
    "test": (TESTS, ["-m", "tests"], "every test, on PostgreSQL and on SQLite; more arguments go to pytest"),
    "faults": (
        TESTS,
        ["-m", "tests.faults"],
        "what happens when something fails: simulate, mutants, kills, services, codes",
    ),
    "check": (
        TESTS,
        ["-m", "tests.check"],
        "what review runs: format, lint, types, layers, templates, migrations",
    ),
    "bench": (TESTS, ["-m", "benchmarks"], "the measurements, with the machine they were taken on"),
    "setup": (TESTS, ["-c", ""], "only make the environment, with everything that tests and checks need"),
}


def main() -> None:
    if sys.version_info < (3, 11):
        found = sys.version.split()[0]
        sys.exit(f"Python 3.11 or newer is needed; this is {found}. Try: python3.11 {sys.argv[0]} …")
    if len(sys.argv) < 2 or sys.argv[1] not in JOBS:
        sys.exit(usage())
    lock, argv, _ = JOBS[sys.argv[1]]
    make_ready(ROOT / lock)
    os.chdir(ROOT)
    os.execv(PYTHON, [str(PYTHON), *argv, *sys.argv[2:]])


def usage() -> str:
    lines = [f"  {job:<8}{about}" for job, (_, _, about) in JOBS.items()]
    return "\n".join([f"usage: python3 {pathlib.Path(sys.argv[0]).name} JOB [more arguments]", "", *lines])


def make_ready(lock: pathlib.Path) -> None:
    """Bring the environment up to `lock`; at once when it is there already.

    The test lock holds everything of the runtime lock in the same versions, so one environment serves both.
    """
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    if PYTHON.exists() and _is_stamped(lock, wanted):
        return
    say(f"Installing {lock.name} into {VENV.name} (once)")
    if not PYTHON.exists():
        make_environment()
    options = [
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--require-hashes",
        "--only-binary",
        ":all:",
    ]
    call(*pip(), "install", *options, "-r", lock)
    _stamp(lock).write_text(wanted)


def _stamp(lock: pathlib.Path) -> pathlib.Path:
    return VENV / f".{lock.name}.sha256"


def _is_stamped(lock: pathlib.Path, wanted: str) -> bool:
    return _stamp(lock).exists() and _stamp(lock).read_text() == wanted


def make_environment() -> None:
    """Make the virtual environment; Debian and Ubuntu ship ensurepip apart from Python, in python3-venv."""
    if not has(sys.executable, "ensurepip") and not has(sys.executable, "pip"):
        install_venv_package()
    without = [] if has(sys.executable, "ensurepip") else ["--without-pip"]
    call(sys.executable, "-m", "venv", "--clear", *without, VENV)


def install_venv_package() -> None:
    package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        sys.exit(f"This Python has neither pip nor venv. Run once:  sudo apt-get install {package}")
    say(f"Installing {package}, which this Python lacks")
    quiet = {"env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}, "stdout": subprocess.DEVNULL}
    call("apt-get", "update", "-qq", **quiet)
    call("apt-get", "install", "-y", "-qq", "--no-install-recommends", package, **quiet)


def pip() -> list[object]:
    if has(PYTHON, "pip"):
        return [PYTHON, "-m", "pip"]
    return [sys.executable, "-m", "pip", "--python", PYTHON]


def has(python: str | pathlib.Path, module: str) -> bool:
    return subprocess.run([str(python), "-c", f"import {module}"], capture_output=True).returncode == 0


def call(*argv: object, **options: object) -> None:
    command = [str(part) for part in argv]
    ended = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, **options)
    if ended.returncode:
        sys.exit(f"{pathlib.Path(command[0]).name} ended with {ended.returncode}; what it said is above.")


def say(text: str) -> None:
    print(f"==> {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
