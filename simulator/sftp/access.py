"""Who may log in, with which keys, and how the SFTP of each account behaves."""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from simulator.accounts import Account, Accounts
from simulator.sftp import keys
from simulator.store import Store

KINDS = ("klaviyo", "plain")
TUPLES = ("drop", "ingest_ignores")


@dataclass(frozen=True)
class Behaviour:
    """How one account's SFTP behaves; every value can be changed while it runs.

    A file waits `delay_seconds` after it was closed, then its rows are taken at `rows_per_second` (0: as
    fast as they can be). Rows whose address one of the patterns `drop` matches are lost without a word,
    and so is a share of the others, chosen by a hash of `drop_seed` and the address; `drop_files` says in
    how many files that happens (None: in all). `headers` maps a header to a field of a profile, such as
    {"First Name": "first_name", "City": "location.city"}; any other header is a custom property.

    A file `taken_at_once` is gone before its close is answered, `removed_after_ingest` when its rows are
    in. `shuffled_acks` answers writes out of their order; `bytes_per_second` slows them down.
    A server of kind `plain` is not Klaviyo's: its root can be written to, and nothing is taken in.
    """

    delay_seconds: float = 0.2
    rows_per_second: float = 0.0
    drop_share: float = 0.0
    drop_seed: int = 0
    drop: tuple[str, ...] = ()
    drop_files: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    ingest_ignores: tuple[str, ...] = ()
    taken_at_once: bool = False
    removed_after_ingest: bool = False
    rename_allowed: bool = True
    posix_rename: bool = True
    refuse_keys: bool = False
    shuffled_acks: bool = False
    bytes_per_second: float = 0.0
    kind: str = "klaviyo"


USUAL = Behaviour()


class Access:
    """The public keys and the behaviour of every account, written through to the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._keys: dict[int, tuple[bytes, ...]] = {}
        self._behaviour: dict[int, Behaviour] = {}
        with store.read() as db:
            for row in db.execute("SELECT account, keys, behaviour FROM sftp_access"):
                blobs = json.loads(row["keys"])
                self._keys[row["account"]] = tuple(base64.b64decode(blob) for blob in blobs)
                self._behaviour[row["account"]] = Behaviour(**_checked(json.loads(row["behaviour"])))

    def behaviour(self, account: Account) -> Behaviour:
        return self._behaviour.get(account.n, USUAL)

    def change(self, account: Account, changes: Mapping[str, Any]) -> Behaviour:
        """Change some of an account's behaviour. Raises ValueError for a name that is none."""
        with self._lock:
            self._behaviour[account.n] = replace(self.behaviour(account), **_checked(changes))
            self._save(account)
        return self.behaviour(account)

    def authorize(self, account: Account, line: str) -> str:
        """Let whoever has the private half of this public key in; return its fingerprint."""
        blob = keys.public_blob(line)
        with self._lock:
            self._keys[account.n] = (*(b for b in self._keys.get(account.n, ()) if b != blob), blob)
            self._save(account)
        return keys.fingerprint(blob)

    def withdraw(self, account: Account, fingerprint: str | None) -> None:
        """Take one key away, or all of them."""
        with self._lock:
            held = self._keys.get(account.n, ())
            left = tuple(b for b in held if fingerprint and keys.fingerprint(b) != fingerprint)
            self._keys[account.n] = left
            self._save(account)

    def fingerprints(self, account: Account) -> list[str]:
        return [keys.fingerprint(blob) for blob in self._keys.get(account.n, ())]

    def opens(self, account: Account, blob: bytes) -> bool:
        return blob in self._keys.get(account.n, ()) and not self.behaviour(account).refuse_keys

    def forget(self, account: Account | None) -> None:
        with self._lock, self._store.write() as db:
            if account is None:
                self._keys.clear()
                self._behaviour.clear()
                db.execute("DELETE FROM sftp_access")
            else:
                self._keys.pop(account.n, None)
                self._behaviour.pop(account.n, None)
                db.execute("DELETE FROM sftp_access WHERE account = ?", (account.n,))

    def _save(self, account: Account) -> None:
        blobs = [base64.b64encode(blob).decode() for blob in self._keys.get(account.n, ())]
        behaviour = json.dumps(asdict(self.behaviour(account)))
        with self._store.write() as db:
            db.execute(
                "INSERT OR REPLACE INTO sftp_access (account, keys, behaviour) VALUES (?, ?, ?)",
                (account.n, json.dumps(blobs), behaviour),
            )


def user_of(account: Account) -> str:
    """Return an account's user name: its id and a suffix that says nothing, as in `AbC123_4f9d20aa`."""
    return f"{account.id}_{hashlib.sha256(account.key.encode()).hexdigest()[:8]}"


def account_of(accounts: Accounts, user: str) -> Account | None:
    return next((account for account in accounts.all() if user_of(account) == user), None)


def _checked(changes: Mapping[str, Any]) -> dict[str, Any]:
    unknown = changes.keys() - {f.name for f in fields(Behaviour)}
    if unknown:
        raise ValueError(f"no such setting of SFTP: {', '.join(sorted(unknown))}")
    if changes.get("kind", KINDS[0]) not in KINDS:
        raise ValueError(f"an SFTP server is one of {', '.join(KINDS)}")
    given = {name: tuple(changes[name]) for name in TUPLES if name in changes}
    for pattern in (pattern for name in TUPLES for pattern in given.get(name, ())):
        re.compile(pattern)
    return {**changes, **given}
