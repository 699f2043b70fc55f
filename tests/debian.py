"""A program of Debian's that tests need and this machine lacks, installed once by root."""

import os
import subprocess
import sys


class NotInstalled(RuntimeError):
    """apt-get could not do it; the message has its last words."""


def install(package: str, *, for_what: str) -> None:
    """Install a package without asking anything. Raises NotInstalled."""
    print(f"==> Installing {package}, which {for_what} need (once)", file=sys.stderr, flush=True)
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for argv in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", package]):
        done = subprocess.run(
            ["apt-get", "-o", "DPkg::Lock::Timeout=300", *argv],
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            said = done.stderr.strip()[-500:]
            raise NotInstalled(f"apt-get {argv[0]} failed, so there is no {package}: {said}")
