"""The hooks around every outside call of a step: intent before it, outcome after it, the lease between.

The gateway of the destinations room is the only way out; these hooks make it crash-safe. A call that may
change something is written down before it is sent, so that whoever comes after a crash knows to look.
"""

import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from destinations.calls import Answer, Call
from destinations.errors import DeliveryError, RetryLater
from workflows import faults, lease
from workflows.clock import Clock
from workflows.models import Attempt, Step, StepState, Workflow
from workflows.results import StopAsked

REMOVED = "removed"


@dataclass(frozen=True)
class Sent:
    """A call on its way; `attempt` is its row, None for a call that changes nothing."""

    call: Call
    attempt: Attempt | None


@dataclass
class Recorder:
    """Keeps the ledger of one worker's calls for one workflow.

    Raises LostLease and StopAsked before a call that must not be made any more.
    """

    workflow: Workflow
    clock: Clock
    worker: str
    step: Step | None = None
    items: int = 0
    requests: Counter[str] = field(default_factory=Counter)
    throttled: int = 0
    beat_at: float = 0.0

    def before(self, call: Call) -> Sent:
        sent = self._intend(call)
        faults.at("before_send", workflow=self.workflow, step=self.step, call=call)
        return sent

    def _intend(self, call: Call) -> Sent:
        self.heartbeat(force=not call.is_read)
        if call.is_read or self.step is None:
            return Sent(call, None)
        with lease.fenced(self.workflow):
            Step.objects.filter(pk=self.step.pk).update(state=StepState.INFLIGHT)
            attempt = Attempt.objects.create(
                step=self.step,
                fence=self.workflow.fence,
                worker=self.worker,
                endpoint=call.endpoint,
                items=self.items,
                intent_at=self.clock.now(),
            )
        return Sent(call, attempt)

    def after(self, token: object, outcome: DeliveryError | None, answer: Answer | None) -> None:
        if not isinstance(token, Sent):
            raise TypeError("this token is not from `before`")
        faults.at("after_send", workflow=self.workflow, step=self.step, call=token.call)
        self._record(token, outcome, answer)
        faults.at("after_record", workflow=self.workflow, step=self.step, call=token.call)

    def _record(self, token: Sent, outcome: DeliveryError | None, answer: Answer | None) -> None:
        self.requests[token.call.endpoint] += 1
        self.throttled += isinstance(outcome, RetryLater) and outcome.code == "throttled"
        attempt = token.attempt
        if attempt is None or self.step is None:
            return
        attempt.outcome = _named(outcome)
        attempt.http_status = answer.status if answer else outcome.status if outcome else None
        attempt.code = outcome.code if outcome else ""
        attempt.error_ids = list(outcome.error_ids) if outcome else []
        attempt.ended_at = self.clock.now()
        with lease.fenced(self.workflow):
            attempt.save(update_fields=["outcome", "http_status", "code", "error_ids", "ended_at"])
            if answer and (made := _made(answer)):
                # Known from now on, even if this worker ends before the step does.
                self.step.external_ref = made
                Step.objects.filter(pk=self.step.pk).update(external_ref=made)

    def heartbeat(self, *, force: bool = False) -> None:
        """Extend the lease, at most every few seconds unless `force`."""
        if not force and time.monotonic() - self.beat_at < lease.beat_seconds():
            return
        if lease.extend(self.workflow, self.clock):
            raise StopAsked
        self.beat_at = time.monotonic()

    def flush(self) -> None:
        """Add the calls counted since the last flush to the workflow's own counts."""
        if not self.requests:
            return
        with lease.fenced(self.workflow) as held:
            held.requests = dict(Counter(held.requests) + self.requests)
            held.throttled += self.throttled
            held.save(update_fields=["requests", "throttled"])
        self.requests.clear()
        self.throttled = 0


def _named(outcome: DeliveryError | None) -> str:
    """Name what came of a call: ok, the kind of its error, or removed when nothing of it was left."""
    if outcome is None:
        return "ok"
    return REMOVED if outcome.left_nothing else type(outcome).__name__.lower()


def accepted(step: Step) -> bool:
    """Whether a call of this step was answered with success; it is then never made again."""
    return step.calls.filter(outcome="ok").exists()


def doubtful_since(step: Step) -> datetime | None:
    """When the last call of this step was sent whose outcome nobody knows; None when there is none."""
    last = step.calls.filter(outcome__in=("ambiguous", "crashed")).last()
    return last.intent_at if last else None


def _made(answer: Answer) -> str:
    data = answer.data.get("data") if isinstance(answer.data, dict) else None
    made = data.get("id") if isinstance(data, dict) else None
    return made if isinstance(made, str) else ""
