"""The engine under faults that one seed decides: a sample of the seeds, every story, and that they bite."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
SEEDS = 24
# Seconds on a machine that does much else.
PATIENCE = 500
# What these two are without is seen at once; all of them: `run.py faults mutants`.
MUTANTS = ("fence", "guard_rounds")
pytestmark = pytest.mark.timeout(PATIENCE + 60)
# The simulation has its own settings and its own database, so it gets processes of its own.
FOREIGN = (
    "DATABASE_URL",
    "DATA_DIR",
    "DJANGO_SETTINGS_MODULE",
    "REDIS_URL",
    "EMBEDDED_KEYS",
    "TEST_DATABASE",
)


def faults(*arguments: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    argv = [sys.executable, "-m", "tests.faults", *arguments]
    return subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, timeout=PATIENCE)


def told(ended: subprocess.CompletedProcess[str]) -> Any:
    assert ended.returncode in (0, 1), ended.stderr[-2_000:]
    return json.loads(ended.stdout.splitlines()[-1])


def test_seeds_end_with_the_right_list_and_nothing_else():
    ended = faults("simulate", "--seeds", str(SEEDS), "--json")

    found = told(ended)
    assert found["wrong"] == {}
    assert found["seeds"] == SEEDS
    for fault in (
        "crashes",
        "long_pauses",
        "stale_refused",
        "ambiguous",
        "messages_lost",
        "bad_queries_held",
    ):
        assert found["met"].get(fault, 0) > 0, f"no seed met {fault}"


def test_every_story_ends_well():
    ended = faults("simulate", "--stories", "--variants", "2", "--json")

    found = told(ended)
    assert {name: why for name, why in found.items() if why} == {}
    assert len(found) >= 15


def test_a_seed_replays_to_the_last_line():
    first, second = faults("simulate", "--seed", "7"), faults("simulate", "--seed", "7")

    assert first.returncode == second.returncode == 0, first.stdout[-2_000:]
    lines = first.stdout.splitlines()
    assert len(lines) > 50
    # All but the time it took.
    assert lines[:-2] == second.stdout.splitlines()[:-2]
    assert lines[-2].split(",")[0] == second.stdout.splitlines()[-2].split(",")[0]


def test_notices_a_mechanism_that_is_missing():
    ended = faults("mutants", *MUTANTS, "--seeds", "0")

    assert ended.returncode == 0, ended.stdout
    assert "2 mutants, 0 not noticed" in ended.stdout
