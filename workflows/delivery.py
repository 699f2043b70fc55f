"""How far a delivery is, in people: delivered, refused and waiting, by the batches as they stand."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from workflows.drawing import Part, bar
from workflows.models import Step, StepState
from workflows.sent import DELIVERIES


@dataclass(frozen=True)
class Delivery:
    delivered: int
    refused: int
    waiting: int

    @cached_property
    def bar(self) -> list[Part]:
        return bar([("run", "Delivered", self.delivered), ("bad", "Refused", self.refused)], whole=self.whole)

    @property
    def whole(self) -> int:
        return self.delivered + self.refused + self.waiting

    @property
    def percent(self) -> int:
        return round(100 * (self.delivered + self.refused) / self.whole) if self.whole else 100


def delivery(steps: Sequence[Step]) -> Delivery | None:
    """Sum up the batches of all rounds; None while there are none."""
    batches = [step for step in steps if step.kind in DELIVERIES and step.state != StepState.SKIPPED]
    whole = sum(step.input.get("limit", 0) for step in batches)
    if not whole:
        return None
    taken = sum(step.outcome.get("rows", 0) for step in batches if step.is_done)
    taken += sum(
        step.progress.get("done", 0) for step in batches if step.kind == "upload" and not step.is_done
    )
    failed = sum(step.outcome.get("failed", 0) for step in steps if step.kind == "jobs" and step.is_done)
    refused = failed + sum(
        len(step.input.get("skip", ())) + step.outcome.get("refused", 0) for step in batches
    )
    delivered = max(taken - failed, 0)
    return Delivery(delivered, refused, max(whole - delivered - refused, 0))
