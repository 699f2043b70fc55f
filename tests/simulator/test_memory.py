import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from simulator.control import Simulator
from tests.simulator.plain import Api


class TestMemory:
    def test_outlives_the_process(self, tmp_path: Path) -> None:
        with Simulator.start(tmp_path) as first:
            account = first.account("Shop", key="pk_kept", scopes=["lists:read", "profiles:read"])
            list_id = account.list_named("VIP")
            account.add("VIP", "ada@example.org")
            account.unsubscribe(None, "ada@example.org")

        with Simulator.start(tmp_path) as second:
            again = second.account("Shop", key="pk_kept")

            assert again.id == account.id
            assert again.list_named("VIP") == list_id
            assert again.members("VIP") == {"ada@example.org"}
            assert again.profile("ada@example.org")["consent"] == {"email": "UNSUBSCRIBED"}

    def test_finishes_a_job_that_a_killed_process_left(self, tmp_path: Path) -> None:
        with Simulator.start(tmp_path) as first:
            account = first.account("Shop", key="pk_kept", lag_seconds=0.5)
            list_id = account.list_named("VIP")
            rows = [{"email": f"a{i}@example.org"} for i in range(10)]
            job = Api(first.url, account.key).import_job(rows, list_id).document["data"]
            first.process.kill()
            first.process.wait()

        with Simulator.start(tmp_path) as second:
            done = Api(second.url, "pk_kept").completed(job["id"])

            assert done["attributes"]["completed_count"] == 10
            assert len(second.account("Shop", key="pk_kept").members("VIP")) == 10

    def test_makes_the_same_identifiers_for_the_same_seed(self, tmp_path: Path) -> None:
        made = []
        for place in ("first", "second"):
            with Simulator.start(tmp_path / place, seed=7) as simulator:
                account = simulator.account("Shop")
                made.append((account.key, account.id, account.list_named("VIP")))

        assert made[0] == made[1]

    def test_is_empty_after_a_reset(self, tmp_path: Path) -> None:
        with Simulator.start(tmp_path) as simulator:
            kept, emptied = simulator.account("Kept"), simulator.account("Emptied")
            for account in (kept, emptied):
                account.add(account.list_named("VIP"), "ada@example.org")

            emptied.reset()

            assert emptied.counts()["profiles"] == 0
            assert kept.members("VIP") == {"ada@example.org"}
            simulator.reset()
            assert simulator.accounts() == []


class TestProcess:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_ends_cleanly_when_told_to(self, tmp_path: Path, number: int) -> None:
        simulator = Simulator.start(tmp_path)

        simulator.process.send_signal(number)

        assert simulator.process.wait(10) == 0
        assert (tmp_path / "simulator.log").read_text() == ""

    def test_ends_with_the_process_that_started_it(self, tmp_path: Path) -> None:
        program = (
            "import sys, pathlib; from simulator.control import Simulator;"
            "print(Simulator.start(pathlib.Path(sys.argv[1])).process.pid)"
        )
        started = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True
        )

        assert is_gone(int(started.stdout), within_seconds=10)


def is_gone(pid: int, *, within_seconds: float) -> bool:
    end = time.monotonic() + within_seconds
    while time.monotonic() < end:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        if Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z":
            return True
        time.sleep(0.05)
    return False
