"""A list that is there after all when it should be made: whoever is on it was not in the plan."""

from destinations.errors import NeedsDecision
from workflows import lease
from workflows.models import Step, StepState, Workflow
from workflows.run import Run
from workflows.words import counted

# The steps that looked at the list, or went by what was seen.
LOOKS = ("resolve", "snapshot:r0", "compare:r0", "guard:r0")


def in_use(run: Run, list_id: str) -> str:
    """Say what the plan did not know of a list, '' when it is empty and starts nothing."""
    if members := run.client.member_count(list_id):
        return f"it has {counted(members, 'member')}"
    if flows := live_flows(run, list_id):
        return f"it starts {', '.join(f'“{name}”' for name in flows)}"
    return ""


def live_flows(run: Run, list_id: str) -> list[str]:
    """Return the names of the live flows a list starts; none when the key may not look."""
    try:
        return [flow.name for flow in run.client.flows(list_id) if flow.is_live]
    except NeedsDecision as error:
        # Knowing the flows is a courtesy; a key without flows:read still delivers.
        if error.code != "permission_missing":
            raise
        return []


def plan_anew(run: Run, step: Step) -> None:
    """Go back to where the list is looked at. Nothing was sent yet, so the deliveries of the plan just go."""
    with lease.fenced(run.workflow):
        mine = run.workflow.steps.all()
        mine.filter(position__gt=step.position, state=StepState.PENDING).delete()
        mine.filter(key__in=LOOKS).update(
            state=StepState.PENDING,
            started_at=None,
            finished_at=None,
            outcome={},
            checkpoint={},
            progress={},
            attempts=0,
        )
        Workflow.objects.filter(pk=run.workflow.pk).update(removals_planned=0, plan_hash="")
    run.workflow.removals_planned, run.workflow.plan_hash = 0, ""
