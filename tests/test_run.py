"""`run.py` says what it can do, and starts nothing on a wrong word."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def run(*arguments: str, venv: Path) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "VENV": str(venv)}
    argv = [sys.executable, str(ROOT / "run.py"), *arguments]
    return subprocess.run(argv, env=env, capture_output=True, text=True, timeout=60)


class TestUsage:
    @pytest.mark.parametrize("arguments", [(), ("dmeo",), ("--help",)])
    def test_names_every_job_without_a_good_one(self, arguments, tmp_path):
        ended = run(*arguments, venv=tmp_path / "none")

        assert ended.returncode == 1
        for job in ("demo", "up", "manage", "test", "faults", "check", "bench"):
            assert f"  {job} " in ended.stderr
        assert not (tmp_path / "none").exists()


class TestEnvironment:
    def test_is_taken_as_it_is_when_its_stamp_is_right(self, tmp_path):
        import hashlib

        lock = ROOT / "requirements.lock"
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin" / "python").symlink_to(sys.executable)
        (tmp_path / ".requirements.lock.sha256").write_text(hashlib.sha256(lock.read_bytes()).hexdigest())
        stand_in = tmp_path / "bin" / "python"
        stand_in.unlink()
        stand_in.write_text('#!/bin/sh\necho asked for "$@"\n')
        stand_in.chmod(0o755)

        ended = run("manage", "plan", "VIP", venv=tmp_path)

        assert ended.stdout == "asked for manage.py plan VIP\n"
        assert ended.stderr == ""


def test_ci_runs_the_test_job_and_nothing_else():
    script = (ROOT / ".ci" / "run").read_text()

    assert script.splitlines()[-1] == "exec python3 run.py test"
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
