"""An orchestration that failed five times in a row rests: one run tries it now and then, success wakes it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import F, Window
from django.db.models.functions import RowNumber

from workflows import alerts, streaks
from workflows.catalogue import entry
from workflows.lifecycle import tell
from workflows.models import Orchestration, Workflow

# Who presses a button means this very run; whatever runs by itself does not.
ALLOWED = frozenset({"manual", "probe", "resolution", "demo"})


def note(workflow: Workflow, now: datetime) -> None:
    """Learn from what a workflow came to, in the transaction of its move."""
    verdict = streaks.failed(workflow.state, workflow.code)
    if verdict is None:
        return
    locked = Orchestration.objects.select_for_update(no_key=True)
    orchestration = locked.get(pk=workflow.orchestration_id)
    if not verdict:
        _wake(orchestration, workflow, now)
        return
    failures = in_a_row(orchestration)
    if failures >= streaks.FAILURES:
        _rest(orchestration, workflow, failures, now)


def in_a_row(orchestration: Orchestration) -> int:
    """How many of its last runs failed, one after the other."""
    runs = orchestration.workflows.order_by("-number").values_list("state", "code")
    return streaks.in_a_row(runs[: streaks.LOOK_BACK])


def why(orchestration: Orchestration) -> str:
    """Say why it rests, and when it is tried again; '' when it does not."""
    if orchestration.is_active:
        return ""
    return whys([orchestration])[orchestration.pk]


def whys(orchestrations: Iterable[Orchestration]) -> dict[UUID, str]:
    """Say of each that rests why, and when it is tried again, in one query for all of them."""
    resting = [each for each in orchestrations if not each.is_active]
    if not resting:
        return {}
    newest = Window(RowNumber(), partition_by=F("orchestration"), order_by=F("number").desc())
    numbered = Workflow.objects.filter(orchestration__in=resting).annotate(place=newest)
    last = numbered.filter(place__lte=streaks.LOOK_BACK).order_by("place")
    runs: dict[UUID, list[tuple[str, str]]] = {each.pk: [] for each in resting}
    for of, state, code in last.values_list("orchestration", "state", "code"):
        runs[of].append((state, code))
    return {each.pk: _why(each, runs[each.pk]) for each in resting}


def _why(orchestration: Orchestration, runs: Sequence[tuple[str, str]]) -> str:
    last = next((code for state, code in runs if streaks.failed(state, code)), None)
    told = f"It failed {streaks.in_a_row(runs):,} times in a row"
    told += f", the last time with “{entry(last).title}”." if last is not None else "."
    at = orchestration.probe_at
    return f"{told} It is tried again at {at:%Y-%m-%d %H:%M} UTC." if at else told


def _rest(orchestration: Orchestration, workflow: Workflow, failures: int, now: datetime) -> None:
    orchestration.probe_at = now + streaks.next_probe(failures)
    if orchestration.is_active:
        orchestration.is_active, orchestration.inactive_since = False, now
        message = (
            f"“{orchestration}” failed {failures:,} times in a row and is inactive now: it is not run any "
            f"more, but tried at {orchestration.probe_at:%H:%M} UTC, and then less and less often."
        )
        tell(workflow, "inactive", now=now, message=message)
        alerts.became_inactive(orchestration, workflow, now)
    orchestration.save(update_fields=["is_active", "inactive_since", "probe_at"])


def _wake(orchestration: Orchestration, workflow: Workflow, now: datetime) -> None:
    if orchestration.is_active:
        return
    orchestration.is_active, orchestration.inactive_since, orchestration.probe_at = True, None, None
    orchestration.save(update_fields=["is_active", "inactive_since", "probe_at"])
    tell(workflow, "active", now=now, message=f"“{orchestration}” is active again.")
    alerts.became_active(orchestration, workflow, now)
