"""All that the SFTP of one simulator holds."""

import shutil
import threading
from collections import Counter
from pathlib import Path
from typing import Protocol

from simulator.accounts import Account
from simulator.clock import Clock
from simulator.sftp.access import Access
from simulator.sftp.faults import Faults
from simulator.sftp.folders import Folders
from simulator.sftp.journal import Journal
from simulator.sftp.keys import ED25519, HostKeys
from simulator.store import Store


class Visit(Protocol):
    """A connection that is open, see `gate.Gate`."""

    account: Account | None

    def cut(self) -> None: ...
    def wait_until_over(self) -> None: ...


class Sftp:
    """`host` and `port` are where it listens, `host_key_types` the keys it presents."""

    def __init__(self, home: Path, store: Store, clock: Clock) -> None:
        self.home = home
        home.mkdir(parents=True, exist_ok=True)
        self.keys = HostKeys(home / "keys")
        self.access = Access(store)
        self.faults = Faults()
        self.journal = Journal(clock)
        self.host_key_types: tuple[str, ...] = (ED25519,)
        self.host, self.port = "", 0
        # Rung when there are rows to take in.
        self.news = threading.Condition()
        # How many files of each account have been under its rules for losing rows.
        self.lossy_files: Counter[int] = Counter()
        self._received: Counter[int] = Counter()
        self._visits: set[Visit] = set()
        self._lock = threading.Lock()

    def folders(self, account: Account) -> Folders:
        return Folders(self.home / str(account.n), plain=self.access.behaviour(account).kind == "plain")

    def receive(self, account: Account, count: int) -> None:
        with self._lock:
            self._received[account.n] += count

    def received(self, account: Account) -> int:
        """Return how many bytes of files an account was sent, whatever became of them."""
        return self._received[account.n]

    def ring(self) -> None:
        with self.news:
            self.news.notify_all()

    def arrived(self, visit: Visit) -> None:
        with self._lock:
            self._visits.add(visit)

    def left(self, visit: Visit) -> None:
        with self._lock:
            self._visits.discard(visit)

    def forget(self, account: Account | None) -> None:
        """Cut the connections of an account (None: all) and forget its keys, files, faults and log."""
        with self._lock:
            visits = [visit for visit in self._visits if account is None or _is_of(visit, account)]
        for visit in visits:
            visit.cut()
        for visit in visits:
            visit.wait_until_over()
        self.access.forget(account)
        self.faults.clear(account_names=(account.key, account.id) if account else None)
        self.journal.forget(account.id if account else None)
        if account is None:
            self.host_key_types = (ED25519,)
        for counter in (self._received, self.lossy_files):
            counter.clear() if account is None else counter.pop(account.n, None)
        self._remove_files(account)

    def _remove_files(self, account: Account | None) -> None:
        if account is None:
            homes = [place for place in self.home.iterdir() if place.name.isdecimal()]
        else:
            homes = [self.home / str(account.n)]
        for home in homes:
            shutil.rmtree(home, ignore_errors=True)


def _is_of(visit: Visit, account: Account) -> bool:
    return visit.account is not None and visit.account.n == account.n
