"""Where a code is proved: a company with its Klaviyo, a clock that leaps, and what was prepared."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from accounts.models import User
from credentials import vault
from credentials.models import Credential
from destinations.clock import SystemClock
from simulator.control import Account, Simulator
from tests.flows.world import World
from tests.sshd import OpenSSH
from workflows import engine, resolutions
from workflows.clock import DatabaseClock
from workflows.models import Workflow
from workflows.moves import FINAL, State

FREE = {"approve_first_run": False, "max_removed_share": 1.0}
# What goes on meanwhile in the simulator, such as an import, takes its real time.
NAP_SECONDS = 0.15
PACE = 200
MOST_SLICES = 2_000
Moment = Callable[[Workflow], bool]


class LeapingClock(DatabaseClock):
    """A clock on which a wait takes a blink, and `nap_seconds` at most."""

    def __init__(self, *, nap_seconds: float = NAP_SECONDS) -> None:
        self.nap_seconds = nap_seconds
        self._ahead = timedelta()

    def rule(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let every clock of the product go like this one, for whoever presses a button as well."""
        for kind in (DatabaseClock, SystemClock):
            told = kind.now
            monkeypatch.setattr(kind, "now", lambda clock, told=told: told(clock) + self._ahead)

    def leap(self, time: timedelta) -> None:
        self._ahead += time

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            super().sleep(min(seconds / PACE, self.nap_seconds))
            self.leap(timedelta(seconds=seconds))


@dataclass
class Stage:
    """What a scenario has at hand. `prepared` holds what a provocation made for the answers, by name."""

    make: Callable[..., World]
    klaviyo: Account
    simulator: Simulator
    settings: Any
    monkeypatch: pytest.MonkeyPatch
    openssh: Callable[[], OpenSSH]
    ada: User
    closing: ExitStack
    clock: LeapingClock
    prepared: dict[str, Any] = field(default_factory=dict)
    world: World | None = None

    @property
    def company(self) -> World:
        if self.world is None:
            raise ValueError("no company was opened")
        return self.world

    def open(self, **given: Any) -> World:
        """Open the one company of this stage, unguarded unless `guards` are given."""
        self.world = self.make(**{"clock": self.clock, "guards": FREE, **given})
        return self.world

    def second_credential(self, name: str = "Shop, second key") -> Credential:
        """Another credential of the same account, whose key is good."""
        credential = Credential(name=name, kind="klaviyo_api_key")
        vault.save_secret(credential, self.klaviyo.new_key())
        return credential

    def run(self, **given: Any) -> Workflow:
        """Start a workflow and work on it until it rests."""
        return self.rest(self.company.start(**given))

    def on_list(self, workflow: Workflow) -> set[str]:
        """Who is on the list that a workflow fed, as Klaviyo has it; nobody where it fed a file."""
        if workflow.feeds_a_file:
            return set()
        accounts = {account.id: account for account in self.simulator.accounts()}
        return accounts[workflow.account_id].members(workflow.list_id)

    def rest(self, workflow: Workflow) -> Workflow:
        """Work on a workflow and on what follows it until the last is over or waits for somebody."""
        for _ in range(MOST_SLICES):
            workflow = self.last(workflow)
            if workflow.state in FINAL or workflow.state == State.PAUSED:
                return workflow
            engine.advance(workflow.pk, worker="test", clock=self.clock)
            workflow = self.last(workflow)
            self.clock.sleep(self._wait(workflow).total_seconds())
        raise AssertionError(f"the workflow never came to rest: {workflow.state} {workflow.message}")

    def last(self, workflow: Workflow) -> Workflow:
        """The run that goes on where this one stopped, itself when there is none; as it is now."""
        follower = resolutions.followers(workflow).last()
        return self.last(follower) if follower else Workflow.objects.get(pk=workflow.pk)

    def rest_losing_patience(self, workflow: Workflow, *, when: Moment, after: timedelta) -> Workflow:
        """Work on a workflow that gets nowhere; once `when` says so, in leaps of `after`."""
        for _ in range(MOST_SLICES):
            engine.advance(workflow.pk, worker="test", clock=self.clock)
            workflow = Workflow.objects.get(pk=workflow.pk)
            if workflow.state in FINAL or workflow.state == State.PAUSED:
                return workflow
            self.clock.leap(max(self._wait(workflow), after if when(workflow) else timedelta(0)))
        raise AssertionError(f"it goes on trying: {workflow.state} {workflow.message}")

    def _wait(self, workflow: Workflow) -> timedelta:
        """How long until a worker may take it; a little even when it is due."""
        now = self.clock.now()
        due = max(workflow.wake_at or now, workflow.lease_until or now)
        return max(due - now, timedelta(milliseconds=10))
