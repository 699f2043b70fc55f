"""What an account's own runs teach about how fast things go, kept and read again."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone

from destinations import accounts_check, registry
from workflows import coefficients as rules
from workflows.coefficients import Coefficients, Points
from workflows.models import Attempt, Coefficient, Step, StepState, Workflow
from workflows.moves import State
from workflows.observations import Facts, Past, number, observe

# Closing the books takes seconds. After longer than this, somebody looks at a workflow that was over before.
_LONGEST_FINISH_SECONDS = 600.0


def coefficients(account_id: str) -> Coefficients:
    """Return what the runs of an account have taught; guesses where they have taught nothing."""
    kept = Coefficient.objects.filter(account_id=account_id).values_list("name", "observations")
    return rules.learned({name: _runs(observations) for name, observations in kept})


def learn(workflow: Workflow, *, now: datetime | None = None) -> None:
    """Keep what the steps of a workflow at its end show. A second time for the same workflow changes nothing.

    Nothing is learned from a run that was held up: by a person's decision after its plan was let pass, or by
    a worker that died.
    """
    if not workflow.account_id or _was_held_up(workflow):
        return
    steps = list(workflow.steps.filter(round=0, state=StepState.DONE))
    destination = workflow.orchestration.template.destination
    plugin = registry.PLUGINS.get(destination.plugin)
    if plugin is None:
        return
    facts = _facts(workflow, {step.kind: step for step in steps}, now or timezone.now())
    floor_seconds = partial(plugin.floor_seconds, share=accounts_check.rate_share(destination))
    found = observe([past for step in steps if (past := _past(step))], facts, floor_seconds=floor_seconds)
    _keep(workflow, found)


def _was_held_up(workflow: Workflow) -> bool:
    passed = workflow.steps.filter(key="guard:r0").values_list("finished_at", flat=True).first()
    if passed is None:
        return True
    paused = workflow.events.filter(to_state=State.PAUSED, at__gte=passed).exists()
    return paused or Attempt.objects.filter(step__workflow=workflow, outcome="crashed").exists()


def _past(step: Step) -> Past | None:
    if step.started_at is None or step.finished_at is None:
        return None
    began, ended = step.started_at.timestamp(), step.finished_at.timestamp()
    smooth = not step.attempts and not step.crashes and ended >= began
    return Past(step.kind, began, ended, step.outcome if isinstance(step.outcome, dict) else {}, smooth)


def _facts(workflow: Workflow, steps: Mapping[str, Step], now: datetime) -> Facts:
    # A destination that takes files drafts and confirms, where one with a list compares and verifies.
    plan = _told(steps.get("compare") or steps.get("draft"))
    verified = steps.get("verify") or steps.get("confirm")
    calls = plan.get("calls")
    planned = number(calls, "lists.members") if isinstance(calls, dict) else 0.0
    return Facts(
        pages=int(number(_told(verified), "pages") or planned),
        changes=int(sum(number(plan, name) for name in ("adds", "removes", "updates"))),
        seconds=None if workflow.round else _seconds(steps.get("guard"), verified, now),
    )


def _seconds(guard: Step | None, verified: Step | None, now: datetime) -> float | None:
    """Return the seconds from the plan let pass to now, when the books are nearly closed."""
    if guard is None or verified is None or guard.finished_at is None or verified.finished_at is None:
        return None
    since = (now - verified.finished_at).total_seconds()
    end = now if 0 <= since <= _LONGEST_FINISH_SECONDS else verified.finished_at
    return (end - guard.finished_at).total_seconds()


def _told(step: Step | None) -> dict[str, Any]:
    return step.outcome if step and isinstance(step.outcome, dict) else {}


def _keep(workflow: Workflow, found: Mapping[str, Points]) -> None:
    run = str(workflow.pk)
    with transaction.atomic():
        for name, points in found.items():
            row, _ = Coefficient.objects.select_for_update().get_or_create(
                account_id=workflow.account_id, name=name
            )
            others = [entry for entry in _entries(row.observations) if entry.get("workflow") != run]
            entry = {"workflow": run, "points": [[units, seconds] for units, seconds in points]}
            row.observations = [*others, entry][-rules.KEPT :]
            row.save(update_fields=["observations", "updated_at"])


def _runs(observations: Any) -> list[Points]:
    return [_points(entry.get("points")) for entry in _entries(observations)]


def _entries(observations: Any) -> list[dict[str, Any]]:
    return (
        [entry for entry in observations if isinstance(entry, dict)] if isinstance(observations, list) else []
    )


def _points(told: Any) -> Points:
    """Read points back; what is no pair of numbers is left out."""
    pairs = (
        [pair for pair in told if isinstance(pair, list) and len(pair) == 2] if isinstance(told, list) else []
    )
    return [
        (float(units), float(seconds))
        for units, seconds in pairs
        if isinstance(units, int | float) and isinstance(seconds, int | float)
    ]
