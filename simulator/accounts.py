"""Keeps the accounts: who a key belongs to, what it may do, and how its Klaviyo behaves."""

import json
import threading
from dataclasses import asdict, dataclass, field, fields, replace

from simulator.ids import Ids
from simulator.store import Store


@dataclass(frozen=True)
class Settings:
    """How one account's Klaviyo behaves; every value can be changed while it runs.

    Import jobs wait `lag_seconds`, then take `rows_per_second` (None: as fast as they can), and their
    members show up in reads `settle_seconds` later. `fail` holds regular expressions; an address that
    one of them matches passes the synchronous check and fails in processing. Without `pointers` a
    refused import does not say which row is at fault. `limits` None means what the simulator was
    started with. `keys` are further keys of the account, each with its own scopes (None: all); `scopes`
    and `revoked` speak of the first one.
    """

    scopes: tuple[str, ...] | None = None
    limits: bool | None = None
    windows: dict[str, dict[str, int]] = field(default_factory=dict)
    revoked: bool = False
    keys: dict[str, list[str] | None] = field(default_factory=dict)
    timezone: str = "Europe/London"
    currency: str = "EUR"
    sender: str = "hello@example.com"
    opt_in_process: str = "double_opt_in"
    max_groups: int = 1000
    joined_precision: str = "microsecond"
    lag_seconds: float = 0.0
    rows_per_second: float | None = None
    settle_seconds: float = 0.0
    fail: tuple[str, ...] = ()
    pointers: bool = True


@dataclass(frozen=True)
class Account:
    n: int
    id: str
    key: str
    name: str
    settings: Settings


class Unknown(LookupError):
    """Nothing in the simulator goes by that name."""


class Accounts:
    """All accounts, held in memory and written through to the store."""

    def __init__(self, store: Store, ids: Ids) -> None:
        self._store = store
        self._ids = ids
        self._lock = threading.Lock()
        self._by_key: dict[str, Account] = {}
        self._by_further_key: dict[str, str] = {}
        with store.read() as db:
            for row in db.execute("SELECT * FROM accounts"):
                self._keep(Account(row["n"], row["id"], row["key"], row["name"], settings(row["settings"])))

    def create(self, name: str, *, key: str | None, account_id: str | None, changes: dict) -> Account:
        """Make an account, or return the one that already has `key`, with `changes` made to its settings."""
        with self._lock:
            known = self._by_key.get(key or "")
            if known:
                return self._change(known, name, changes)
            return self._create(name, key or self._ids.key(), account_id or self._ids.short(), changes)

    def change(self, account: Account, changes: dict, *, name: str | None = None) -> Account:
        with self._lock:
            current = self._by_key[account.key]
            return self._change(current, name or current.name, changes)

    def with_key(self, key: str) -> Account | None:
        """Return the account that a key opens, as far as it opens it."""
        first = self._by_further_key.get(key)
        if first is None:
            return self._by_key.get(key)
        account = self._by_key[first]
        scopes = account.settings.keys[key]
        own = replace(account.settings, revoked=False, scopes=None if scopes is None else tuple(scopes))
        return replace(account, settings=own)

    def add_key(self, account: Account, scopes: list[str] | None) -> str:
        """Make another key for an account, beside those it has, and return it."""
        key = self._ids.key()
        self.change(account, {"keys": {**account.settings.keys, key: scopes}})
        return key

    def named(self, key_or_id: str) -> Account:
        """Return the account with that key or id. Raises Unknown."""
        for account in list(self._by_key.values()):
            if key_or_id in (account.key, account.id):
                return account
        raise Unknown("no such account")

    def with_n(self, n: int) -> Account | None:
        return next((account for account in list(self._by_key.values()) if account.n == n), None)

    def all(self) -> list[Account]:
        return list(self._by_key.values())

    def forget_all(self) -> None:
        with self._lock:
            self._by_key.clear()
            self._by_further_key.clear()

    def _create(self, name: str, key: str, account_id: str, changes: dict) -> Account:
        wanted = replace(Settings(), **_checked(changes))
        with self._store.write() as db:
            cursor = db.execute(
                "INSERT INTO accounts (id, key, name, settings) VALUES (?, ?, ?, ?)",
                (account_id, key, name, json.dumps(asdict(wanted))),
            )
        account = Account(cursor.lastrowid or 0, account_id, key, name, wanted)
        self._keep(account)
        return account

    def _change(self, account: Account, name: str, changes: dict) -> Account:
        changed = replace(account, name=name, settings=replace(account.settings, **_checked(changes)))
        with self._store.write() as db:
            db.execute(
                "UPDATE accounts SET name = ?, settings = ? WHERE n = ?",
                (changed.name, json.dumps(asdict(changed.settings)), changed.n),
            )
        self._keep(changed)
        return changed

    def _keep(self, account: Account) -> None:
        known = {key: first for key, first in self._by_further_key.items() if first != account.key}
        self._by_key[account.key] = account
        self._by_further_key = {**known, **dict.fromkeys(account.settings.keys, account.key)}


def settings(text: str) -> Settings:
    return Settings(**_checked(json.loads(text)))


def _checked(changes: dict) -> dict:
    """Return settings with their types. Raises ValueError for a name that is none."""
    unknown = changes.keys() - {f.name for f in fields(Settings)}
    if unknown:
        raise ValueError(f"no such setting: {', '.join(sorted(unknown))}")
    lists = {name: tuple(changes[name]) for name in ("fail", "scopes") if changes.get(name) is not None}
    return {**changes, **lists}
