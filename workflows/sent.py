"""What a workflow has sent so far, by its finished batches: nothing is called untouched that is not."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import BigIntegerField, Count, Q, Sum
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast

from workflows.models import Step, StepState, Workflow
from workflows.words import counted

DELIVERIES = ("add", "upsert", "import", "upload", "update", "remove")
ADDS = ("add", "upsert", "import", "upload")


@dataclass(frozen=True)
class Sent:
    """People Klaviyo took in each kind of batch; `doubtful` batches may have taken effect, or not."""

    adds: int = 0
    updates: int = 0
    removes: int = 0
    doubtful: int = 0

    def __bool__(self) -> bool:
        return bool(self.adds or self.updates or self.removes or self.doubtful)

    @property
    def told(self) -> str:
        """“3 adds, 1 update”, or “nothing”."""
        numbers = ((self.adds, "add"), (self.updates, "update"), (self.removes, "removal"))
        parts = [counted(number, noun) for number, noun in numbers if number]
        if self.doubtful:
            parts.append(f"{counted(self.doubtful, 'call', 'calls')} whose outcome is not known yet")
        return ", ".join(parts) or "nothing"


def sent(workflow: Workflow) -> Sent:
    """Sum up the batches of all rounds, in one query."""
    rows = Cast(KeyTextTransform("rows", "outcome"), BigIntegerField())
    batches = workflow.steps.filter(kind__in=DELIVERIES).order_by().values("kind")
    told = batches.annotate(
        people=Sum(rows, filter=Q(state=StepState.DONE)),
        doubtful=Count("pk", filter=Q(state=StepState.AMBIGUOUS)),
    )
    found = {row["kind"]: row for row in told}
    taken = {kind: int(row["people"] or 0) for kind, row in found.items()}
    return Sent(
        adds=sum(taken.get(kind, 0) for kind in ADDS),
        updates=taken.get("update", 0),
        removes=taken.get("remove", 0),
        doubtful=sum(row["doubtful"] for row in found.values()),
    )


def sent_by(steps: Iterable[Step]) -> Sent:
    """Sum up the batches among `steps`, which are all of a workflow."""
    taken: Counter[str] = Counter()
    doubtful = 0
    for step in steps:
        if step.kind in DELIVERIES:
            taken[step.kind] += int(step.outcome.get("rows", 0)) if step.state == StepState.DONE else 0
            doubtful += step.state == StepState.AMBIGUOUS
    return Sent(sum(taken[kind] for kind in ADDS), taken["update"], taken["remove"], doubtful)


def at_its_end(workflow: Workflow) -> str:
    """Say what a workflow that is stopped has sent, and what of its plan it has not; '' without a plan."""
    done, left = dict.fromkeys(DELIVERIES, 0), dict.fromkeys(DELIVERIES, 0)
    for step in workflow.steps.filter(kind__in=DELIVERIES).exclude(state=StepState.SKIPPED):
        if step.state == StepState.DONE:
            done[step.kind] += step.outcome.get("rows", 0)
        else:
            left[step.kind] += step.input.get("limit", 0) - len(step.input.get("skip", ()))
    if not any((*done.values(), *left.values())):
        return "" if not workflow.plan else "Nothing was sent."
    told = f"Sent before: {_numbers(done)}."
    if any(left.values()):
        told += f" Not sent: {_numbers(left)}."
    if done["upload"]:
        told += f" {done['upload']:,} of the adds lie in uploaded files that Klaviyo may still take in."
    return told


def _numbers(people: dict[str, int]) -> str:
    adds = sum(people[kind] for kind in ADDS)
    return f"{adds:,} adds, {people['update']:,} updates, {people['remove']:,} removals"
