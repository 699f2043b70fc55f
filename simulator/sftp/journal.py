"""Remembers every connection and what was asked over it, in order."""

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from simulator.clock import Clock

KEPT = 50_000


@dataclass
class Connection:
    """One TCP connection. `account` is an id, known once a user of it has asked to log in."""

    n: int
    at: float
    account: str | None = None
    user: str | None = None
    client: str | None = None
    key_exchange: dict[str, Any] | None = None
    logins: list[dict[str, Any]] = field(default_factory=list)
    logged_in: bool = False
    open: bool = True
    faults: list[str] = field(default_factory=list)

    def shown(self) -> dict[str, Any]:
        kept = {name: value for name, value in vars(self).items() if name != "n"}
        return {"connection": self.n, **kept, "logins": list(self.logins), "faults": list(self.faults)}


class Journal:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._connections: dict[int, Connection] = {}
        self._events: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self._next = 1

    def connected(self) -> Connection:
        with self._lock:
            connection = Connection(self._next, self._now())
            self._next += 1
            self._connections[connection.n] = connection
            if len(self._connections) > KEPT:
                del self._connections[next(iter(self._connections))]
            self._note(connection, "connection")
        return connection

    def exchanged(self, connection: Connection, **facts: Any) -> None:
        """Note, once, that a connection got as far as keys that both sides know."""
        with self._lock:
            if connection.key_exchange is None:
                connection.key_exchange = facts
                self._note(connection, "key_exchange", **facts)

    def login(
        self, connection: Connection, *, user: str, account: str | None, method: str, key: str, accepted: bool
    ) -> None:
        """Note one login; asking whether a key would do and then using it is the same one."""
        facts = {"user": user, "method": method, "key": key, "accepted": accepted}
        with self._lock:
            connection.user, connection.account = user, account
            if connection.logins and connection.logins[-1] == facts and accepted:
                return
            connection.logins.append(facts)
            self._note(connection, "login", **facts)

    def note(self, connection: Connection, event: str, **facts: Any) -> None:
        with self._lock:
            self._note(connection, event, **facts)

    def spoilt(self, connection: Connection, action: str, at: str) -> None:
        with self._lock:
            connection.faults.append(action)
            self._note(connection, "fault", action=action, where=at)

    def ended(self, connection: Connection) -> None:
        with self._lock:
            if connection.open:
                connection.open = False
                self._note(connection, "end")

    def connections(self, account: str | None = None) -> list[dict[str, Any]]:
        with self._lock:
            every = self._connections.values()
            return [c.shown() for c in every if account in (None, c.account)]

    def events(self, account: str | None = None) -> list[dict[str, Any]]:
        """Return what happened, all of it or on the connections of one account."""
        with self._lock:
            theirs = {n for n, c in self._connections.items() if account in (None, c.account)}
            return [dict(event) for event in self._events if event["connection"] in theirs]

    def forget(self, account: str | None) -> None:
        with self._lock:
            gone = {n for n, c in self._connections.items() if account in (None, c.account)}
            self._connections = {n: c for n, c in self._connections.items() if n not in gone}
            self._events = deque((e for e in self._events if e["connection"] not in gone), KEPT)

    def _note(self, connection: Connection, event: str, **facts: Any) -> None:
        self._events.append({"event": event, "at": self._now(), "connection": connection.n, **facts})

    def _now(self) -> float:
        return self._clock.now() / 1e6
