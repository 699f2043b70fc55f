"""The Chromium that tests drive: the one named, the machine's, or Debian's, installed once by root."""

import os
import shutil
from functools import cache
from urllib.parse import urlsplit

from tests import debian

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# As root there is no sandbox; the rest keeps Chromium from calling its maker, over and over.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)


class NoBrowser(RuntimeError):
    """There is no Chromium and we cannot install one; the message says how."""


@cache
def chromium() -> str:
    """Return the path of a Chromium, installing Debian's when this is root on a machine with apt-get.

    Raises NoBrowser otherwise: a page that nobody looked at has not been tested.
    """
    found = _found()
    if not found and os.geteuid() == 0 and shutil.which("apt-get"):
        debian.install("chromium", for_what="the page tests")
        found = _found()
    if not found:
        raise NoBrowser(
            "No Chromium for the page tests. Run once:  sudo apt-get install chromium  (or set CHROMIUM)"
        )
    return found


def _found() -> str | None:
    if given := os.environ.get("CHROMIUM"):
        if found := shutil.which(given):
            return found
        raise NoBrowser(f"CHROMIUM names {given}, which cannot be run.")
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def is_local(url: str) -> bool:
    """Say whether a page may load `url`: from this machine, or out of the page itself."""
    parts = urlsplit(url)
    return parts.hostname in ("127.0.0.1", "localhost") or parts.scheme in ("data", "blob", "about")
