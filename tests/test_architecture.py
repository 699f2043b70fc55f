"""The rooms keep to their one-way imports, and a new room must first be given its place."""

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LINTER = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
OUTSIDE = {"tests", "benchmarks"}


def test_imports_keep_the_layers():
    linter = Path(sys.executable).parent / "lint-imports"

    ended = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=120)

    assert ended.returncode == 0, ended.stdout


def test_every_room_has_its_place():
    rooms = {place.parent.name for place in ROOT.glob("*/__init__.py")} - OUTSIDE

    assert rooms == set(LINTER["root_packages"])
