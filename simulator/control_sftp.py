"""The controls of the simulator's SFTP, as `control.Simulator` and `control.Account` have them."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Door:
    """Where SFTP is: `host_key` is like `ssh-ed25519 SHA256:…`, `host_keys` are all that are presented."""

    host: str
    port: int
    host_key: str
    host_keys: tuple[str, ...]
    user: str = ""

    @property
    def host_key_type(self) -> str:
        return self.host_key.split()[0]

    @property
    def fingerprint(self) -> str:
        return self.host_key.split()[1]


class Controls(Protocol):
    def call(self, method: str, path: str, given: Mapping[str, Any] | None = None) -> Any: ...


class SftpOfSimulator:
    """What concerns every account, and those who never said who they are."""

    @property
    def sftp(self: Controls) -> Door:
        return _door(self.call("GET", "/sftp"))

    def sftp_host_keys(self: Controls, *types: str) -> tuple[str, ...]:
        """Present host keys of these types from now on, e.g. `ssh-rsa`; return them as `Door.host_keys`."""
        return tuple(self.call("POST", "/sftp/host_keys", {"types": types})["host_keys"])

    def sftp_fault(self: Controls, action: str, **details: Any) -> int:
        """Let SFTP of any account go wrong; see `SftpOfAccount.sftp_fault`."""
        return self.call("POST", "/sftp/faults", {"action": action, **details})["id"]

    def sftp_connections(self: Controls) -> list[dict[str, Any]]:
        """Return every connection: `user`, `account`, `key_exchange` (None: not reached), `logins`, `faults`,
        `client`, `logged_in` and whether it is `open`."""
        return self.call("GET", "/sftp/connections")["connections"]


class SftpOfAccount:
    """What concerns one account."""

    simulator: Controls
    key: str
    id: str

    @property
    def sftp(self) -> Door:
        """Where to connect, and as whom."""
        return _door(self._sftp("GET", ""))

    def authorize(self, public_key_line: str) -> str:
        """Let whoever has the private half of `ssh-ed25519 AAAA…` in; return its fingerprint."""
        return self._sftp("POST", "/keys", key=public_key_line)["fingerprint"]

    def withdraw(self, fingerprint: str | None = None) -> None:
        """Take one public key away, or all of them."""
        self._sftp("DELETE", "/keys", **({"fingerprint": fingerprint} if fingerprint else {}))

    def sftp_settings(self, **settings: Any) -> dict[str, Any]:
        """Change any of `sftp.access.Behaviour` and return all of it."""
        return self._sftp("POST", "/settings", **settings)

    def sftp_fault(self, action: str, **details: Any) -> int:
        """Let connections or files go wrong and return the fault's number.

        `action`: one of `sftp.faults.ACTIONS`. `details`: `at` (one of `sftp.faults.PLACES`), `bytes`,
        `path` (a regular expression searched in `/profiles/a.csv`) or `folder` (`profiles`), `mode`,
        `after`, `torn`, `key_type`, `times`, `skip`, `for_seconds`. At `tcp` and `banner`, and as
        `other_host_key`, it acts on whoever connects, of this account or not.
        """
        return self._sftp("POST", "/faults", action=action, **details)["id"]

    def sftp_faults(self) -> list[dict[str, Any]]:
        """Return the SFTP faults of this account with how often each was `seen` and `acted`."""
        every = self.simulator.call("GET", "/sftp/faults")["faults"]
        return [fault for fault in every if fault["account"] in (self.key, self.id)]

    def clear_sftp_faults(self) -> None:
        self._sftp("DELETE", "/faults")

    def release_ingests(self) -> int:
        """Let unfinished files be taken in at once, at full speed; return how many there were."""
        return self._sftp("POST", "/release")["released"]

    def sftp_log(self, *events: str) -> list[dict[str, Any]]:
        """Return what happened, in order, or only these `event`s: connection, key_exchange, login, request,
        file, fault, end."""
        entries = self._sftp("GET", "/log")["entries"]
        return [entry for entry in entries if not events or entry["event"] in events]

    def sftp_connections(self) -> list[dict[str, Any]]:
        """Return the connections on which a user of this account asked to log in."""
        return self._sftp("GET", "/connections")["connections"]

    def sftp_files(self) -> list[dict[str, Any]]:
        """Return every upload, oldest first: `name`, `path`, `bytes` stored and `received`, `sha256`, `state`
        (open, complete, cut, or removed before it was closed), `status` (kept, waiting, processing, done,
        failed), `rows` read so far, of them `ingested`, `failed`, `dropped` and `unlisted`, and `report`."""
        return self._sftp("GET", "/files")["files"]

    def sftp_file(self, name: str) -> bytes:
        """Return what was last uploaded under a name or path, even if it has been taken away since."""
        return base64.b64decode(self._sftp("GET", "/file", name=name)["base64"])

    def sftp_dropped(self) -> list[str]:
        """Return the addresses of the rows that were lost without a word, in their order."""
        return self._sftp("GET", "/dropped")["addresses"]

    @property
    def sftp_uploaded_bytes(self) -> int:
        """Every byte of a file this account was sent, stored or not."""
        return self._sftp("GET", "")["uploaded_bytes"]

    def _sftp(self, method: str, path: str, /, **given: Any) -> Any:
        return self.simulator.call(method, f"/sftp{path}", {"account": self.key, **given})


def _door(told: Mapping[str, Any]) -> Door:
    keys: Sequence[str] = told["host_keys"]
    return Door(told["host"], told["port"], told["host_key"], tuple(keys), told.get("user", ""))
