"""Klaviyo, ready to use: a transport with its headers, a limiter with its windows, a client on top."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

from django.conf import settings

from destinations.clock import Clock
from destinations.gateway import MAX_WAIT, Gateway, Hooks
from destinations.klaviyo import limits, members
from destinations.klaviyo.classify import classify, parse
from destinations.klaviyo.client import Klaviyo
from destinations.limiter import Limiter
from destinations.transport import DEADLINE_SECONDS, Transport


@dataclass(frozen=True)
class Session:
    """An open line to one account. Use it as a context manager: it closes its threads and connections."""

    gateway: Gateway = field(repr=False)
    client: Klaviyo = field(repr=False)

    def read_members(
        self,
        list_id: str,
        *,
        into: Path,
        key_of: Callable[[str], str | None],
        until: Callable[[], bool],
        since: datetime | None = None,
        state: dict[str, Any] | None = None,
    ) -> members.Reading:
        """Read a list, or who joined it `since`; see `members.read`."""
        return members.read(
            self.gateway, list_id, into=into, key_of=key_of, until=until, since=since, state=state
        )

    def __enter__(self) -> "Session":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.gateway.close()


def transport(
    key: str,
    *,
    base_url: str | None = None,
    revision: str | None = None,
    deadline_seconds: float = DEADLINE_SECONDS,
) -> Transport:
    """Return a transport for one private key. The address and the revision come from the settings."""
    headers = {
        "authorization": f"Klaviyo-API-Key {key}",
        "revision": revision or settings.KLAVIYO_REVISION,
        "accept": "application/vnd.api+json",
        "accept-encoding": "gzip",
        "user-agent": "rollcall",
    }
    return Transport(
        base_url or settings.KLAVIYO_API_URL,
        headers=headers,
        classify=classify,
        parse=parse,
        deadline_seconds=deadline_seconds,
    )


def open_session(
    key: str,
    account_id: str,
    *,
    clock: Clock,
    hooks: Hooks | None = None,
    max_wait: timedelta = MAX_WAIT,
    share: int = 100,
) -> Session:
    """Return a session with the account a key opens, at the pace all sessions with it share.

    `share` is how many percent of the published limits are used.
    """
    limiter = Limiter(account_id, clock, windows=limits.windows(share))
    gateway = Gateway(transport(key), limiter, clock, max_wait=max_wait, hooks=hooks)
    return Session(gateway=gateway, client=Klaviyo(gateway))
