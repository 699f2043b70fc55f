"""The hooks around every outside call of a step: intent before it, outcome after it, the lease between.

The gateway of the destinations room is the only way out; these hooks make it crash-safe. A call that may
change something is written down before it is sent, so that whoever comes after a crash knows to look.
"""

import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from destinations import redacted
from destinations.calls import Answer, Call
from destinations.errors import DeliveryError, RetryLater
from workflows import circuits, faults, lease, proofs
from workflows.circuits import Key
from workflows.clock import Clock
from workflows.models import Attempt, Step, StepState, Workflow
from workflows.results import StopAsked

REMOVED = "removed"


@dataclass(frozen=True)
class Sent:
    """A call on its way since `at`; `attempt` is its row, None for a call that changes nothing."""

    call: Call
    attempt: Attempt | None
    at: datetime


@dataclass
class Recorder:
    """Keeps the ledger of one worker's calls for one workflow.

    `key` is the secret that is used, `is_open` whether the account it opens is known to be the right one.
    Raises LostLease and StopAsked before a call that must not be made any more; Shut, KeyReplaced and
    Unproven before one that must not be made now.
    """

    workflow: Workflow
    clock: Clock
    worker: str
    step: Step | None = None
    items: int = 0
    requests: Counter[str] = field(default_factory=Counter)
    throttled: int = 0
    beat_at: float = 0.0
    key: Key | None = None
    is_open: bool = False
    tries: bool = False
    finds_out: bool = False
    noted_at: float = 0.0
    looked_at: float = 0.0
    slowed_at: datetime | None = None
    last: tuple[Sent, Answer] | None = None

    def before(self, call: Call) -> Sent:
        sent = self._intend(call)
        faults.at("before_send", workflow=self.workflow, step=self.step, call=call)
        return sent

    def leaving(self, token: object) -> None:
        """Stop a call that was announced by a worker which then stood still until its lease was over.

        Raises LostLease: by now another may be at work, and nobody would know when this call takes effect.
        """
        still_ours = time.monotonic() - self.beat_at < lease.lease().total_seconds()
        if not still_ours and isinstance(token, Sent) and not token.call.is_read:
            raise lease.LostLease

    def _intend(self, call: Call) -> Sent:
        self.heartbeat(force=not call.is_read)
        self._look_ahead(force=not call.is_read)
        if call.is_read or self.step is None:
            return Sent(call, None, self.clock.now())
        with lease.fenced(self.workflow):
            Step.objects.filter(pk=self.step.pk).update(state=StepState.INFLIGHT)
            attempt = self._row(call, self.step, self.clock.now())
            attempt.save()
        return Sent(call, attempt, attempt.intent_at)

    def _row(self, call: Call, step: Step, at: datetime) -> Attempt:
        return Attempt(
            step=step,
            fence=self.workflow.fence,
            worker=self.worker,
            endpoint=call.endpoint,
            items=0 if call.is_read else self.items,
            intent_at=at,
            request=redacted.request(call),
        )

    def _look_ahead(self, *, force: bool) -> None:
        """See whether the key was refused or replaced meanwhile, at most every few seconds unless `force`."""
        if not (force or not self.looked_at or time.monotonic() - self.looked_at >= lease.beat_seconds()):
            return
        self.tries = circuits.check(self.workflow, self.key)
        if self.key and not self.finds_out:
            self.finds_out = proofs.ask(self.key, self.clock.now())
        self.looked_at = time.monotonic()

    def after(self, token: object, outcome: DeliveryError | None, answer: Answer | None) -> None:
        if not isinstance(token, Sent):
            raise TypeError("this token is not from `before`")
        faults.at("after_send", workflow=self.workflow, step=self.step, call=token.call)
        self._record(token, outcome, answer)
        if self.key and not token.call.endpoint.startswith("sftp."):
            self._learn(self.key, outcome)
        if answer is not None:
            self.last = (token, answer)
        faults.at("after_record", workflow=self.workflow, step=self.step, call=token.call)

    def _record(self, token: Sent, outcome: DeliveryError | None, answer: Answer | None) -> None:
        self.requests[token.call.endpoint] += 1
        slowed = isinstance(outcome, RetryLater) and outcome.code == "throttled"
        self.throttled += slowed
        if self.step is None:
            return
        attempt = token.attempt
        if attempt is None and outcome is not None:
            attempt = self._row(token.call, self.step, token.at)
        if attempt is None and not self.step.throttled:
            return
        with lease.fenced(self.workflow):
            if attempt is not None:
                self._finish(attempt, token.call, outcome, answer)
            self._count_slowing(self.step, token, slowed=slowed)

    def _learn(self, key: Key, outcome: DeliveryError | None) -> None:
        """What an answer says of the secret: nobody has to decide about it any more, nor to find out."""
        taken = outcome is None
        if taken and not self.is_open:
            return
        if outcome is not None:
            # Of a refusal the others learn by the circuit, which is still to be opened.
            if self.finds_out and outcome.code not in circuits.CODES:
                proofs.give_up(key)
        elif self.finds_out or time.monotonic() - self.noted_at >= lease.beat_seconds():
            proofs.note(key, self.clock.now())
            self.noted_at = time.monotonic()
        self.finds_out = False
        if taken and self.tries:
            circuits.close(key.credential_id, now=self.clock.now())
            self.tries = False

    def _finish(
        self, attempt: Attempt, call: Call, outcome: DeliveryError | None, answer: Answer | None
    ) -> None:
        attempt.outcome = _named(outcome)
        attempt.http_status = answer.status if answer else outcome.status if outcome else None
        attempt.code = outcome.code if outcome else ""
        attempt.error_ids = list(outcome.error_ids) if outcome else []
        attempt.answer = _told(call, outcome, answer)
        attempt.ended_at = self.clock.now()
        attempt.save()
        if answer and (made := _made(answer)):
            # Known from now on, even if this worker ends before the step does.
            attempt.step.external_ref = made
            Step.objects.filter(pk=attempt.step_id).update(external_ref=made)

    def _count_slowing(self, step: Step, token: Sent, *, slowed: bool) -> None:
        """Count the answers in a row that asked to slow down; those that flew together are one."""
        if not slowed:
            count, since = 0, None
        elif self.slowed_at and token.at <= self.slowed_at:
            return
        else:
            self.slowed_at = self.clock.now()
            count, since = step.throttled + 1, step.throttled_since or self.slowed_at
        if (count, since) != (step.throttled, step.throttled_since):
            step.throttled, step.throttled_since = count, since
            Step.objects.filter(pk=step.pk).update(throttled=count, throttled_since=since)

    def keep_odd(self, error: DeliveryError) -> None:
        """Keep the last answer to a read, which did not fit what was asked, with what is wrong with it."""
        if self.last is None or self.step is None or not self.last[0].call.is_read:
            return
        sent, answer = self.last
        with lease.fenced(self.workflow):
            attempt = self._row(sent.call, self.step, sent.at)
            error.heard = redacted.answer(sent.call, answer)
            self._finish(attempt, sent.call, error, None)

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


def _told(call: Call, outcome: DeliveryError | None, answer: Answer | None) -> dict[str, Any]:
    """What came back, without people; a sentence where nothing did."""
    if answer is not None:
        return redacted.answer(call, answer)
    if outcome is None:
        return {}
    return dict(outcome.heard or {"status": None, "headers": {}, "body": outcome.message, "ids": []})


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
