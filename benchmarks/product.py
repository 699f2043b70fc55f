"""The product as a user runs it: commands in processes of their own, with their memory looked at."""

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from simulator.control import Account

ROOT = Path(__file__).resolve().parent.parent


class Rollcall:
    """An installation in a folder of its own, with the key of one account in its environment.

    `seconds` is how long the commands that were asked something took, together.
    """

    def __init__(self, folder: Path, account: Account) -> None:
        self.seconds = 0.0
        self.env = {
            **os.environ,
            "DATA_DIR": str(folder / "rollcall"),
            "KLAVIYO_API_URL": account.simulator.url,
            "KLAVIYO_KEY": account.key,
        }

    def manage(self, *arguments: str) -> None:
        """Run a command that must succeed."""
        subprocess.run([sys.executable, "manage.py", *arguments], check=True, cwd=ROOT, env=self.env)

    def asked(self, *arguments: str, accept: tuple[int, ...] = (0,)) -> dict[str, Any]:
        """Run a command and return its JSON; ends this process when its exit code is none of `accept`."""
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


def peak_mib() -> float:
    """Return the largest memory of a process that was waited for; kilobytes on Linux."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def finish(told: dict[str, Any], equal: bool) -> None:
    """End this process unless the run was verified and the list is what the query gave."""
    if not (told["verified_at"] and equal):
        sys.exit(f"the list is not what the query gave: {told['state']}")
