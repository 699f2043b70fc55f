"""Sees everything that goes over the wire and into the database, and says at once what must never be true.

I1 succeeded and the list differs · I2 somebody outside the plan is sent · I3 a removal nobody let pass ·
I4 two live runs of a list · I5 a stale write · I6 counts that do not add up · I7 a run that is stuck ·
I8 a second list unnoticed · I9 a key of another account.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from audiences.keys import Keyer
from credentials import vault
from destinations.calls import Call
from simulator.wire import Answer
from tests.faults.simulation.company import Company
from tests.faults.simulation.crew import Crew, Violation, Worker, asked
from tests.faults.simulation.tale import BROKEN, LIST, Row
from tests.faults.simulation.trace import Trace
from workflows import rows
from workflows.files import sealed_path
from workflows.guards import Limits
from workflows.models import StepState, Workflow
from workflows.moves import FINAL, LIVE, State

WRITES = re.compile(r'^(?:UPDATE|INSERT INTO|DELETE FROM) "workflows_(?:workflow|step|attempt|event)"')
_STATES = "select id, state, account_id, list_key from workflows_workflow order by number"
_FENCE = "select fence from workflows_workflow where id = ?"
LONGEST_LAG = timedelta(seconds=31)
SAID_SO = (State.SUCCEEDED, State.SUCCEEDED_WITH_ISSUES)
ON_LIST = frozenset({"added", "updated", "unchanged"})
OUTCOMES = ("added", "updated", "unchanged", "kept_out", "skipped", "unknown")


@dataclass
class Witness:
    """Raises Violation where it sees one. `approved` are the profile ids a person let be removed, by run."""

    company: Company
    crew: Crew
    trace: Trace
    met: Counter[str]
    given: dict[UUID, dict[str, str]] = field(default_factory=dict)
    approved: dict[UUID, set[str]] = field(default_factory=dict)
    removed: dict[UUID, set[str]] = field(default_factory=dict)
    edited: dict[str, datetime] = field(default_factory=dict)
    kept_away: set[str] = field(default_factory=set)
    closed: set[str] = field(default_factory=set)
    stopped: dict[UUID, int] = field(default_factory=dict)

    # -- the query

    def gave(self, found: tuple[Row, ...]) -> None:
        worker = self._worker()
        if worker.workflow is None:
            raise Violation("somebody reads the query without a run")
        self.given[worker.workflow] = {row.email: row.tier for row in found if row.email not in BROKEN}

    def _worker(self) -> Worker:
        worker = self.crew.current()
        if worker is None:
            raise Violation("somebody works who is no worker")
        return worker

    # -- the wire

    def leaves(self, key: str, call: Call, way: str) -> None:
        worker = self.crew.current()
        self.trace.note(f"{worker.name if worker else 'somebody'} sends {call.endpoint} ({way})")
        self.met["calls"] += 1
        if call.is_read:
            return
        self.met["writes"] += 1
        if worker is None or worker.workflow is None:
            raise Violation(f"I2: {call.endpoint} is sent by nobody's run")
        self._check_account(key, worker)
        if worker.workflow in self.stopped:
            self.stopped[worker.workflow] += 1
            # One may have been on its way to the wire in that moment.
            if self.stopped[worker.workflow] > 1:
                raise Violation(f"I2: {call.endpoint} is sent after somebody asked to stop")
        if self._fence_now(worker) != worker.fence:
            raise Violation(f"I5: {worker.name} sends {call.endpoint} without its lease")
        self._check_people(call, worker.workflow)

    def acted(self, key: str, call: Call, answer: Answer) -> None:
        if not call.is_read:
            self.trace.note(f"Klaviyo answers {call.endpoint} {answer.status}")

    def _check_account(self, key: str, worker: Worker) -> None:
        account = self.company.klaviyo.world.accounts.with_key(key)
        planned_for = Workflow.objects.values_list("account_id", flat=True).get(pk=worker.workflow)
        if account is None or account.id != planned_for:
            raise Violation(f"I9: a call of {planned_for} leaves with another account's key")

    def _check_people(self, call: Call, workflow_id: UUID) -> None:
        wanted = self.given.get(workflow_id, {})
        body: Any = call.body
        if call.endpoint == "lists.remove":
            self._check_removal([each["id"] for each in body["data"]], wanted, workflow_id)
            return
        if call.endpoint == "lists.add":
            people = set(self.company.klaviyo.addresses([each["id"] for each in body["data"]]).values())
        elif call.endpoint == "imports.create":
            people = {each["attributes"]["email"] for each in body["data"]["attributes"]["profiles"]["data"]}
        elif call.endpoint == "profiles.upsert":
            people = {body["data"]["attributes"]["email"]}
        else:
            return
        if people - wanted.keys():
            raise Violation(
                f"I2: {call.endpoint} holds {len(people - wanted.keys())} people the query did not give"
            )
        puts_on = call.endpoint == "lists.add" or (
            call.endpoint == "imports.create" and "relationships" in body["data"]
        )
        if puts_on and people & self.kept_away:
            raise Violation(f"I2: {call.endpoint} puts people back who have left")

    def _check_removal(self, ids: list[str], wanted: dict[str, str], workflow_id: UUID) -> None:
        found = self.company.klaviyo.addresses(ids)
        if wrong := set(found.values()) & wanted.keys():
            raise Violation(f"I3: {len(wrong)} people are removed whom the query gave")
        removed = self.removed.setdefault(workflow_id, set())
        removed.update(ids)
        if removed <= self.approved.get(workflow_id, set()):
            return
        run = Workflow.objects.get(pk=workflow_id)
        limits = Limits.of(self.company.tale.guards)
        listed = run.base_members or 0
        if not wanted:
            raise Violation("I3: an empty query removes people unasked")
        few = len(removed) <= limits.always_allowed
        if not few and listed and len(removed) / listed > limits.max_removed_share:
            raise Violation(f"I3: {len(removed)} of {listed} people are removed unasked")
        resolved = run.steps.get(key="resolve").outcome
        if (
            limits.approve_first_run
            and resolved.get("first_run")
            and listed
            and not self.approved.get(workflow_id)
        ):
            raise Violation("I3: the first run removes people unasked")

    # -- the database

    def sql(self, execute: Callable[..., Any], statement: str, params: Any, many: bool, context: Any) -> Any:
        """Wrap every statement: a write for a run that the worker has lost must change nothing."""
        given = execute(statement, params, many, context)
        if not WRITES.match(statement):
            return given
        worker = self.crew.current()
        if (
            worker is None
            or worker.workflow is None
            or statement.startswith('UPDATE "workflows_workflow" SET "fence"')
        ):
            return given
        if context["cursor"].rowcount and self._fence_now(worker) != worker.fence:
            raise Violation(f"I5: {worker.name} writes without its lease: {statement[:60]}")
        return given

    def _fence_now(self, worker: Worker) -> int:
        found = asked(_FENCE, worker.workflow.hex) if worker.workflow else []
        return found[0][0] if found else -1

    # -- the runs

    def look(self) -> list[Workflow]:
        """Check every run that has ended since the last look, and return those that wait for a person."""
        waiting: list[Workflow] = []
        live: Counter[tuple[str, str]] = Counter()
        for pk, state, account, list_key in asked(_STATES):
            live[account, list_key] += state in LIVE
            if state in (State.PAUSED, State.FAILED):
                waiting.append(Workflow.objects.get(pk=pk))
            elif state in FINAL and pk not in self.closed:
                self.closed.add(pk)
                self._ended(Workflow.objects.get(pk=pk))
        if any(number > 1 for number in live.values()):
            raise Violation("I4: two runs of one list are alive")
        return waiting

    def look_again(self) -> None:
        """Check the last run once more, some time after its end: nothing of it may take effect any more."""
        last = Workflow.objects.order_by("number").last()
        if last and last.verified_at and str(last.pk.hex) in self.closed and last.state in SAID_SO:
            self._check_list(last)

    def _ended(self, workflow: Workflow) -> None:
        self.trace.note(f"run {workflow.number} ends: {workflow.state} {workflow.code}")
        self.met[f"ended_{workflow.state}"] += 1
        if workflow.state not in SAID_SO:
            return
        counts = workflow.counts
        told = sum(counts[name] for name in OUTCOMES) + sum(counts["not_loaded"].values())
        if told + sum(counts["rejected"].values()) != counts["rows"]:
            raise Violation(f"I6: {counts['rows']} rows have {told} outcomes")
        lists = [each for each in self.company.klaviyo.lists(self.company.account) if each["name"] == LIST]
        if len(lists) > 1:
            raise Violation(f"I8: there are {len(lists)} lists, and the run says {workflow.state}")
        if workflow.verified_at is not None:
            self._check_list(workflow)
        elif workflow.state == State.SUCCEEDED:
            raise Violation("I1: a run that read nothing back says succeeded")

    def _check_list(self, workflow: Workflow) -> None:
        """Compare who is on the list with who the run says is, save those whom others moved meanwhile."""
        named = outcomes(workflow)
        on, wanted = self.company.members(), self.given[workflow.pk]
        since = self._read_at(workflow) - LONGEST_LAG
        for email in on | wanted.keys():
            if self.edited.get(email, datetime.min.replace(tzinfo=since.tzinfo)) >= since:
                continue
            outcome = named.get(key_of(email))
            if outcome in ON_LIST and email not in on:
                raise Violation(f"I1: {workflow.state}, and somebody {outcome} is not on the list")
            if outcome is None and email in on and self.company.tale.mode == "mirror":
                raise Violation(
                    f"I1: {workflow.state}, and somebody is on the list whom the query did not give"
                )
            if outcome is None and email in wanted:
                raise Violation("I6: somebody the query gave has no outcome")

    def _read_at(self, workflow: Workflow) -> datetime:
        read = workflow.steps.filter(kind__in=("snapshot", "verify"), state=StepState.DONE).order_by(
            "-position"
        )
        return read[0].started_at or workflow.created_at


def outcomes(workflow: Workflow) -> dict[str, str]:
    """Return what a closed run says of each key."""
    path = sealed_path(workflow.pk, "outcomes.parquet")
    found: dict[str, str] = {}
    for batch in rows.stream(path, ("key", "outcome")):
        found |= dict(zip(batch.column("key").to_pylist(), batch.column("outcome").to_pylist(), strict=True))
    return found


_keys: dict[str, str] = {}


def key_of(email: str) -> str:
    """Return the key of an address; every process of the simulation has the same secret."""
    if email not in _keys:
        _keys[email] = Keyer(vault.derive("people")).key(email)
    return _keys[email]
