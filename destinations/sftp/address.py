"""Where a server is, who we are there, and how long it may keep us waiting."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PORT = 22


@dataclass(frozen=True)
class Address:
    """A login at a host. `str()` leaves the user out: it reads like somebody's address."""

    host: str
    port: int
    user: str

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "Address":
        """Return the address in a credential's settings; host and user may still be empty."""
        return cls(
            str(settings.get("host", "")), int(settings.get("port") or PORT), str(settings.get("user", ""))
        )

    @classmethod
    def named(cls, account_name: str) -> "Address | None":
        """Return the address behind an `account_name`; None when it is none."""
        user, _, place = account_name.rpartition("@")
        host, _, port = place.rpartition(":")
        return cls(host.strip("[]"), int(port), user) if user and host and port.isdigit() else None

    @property
    def is_complete(self) -> bool:
        return bool(self.host and self.user)

    @property
    def account_id(self) -> str:
        """The same for every credential that logs in here as this user."""
        return "sftp:" + hashlib.sha256(self.account_name.encode()).hexdigest()[:16]

    @property
    def account_name(self) -> str:
        return f"{self.user}@{self}"

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True)
class Timeouts:
    """How long, in seconds, each step may take before the connection is ended.

    `stall` is the longest time without one more byte acknowledged; the others are for the whole step.
    """

    connect: float = 10.0
    banner: float = 10.0
    auth: float = 10.0
    channel: float = 30.0
    stall: float = 60.0
