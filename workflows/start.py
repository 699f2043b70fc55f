"""Starting a workflow: an orchestration's settings are frozen, and one list has one live workflow."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max

from audiences.models import Query
from destinations import paths
from destinations.models import DataTemplate, Destination
from destinations.registry import PLUGINS
from workflows import alone, circuits, inactivity
from workflows.clock import Clock, DatabaseClock
from workflows.guards import Limits
from workflows.lifecycle import StaleState, move, tell
from workflows.models import Orchestration, Workflow
from workflows.moves import LIVE, State
from workflows.steps import story

START_ATTEMPTS = 5
# What of a run's settings was said for it alone, and goes over to the one that takes its place.
FOR_ONE_RUN = ("only", "leave_out", "wait_for", "restricted")
ALLOWED_ONCE = "restricted_allowed"


class CannotStart(Exception):
    """This orchestration cannot run as it is; `message` says what to change. Nothing was made."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Changes:
    """What a resolution changes for one run: `of` is the workflow it mends.

    `path` replaces the data template's; `wait_for` first waits until the list has so many `members`, for so
    many `minutes` at most. `instructions` are for its steps, such as lists to delete. `only` is a reason for
    which rows of `of` were set aside: the run is for those rows alone. `leave_out` names fields that it does
    not send. `kept` are settings of the run that this one takes the place of. `note` is the first line of its
    history.
    """

    of: Workflow | None = None
    path: str = ""
    wait_for: Mapping[str, int] | None = None
    instructions: Mapping[str, Any] | None = None
    only: str = ""
    leave_out: tuple[str, ...] = ()
    kept: Mapping[str, Any] | None = None
    note: str = ""

    def made_to(self, config: dict[str, Any]) -> dict[str, Any]:
        """Return the frozen settings with these changes."""
        config = {**config, **(self.kept or {})}
        if self.path:
            config = {**config, "template": {**config["template"], "path": self.path}, "path": self.path}
        if self.only and self.of:
            config = {**config, "only": {"workflow": str(self.of.pk), "reason": self.only}}
        if self.leave_out:
            config = {**config, "leave_out": list(self.leave_out)}
        return {**config, "wait_for": dict(self.wait_for)} if self.wait_for else config


def taken_over(workflow: Workflow) -> dict[str, Any]:
    """Return the fields of Changes by which another run does no more than this one was for."""
    config, told = workflow.config, workflow.instructions
    return {
        "path": config.get("path", ""),
        "kept": {name: config[name] for name in FOR_ONE_RUN if name in config},
        "instructions": {name: told[name] for name in (ALLOWED_ONCE,) if name in told},
    }


@dataclass(frozen=True)
class Order:
    """Which workflow is asked for, by whom and through which door."""

    orchestration: Orchestration
    by: str
    trigger: str
    trigger_key: str
    dry_run: bool
    restricted: bool
    changes: Changes


def start(
    orchestration: Orchestration,
    *,
    by: str,
    trigger: str,
    trigger_key: str | None = None,
    dry_run: bool = False,
    restricted: bool = False,
    changes: Changes | None = None,
    clock: Clock | None = None,
) -> Workflow:
    """Make a workflow that is due at once, and return it.

    `changes` are what this one run does in another way than its data template says; `restricted`, that
    whoever starts it may not see personal data.

    A list has one live workflow: while one runs, that one is returned; one that waits for a decision is
    stopped, and the new one is linked to it. The same `trigger_key` always returns the same workflow.

    Raises CannotStart when the orchestration is not ready to run.
    """
    _check(orchestration)
    if trigger not in inactivity.ALLOWED and not dry_run and not orchestration.is_active:
        raise CannotStart("inactive", _inactive(orchestration))
    clock = clock or DatabaseClock()
    key = trigger_key or f"{trigger}:{uuid.uuid4()}"
    for _ in range(START_ATTEMPTS):
        try:
            with transaction.atomic():
                order = Order(orchestration, by, trigger, key, dry_run, restricted, changes or Changes())
                return _find_or_make(order, clock)
        except (IntegrityError, StaleState):
            # Someone else started one in the same moment; the next look finds theirs.
            continue
    raise CannotStart("busy", f"“{orchestration}” is being started by others; try again.")


def _check(orchestration: Orchestration) -> None:
    query = orchestration.query
    if not query.is_active:
        raise CannotStart(
            "query_draft", f"The query “{query}” is a draft. Activate it, then run “{orchestration}”."
        )
    if sentence := alone.beside(orchestration, list_name=orchestration.template.list_name):
        raise CannotStart("list_shared", sentence)
    try:
        Limits.of(orchestration.guards)
    except (ValueError, TypeError) as error:
        raise CannotStart("guards", f"The guards of “{orchestration}” cannot be read: {error}") from error


def _inactive(orchestration: Orchestration) -> str:
    return f"“{orchestration}” is inactive. {inactivity.why(orchestration)} To try it now, probe it."


def _find_or_make(order: Order, clock: Clock) -> Workflow:
    if known := Workflow.objects.filter(trigger_key=order.trigger_key).first():
        return known
    orchestration = order.orchestration
    template = orchestration.template
    account = account_of(template.destination)
    live = Workflow.objects.filter(
        account_id=account, list_key=template.list_name, state__in=sorted(LIVE)
    ).first()
    if live and live.orchestration_id != orchestration.pk:
        raise CannotStart("list_taken", f"“{live.orchestration}” is at work on the list “{live.list_key}”.")
    if live and live.state != State.PAUSED:
        return live
    if live:
        move(live, State.CANCELLED, now=clock.now(), actor=order.by, note="Replaced by a new run.")
    return _make(order, live, account, clock)


def _make(order: Order, replaced: Workflow | None, account: str, clock: Clock) -> Workflow:
    now = clock.now()
    orchestration = order.orchestration
    last = orchestration.workflows.aggregate(last=Max("number"))["last"] or 0
    parent = order.changes.of or replaced
    workflow = Workflow.objects.create(
        orchestration=orchestration,
        number=last + 1,
        parent=parent if parent and parent.orchestration_id == orchestration.pk else None,
        account_id=account,
        list_key=orchestration.template.list_name,
        trigger=order.trigger,
        trigger_key=order.trigger_key,
        started_by=order.by,
        config=order.changes.made_to(
            frozen(orchestration) | ({"restricted": True} if order.restricted else {})
        ),
        instructions=dict(order.changes.instructions or {}),
        dry_run=order.dry_run,
        created_at=now,
        wake_at=now,
    )
    circuits.greet(workflow)
    story.open_workflow(workflow)
    note = order.changes.note or f"Started by {order.by}."
    tell(workflow, "started", now=now, actor=order.by, message=note, to=State.QUEUED)
    return workflow


def account_of(destination: Destination) -> str:
    """The account a destination is pinned to; until a test has read it, a name that no account has."""
    return destination.account_id or untested(destination)


def untested(destination: Destination) -> str:
    return f"untested:{destination.pk}"


def frozen(orchestration: Orchestration) -> dict[str, Any]:
    """What this workflow goes by to its end, whatever is edited meanwhile. No people, no secrets."""
    query, template = orchestration.query, orchestration.template
    return {
        "query": _query(query),
        "template": _template(template, query),
        "destination": _destination(template.destination),
        "guards": orchestration.guards,
    }


def _destination(destination: Destination) -> dict[str, object]:
    delivers = PLUGINS[destination.plugin].delivers
    return {
        "id": str(destination.pk),
        "name": destination.name,
        "delivers": delivers,
        # Between two parts of a file nothing about it may change: not what it is like, nor where it goes.
        "files": destination.settings,
        "folder": paths.default_folder(destination),
        "sftp_account": paths.server_account(destination),
        "sftp_server": paths.server_address(destination),
    }


def _query(query: Query) -> dict[str, object]:
    return {"id": str(query.pk), "name": query.name, "version": query.version, "columns": query.columns}


def _template(template: DataTemplate, query: Query) -> dict[str, object]:
    return {
        "id": str(template.pk),
        "name": template.name,
        "list_name": template.list_name,
        "full_profile": template.full_profile,
        "path": template.path,
        "mode": template.mode,
        "mapping": template.mapping,
        "default_country": template.default_country or query.default_country or None,
        "duplicates": template.duplicates,
    }
