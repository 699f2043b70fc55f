"""Lists and segments that a person chose to delete: each looked at once more, then deleted, then told."""

from typing import Any

from accounts.redaction import clean
from destinations.errors import NeedsDecision, Rejected
from workflows import feeding, lease
from workflows.groups import Group, starts
from workflows.models import Step
from workflows.outside import accepted
from workflows.results import Done, NewStep, Result
from workflows.run import Run
from workflows.steps import story
from workflows.steps.room import LOOK_AT, drop_instructions, flows_of

# What is counted afterwards is counted anew.
TAKEN = ("delete", LOOK_AT)
GONE = ("list_gone", "not_found")


def ordered(run: Run, step: Step) -> bool:
    """Put the deletions that a person asked for before this step; return whether there were any."""
    wanted = run.workflow.instructions.get("delete")
    if not wanted:
        return False
    with lease.fenced(run.workflow) as held:
        made = held.steps.filter(kind="delete").count()
        story.add(held, [_step(step, made + number, group) for number, group in enumerate(wanted)])
        drop_instructions(run, *TAKEN)
    return True


def _step(before: Step, number: int, group: dict[str, Any]) -> NewStep:
    key = f"delete:{number:04d}"
    return NewStep(key, "delete", before.stage, before.round, before.position - 1, dict(group))


def delete(run: Run, step: Step) -> Result:
    """Delete one list or segment, unless it has come into use since it was chosen."""
    given = step.input
    group = Group(given["kind"], given["id"], given["name"])
    if not accepted(step):
        try:
            if why := _why_kept(run, group, given.get("members")):
                note = f"The {group.kind} “{clean(group.name)}” was left: {why}"
                return Done({"deleted": False, "why": why}, skipped=True, note=note)
            run.client.delete_group(group.kind, group.id)
        except (NeedsDecision, Rejected) as error:
            # Somebody deleted it there, or we did and the answer was lost.
            if error.code not in GONE:
                raise
    if group.kind == "list":
        feeding.forget(run.workflow.account_id, group.id)
    return Done({"deleted": True}, note=f"Deleted the {group.kind} “{clean(group.name)}” ({group.id}).")


def _why_kept(run: Run, group: Group, members: int | None) -> str:
    """Say why a group is not to be deleted after all; `members` are those it was shown with, if it was."""
    if orchestration := feeding.ours(run.workflow.account_id).feeds(group):
        return f"“{orchestration}” feeds it."
    now = run.client.counted(group.kind, group.id)
    if now.name != group.name:
        return f"it is called “{clean(now.name)}” by now."
    if members is not None and now.members > members:
        return f"{now.members:,} are in it by now, and not {members:,}."
    flows = flows_of(run, group)
    if flows is None:
        # Gone is gone: what it may start has to be known before.
        return "the key may not see which flows it starts (flows:read)."
    return starts(flows)
