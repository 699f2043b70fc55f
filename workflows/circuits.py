"""The circuit of a credential: once it was refused, one workflow waits for a decision and nobody else sends.

What waits behind it goes on by itself: when the secret was replaced, when a test of it passed, or when the
one workflow that may try now and then was let in. Lock a workflow's row before its circuit's, never after.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.expressions import Combinable

from credentials.models import Credential
from workflows import alerts
from workflows.catalogue import entry
from workflows.lifecycle import StaleState, move
from workflows.models import Circuit, Workflow
from workflows.moves import FINAL, State
from workflows.news import OF_A_CIRCUIT

CODES = OF_A_CIRCUIT
# What a workflow behind a circuit says it waits for.
REASON = "circuit"
FIRST_PROBE = timedelta(minutes=15)
SLOWEST_PROBE = timedelta(hours=4)
# After so many doublings a probe is at its slowest; more would not fit into a time.
MOST_DOUBLINGS = 10

_CREDENTIAL = "orchestration__template__destination__credential"
_AT_REST = (State.QUEUED, State.WAITING)


class Shut(Exception):
    """The circuit is open and this workflow is not the one that tries: the next call is not made."""

    def __init__(self, circuit: Circuit) -> None:
        super().__init__("the circuit is open")
        self.until = circuit.probe_at
        self.message = told(circuit)


class KeyReplaced(Exception):
    """The credential has another secret by now: open the account with that one and go on."""


@dataclass(frozen=True)
class Key:
    """The very secret a session was opened with."""

    credential_id: UUID
    version: int


def open_for(workflow: Workflow) -> Circuit | None:
    """Return the circuit that `workflow` stands behind, or is the one to mend; None when nothing is shut."""
    found = _holding().filter(
        _concerns(workflow.account_id),
        credential__destinations__templates__orchestrations=workflow.orchestration_id,
    )
    return found.select_related("credential", "opened_by__orchestration").first()


def check(workflow: Workflow, key: Key | None) -> bool:
    """Return whether this workflow tries out a refused credential, False when nothing is shut.

    Raises Shut when nothing may be sent, KeyReplaced when the secret is not that of `key` any more.
    """
    if key and is_replaced(key):
        raise KeyReplaced
    circuit = open_for(workflow)
    if circuit is None:
        return False
    if not _tries(workflow, circuit):
        raise Shut(circuit)
    return True


def is_replaced(key: Key) -> bool:
    return not Credential.objects.filter(pk=key.credential_id, version=key.version).exists()


def lets_through(now: datetime) -> Combinable | Q:
    """Workflows that may be claimed: nothing is shut, or they may try, or only want to end."""
    others = (
        _shut_outside()
        .exclude(opened_by=OuterRef("pk"))
        .exclude(probed_by=OuterRef("pk"))
        .exclude(_probe_due(now))
    )
    return Q(state=State.CANCELLING) | Q(cancel_requested=True) | ~Exists(others)


def admit(workflow: Workflow, now: datetime) -> bool:
    """Whether a workflow, whose row is locked, may be worked on; it may take the one turn to try for it."""
    circuit = open_for(workflow)
    stops = workflow.cancel_requested or workflow.state == State.CANCELLING
    return circuit is None or stops or _tries(workflow, circuit) or _takes_turn(workflow, circuit, now)


def is_behind(workflow: Workflow, now: datetime) -> bool:
    """Whether nothing but somebody's decision, or the time of the next try, helps this workflow on."""
    return not Workflow.objects.filter(lets_through(now), pk=workflow.pk).exists()


def trip(workflow: Workflow, key: Key, *, code: str, message: str, now: datetime) -> Circuit:
    """Open the circuit of a refused credential unless it is open; return it as it stands.

    `opened_by` is the one workflow that waits for the decision. Call it with the workflow's row locked.
    """
    columns = {
        "account_id": workflow.account_id,
        "code": code,
        "message": message,
        "credential_version": key.version,
        "opened_at": now,
        "opened_by": workflow,
        "probe_at": now + FIRST_PROBE,
        "probed_by": None,
        "probes": 0,
    }
    locked = Circuit.objects.select_for_update(of=("self",))
    circuit, made = locked.get_or_create(credential_id=key.credential_id, defaults=columns)
    held = made or _holding().filter(pk=circuit.pk).exists()
    if not held:
        # What was mended is refused again: that is news.
        Circuit.objects.filter(pk=circuit.pk).update(**columns)
        circuit.refresh_from_db()
    if made or not held:
        alerts.circuit_opened(circuit, workflow, now)
    else:
        _refused_again(circuit, workflow)
    return circuit


def close(credential_id: UUID, *, now: datetime, mended: bool = True) -> None:
    """Let everything behind a circuit go on; that it was `mended` is told to whom its opening was told."""
    with transaction.atomic():
        locked = Circuit.objects.select_for_update(of=("self",)).select_related("credential")
        circuit = locked.filter(pk=credential_id).first()
        if circuit is None:
            return
        if mended:
            alerts.circuit_closed(circuit, now)
        circuit.delete()
    _free(now)


def look_after(now: datetime) -> None:
    """Close what was mended or concerns nobody any more, and say of whatever waits why it does."""
    shut = set(_holding().values_list("pk", flat=True))
    for circuit in Circuit.objects.select_related("credential", "opened_by__orchestration"):
        if circuit.pk not in shut:
            close(circuit.pk, now=now)
        elif not _concerns_anybody(circuit):
            close(circuit.pk, now=now, mended=False)
        else:
            hold_back(circuit, now)
    _free(now)


def hold_back(circuit: Circuit, now: datetime) -> None:
    """Say of every workflow behind a circuit what it waits for."""
    behind = Workflow.objects.filter(**{_CREDENTIAL: circuit.credential_id}, lease_until=None)
    behind = behind.filter(cancel_requested=False).exclude(reason=REASON)
    behind = behind.exclude(pk__in=[pk for pk in (circuit.opened_by_id, circuit.probed_by_id) if pk])
    if circuit.code == "wrong_account":
        behind = behind.filter(account_id=circuit.account_id)
    message = told(circuit)
    _write(behind.filter(state__in=_AT_REST), reason=REASON, message=message)
    for workflow in behind.filter(state=State.RUNNING):
        with suppress(StaleState):
            move(workflow, State.WAITING, now=now, reason=REASON, message=message)


def greet(workflow: Workflow) -> None:
    """Say of a workflow that was just made what it stands behind, if it does."""
    if circuit := open_for(workflow):
        workflow.reason, workflow.message = REASON, told(circuit)
        workflow.save(update_fields=["reason", "message"])


def told(circuit: Circuit) -> str:
    """Say what is waited for, and whose decision."""
    named = f"Waits for the credential “{circuit.credential.name}” ({entry(circuit.code).title.lower()})"
    opener = circuit.opened_by
    if opener is None or opener.state in FINAL:
        return (
            f"{named}. Nothing is sent until one run has found it to work; then this one goes on by itself."
        )
    return (
        f"{named}: run {opener.number} of “{opener.orchestration.name}” waits for the decision. "
        "Nothing is sent until then; after it, this run goes on by itself."
    )


def named(circuit: Circuit, message: str) -> str:
    """Say which credential was refused, where a sentence does not say it."""
    name = circuit.credential.name
    return message if name in message else f"Credential “{name}”: {message}"


def _concerns(account_id: str | OuterRef) -> Q:
    """Circuits that a workflow of this account stands behind: a wrong account is wrong for one alone."""
    return Q(account_id=account_id) | ~Q(code="wrong_account")


def _shut_outside() -> QuerySet[Circuit]:
    """The circuits that hold for the workflow of the query around this one."""
    return _holding().filter(_concerns(OuterRef("account_id")), credential=OuterRef(_CREDENTIAL))


def _holding() -> QuerySet[Circuit]:
    """Circuits that hold: the secret is still the refused one, and no test of it has passed since."""
    untested = Q(credential__tested_at=None) | Q(credential__tested_at__lte=F("opened_at"))
    return Circuit.objects.filter(untested, credential_version=F("credential__version"))


def _probe_due(now: datetime) -> Q:
    """Time to try, or the workflow that waited for the decision is over and another takes its place."""
    return Q(probe_at__lte=now) | Q(opened_by=None) | Q(opened_by__state__in=sorted(FINAL))


def _tries(workflow: Workflow, circuit: Circuit) -> bool:
    return workflow.pk in (circuit.opened_by_id, circuit.probed_by_id)


def _takes_turn(workflow: Workflow, circuit: Circuit, now: datetime) -> bool:
    """Take the turn to try, which only one gets. Whoever replaces the one that is over waits in its place."""
    due = Circuit.objects.filter(_probe_due(now), pk=circuit.pk, probes=circuit.probes)
    opener = circuit.opened_by
    placed = {} if opener and opener.state not in FINAL else {"opened_by": workflow}
    following = min(FIRST_PROBE * 2 ** min(circuit.probes + 1, MOST_DOUBLINGS), SLOWEST_PROBE)
    taken = Circuit.objects.filter(pk__in=due.values("pk"), probes=circuit.probes).update(
        probes=F("probes") + 1, probe_at=now + following, probed_by=workflow, **placed
    )
    return bool(taken)


def _refused_again(circuit: Circuit, workflow: Workflow) -> None:
    changed: dict[str, Workflow | None] = {}
    if circuit.probed_by_id == workflow.pk:
        changed["probed_by"] = None
    if circuit.opened_by is None or circuit.opened_by.state in FINAL:
        changed["opened_by"] = workflow
    for name, value in changed.items():
        setattr(circuit, name, value)
    if changed:
        circuit.save(update_fields=list(changed))


def _concerns_anybody(circuit: Circuit) -> bool:
    """Whether a destination still goes by this credential, and to the account that it did not open."""
    using = circuit.credential.destinations.all()
    if circuit.code == "wrong_account" and not circuit.account_id.startswith("untested:"):
        using = using.filter(account_id=circuit.account_id)
    return using.exists()


def _free(now: datetime) -> None:
    """Let go on whatever waits for a circuit that is none any more."""
    waiting = Workflow.objects.filter(state__in=_AT_REST, reason=REASON, lease_until=None)
    _write(waiting.filter(~Exists(_shut_outside())), reason="", message="", wake_at=now)


def _write(workflows: QuerySet[Workflow], **columns: object) -> None:
    """Write columns of those that nobody else is writing in this moment; the next tick looks again."""
    with transaction.atomic():
        free = workflows.order_by("pk").select_for_update(skip_locked=True, of=("self",))
        chosen = list(free.values_list("pk", flat=True))
        Workflow.objects.filter(pk__in=chosen).update(row_version=F("row_version") + 1, **columns)
