"""Klaviyo in this process: the simulator's own rules and memory, on the hub's clock, without a socket."""

import json
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from simulator import gateway, outside, outside_groups, spec
from simulator.accounts import Account, Accounts
from simulator.clock import SECOND, Stamps
from simulator.faults import Faults
from simulator.ids import Ids
from simulator.importer import Importer
from simulator.journal import Journal
from simulator.limits import Limits
from simulator.store import Store
from simulator.wire import Answer, Request
from simulator.world import World
from tests.faults.simulation.hub import Hub

BASE = "http://klaviyo"


class MemoryStore(Store):
    """One connection for everybody: there is never more than one at work."""

    def __init__(self) -> None:
        self._only: sqlite3.Connection | None = None
        super().__init__(Path())

    def _connect(self) -> sqlite3.Connection:
        if self._only is None:
            self._only = sqlite3.connect(":memory:", isolation_level=None)
            self._only.row_factory = sqlite3.Row
        return self._only


class HandImporter(Importer):
    """Does what is due when somebody looks, as of the moment it was due, not in a thread of its own."""

    def __init__(self, clock: "HubMicros") -> None:
        super().__init__()
        self._clock = clock

    def work(self, world: World) -> None:
        now = world.clock.now()
        try:
            while (job := self._next(world)) and job["due"] <= now:
                self._clock.as_of = job["due"]
                self._advance(world, job)
        finally:
            self._clock.as_of = None


class HubMicros:
    """The simulator's clock; `as_of` is set while something that was due is made up for."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self.as_of: int | None = None

    def now(self) -> int:
        return self._hub.micros if self.as_of is None else self.as_of


class Lag:
    """What a reader is shown: the members as they were until a change has come through."""

    def __init__(self) -> None:
        self._shown: list[tuple[Any, ...]] | None = None
        self._coming: list[tuple[int, list[tuple[Any, ...]]]] = []

    def changed(self, before: list[tuple[Any, ...]], after: list[tuple[Any, ...]], *, at: int) -> None:
        """Say that `before` became `after`, which shows `at` a moment to come."""
        if self._shown is None:
            self._shown = before
        last = self._coming[-1][0] if self._coming else 0
        self._coming.append((max(at, last), after))

    def view(self, now: int) -> list[tuple[Any, ...]] | None:
        """Return the rows to show, None for those that are there."""
        while self._coming and self._coming[0][0] <= now:
            self._shown = self._coming.pop(0)[1]
        if not self._coming:
            self._shown = None
        return self._shown


class Klaviyo:
    """All accounts. `lag_of` says after how many seconds a change shows; `watch` sees every call acted on."""

    def __init__(self, hub: Hub, seed: int, *, lag_of: Callable[[], float]) -> None:
        self._hub = hub
        self._lag_of = lag_of
        store, ids = MemoryStore(), Ids(seed)
        micros = HubMicros(hub)
        clock = cast(Any, micros)
        self.importer = HandImporter(micros)
        self.world = World(
            store=store,
            accounts=Accounts(store, ids),
            clock=clock,
            stamps=Stamps(clock),
            ids=ids,
            spec=spec.load(),
            limits=Limits(),
            faults=Faults(),
            journal=Journal(),
            importer=self.importer,
            sftp=cast(Any, None),
            limited=True,
            stopping=threading.Event(),
        )
        self._members, self._made = Lag(), Lag()
        self.act_count = 0

    def account(self, name: str, **settings: Any) -> Account:
        return self.world.accounts.create(name, key=None, account_id=None, changes=settings)

    def now_of(self, account: Account) -> Account:
        """Return the account as it is set now."""
        return self.world.accounts.named(account.id)

    def change(self, account: Account, **settings: Any) -> None:
        self.world.accounts.change(account, settings)

    def act(self, headers: dict[str, str], method: str, url: str, body: bytes) -> Answer:
        """Do what a request asks, at this moment, and answer it."""
        self.importer.work(self.world)
        self.act_count += 1
        request = Request(method, url.removeprefix(BASE), headers, body, BASE)
        owner = gateway.account_of(self.world, request)
        route = self.world.spec.route(method, request.path)

        def answer() -> Answer:
            return gateway.answer(self.world, request, owner, route)

        if method != "GET":
            return self._changing(answer)
        return self._as_shown(answer, lists_too=request.path == "/api/lists")

    def _changing(self, answer: Callable[[], Answer]) -> Answer:
        if not (lag := self._lag_of()):
            return answer()
        at = self._hub.micros + int(lag * SECOND)
        before = self._rows("members"), self._rows("lists")
        given = answer()
        self.importer.work(self.world)
        after = self._rows("members"), self._rows("lists")
        for which, was, became in zip((self._members, self._made), before, after, strict=True):
            if was != became:
                which.changed(was, became, at=at)
        return given

    def _as_shown(self, answer: Callable[[], Answer], *, lists_too: bool) -> Answer:
        now = self._hub.micros
        members, lists = self._members.view(now), self._made.view(now) if lists_too else None
        if members is None and lists is None:
            return answer()
        with self.world.store.read() as db:
            db.execute("BEGIN")
            try:
                _replace(db, "members", members)
                _replace(db, "lists", lists)
                return answer()
            finally:
                db.execute("ROLLBACK")

    def _rows(self, table: str) -> list[tuple[Any, ...]]:
        with self.world.store.read() as db:
            return [tuple(row) for row in db.execute(f"SELECT * FROM {table}")]

    # What people do, and what is true

    def lists(self, account: Account) -> list[dict[str, Any]]:
        return outside_groups.all_lists(self.world, account)["lists"]

    def members(self, account: Account, list_name: str) -> set[str]:
        """Return who is on the list at this moment, whatever a reader is shown."""
        self.importer.work(self.world)
        return set(outside.members(self.world, account, list=list_name)["emails"])

    def make_list(self, account: Account, name: str) -> str:
        return outside_groups.new_list(self.world, account, name=name)["id"]

    def drop_list(self, account: Account, list_id: str) -> None:
        outside_groups.drop_list(self.world, account, list=list_id)

    def add(self, account: Account, list_: str, *emails: str) -> None:
        outside.add_members(self.world, account, list=list_, emails=emails)

    def remove(self, account: Account, list_: str, email: str) -> None:
        outside.remove_members(self.world, account, list=list_, emails=[email])

    def addresses(self, profile_ids: list[str]) -> dict[str, str]:
        """Return the address of each of these profiles."""
        with self.world.store.read() as db:
            rows = db.execute(
                "SELECT id, email FROM profiles WHERE id IN (SELECT value FROM json_each(?))",
                (json.dumps(profile_ids),),
            )
            return {row["id"]: row["email"] for row in rows}

    def cancel_jobs(self) -> int:
        """End every unfinished import as somebody at Klaviyo may; what is done is done."""
        self.importer.work(self.world)
        with self.world.store.write() as db:
            done = db.execute(
                "UPDATE jobs SET status = 'cancelled', finished = ?, payload = NULL"
                " WHERE payload IS NOT NULL",
                (self._hub.micros,),
            )
            return done.rowcount

    def release_jobs(self) -> None:
        """Let every import go on at once."""
        with self.world.store.write() as db:
            db.execute("UPDATE jobs SET due = ? WHERE payload IS NOT NULL", (self._hub.micros,))

    def open_jobs(self) -> int:
        self.importer.work(self.world)
        with self.world.store.read() as db:
            return db.execute("SELECT count(*) FROM jobs WHERE payload IS NOT NULL").fetchone()[0]


def _replace(db: sqlite3.Connection, table: str, rows: list[tuple[Any, ...]] | None) -> None:
    if rows is None:
        return
    db.execute(f"DELETE FROM {table}")
    if rows:
        db.executemany(f"INSERT INTO {table} VALUES ({','.join('?' * len(rows[0]))})", rows)
