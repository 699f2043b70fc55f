"""The five stages a person sees, drawn from the steps."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from workflows.estimate import duration
from workflows.models import Stage, Step, StepState, Workflow
from workflows.moves import State
from workflows.sent import DELIVERIES
from workflows.words import counted, people


@dataclass(frozen=True)
class StageView:
    """`state` is waiting, active, done, attention or stopped; `share` the progress, 0.0 to 1.0, or None."""

    stage: str
    label: str
    state: str
    headline: str
    detail: str
    share: float | None = None


def stages(workflow: Workflow, steps: Sequence[Step] | None = None) -> list[StageView]:
    """Return Query, Check, Compare, Deliver and Verify as they stand; `steps` are all of it, when known."""
    steps = list(workflow.steps.defer("checkpoint")) if steps is None else steps
    tell = {
        Stage.QUERY: _query,
        Stage.CHECK: _check,
        Stage.COMPARE: _compare,
        Stage.DELIVER: _deliver,
        Stage.VERIFY: _verify,
    }
    views = []
    for stage, describe in tell.items():
        mine = _of(stage, steps)
        headline, detail, share = describe(workflow, mine)
        views.append(
            StageView(stage, stage.label, _state(workflow, stage, mine, steps), headline, detail, share)
        )
    return views


def _of(stage: Stage, steps: Sequence[Step]) -> list[Step]:
    # Checking is done while the rows are read: one step, shown as the two things it is.
    own = Stage.QUERY if stage == Stage.CHECK else stage
    return [step for step in steps if step.stage == own]


def _state(workflow: Workflow, stage: Stage, mine: Sequence[Step], steps: Sequence[Step]) -> str:
    if workflow.state in (State.SUCCEEDED, State.SUCCEEDED_WITH_ISSUES):
        return "done"
    if mine and all(step.is_done for step in mine):
        return "done"
    current = next((step for step in steps if not step.is_done), None)
    shown = Stage.CHECK if stage == Stage.CHECK and _extracting(mine) else None
    if current is None or (current.stage != stage and not (shown and current.stage == Stage.QUERY)):
        return "waiting"
    if workflow.reason == "circuit":
        # Nothing is at work until somebody has decided about the credential.
        return "waiting"
    if workflow.state in (State.PAUSED, State.FAILED):
        return "attention"
    if workflow.state in (State.CANCELLED, State.CANCELLING):
        return "stopped"
    return "active"


def _extracting(mine: Sequence[Step]) -> bool:
    return any(step.kind == "extract" and step.started_at and not step.is_done for step in mine)


def _query(workflow: Workflow, mine: Sequence[Step]) -> tuple[str, str, float | None]:
    step = _kind(mine, "extract")
    if step and step.is_done:
        rows = step.outcome["rows"]
        took = duration(step.outcome.get("seconds", 0))
        return f"{rows:,}", f"{'row' if rows == 1 else 'rows'} in {took}", 1.0
    if step and step.progress:
        return f"{step.progress['done']:,}", "rows so far", None
    return "–", "reads the source", None


def _check(workflow: Workflow, mine: Sequence[Step]) -> tuple[str, str, float | None]:
    counts = workflow.counts
    if "candidates" not in counts:
        return "–", "addresses and phones", None
    refused = counts["rows"] - counts["candidates"]
    return f"{counts['candidates']:,}", f"valid · {refused:,} not loaded" if refused else "all valid", 1.0


def _compare(workflow: Workflow, mine: Sequence[Step]) -> tuple[str, str, float | None]:
    plan = workflow.plan
    if plan and workflow.feeds_a_file:
        return f"{plan['adds']:,}", "for the files" if plan["adds"] != 1 else "person for the file", 1.0
    if plan:
        changes = plan["adds"] + plan["removes"] + plan["updates"]
        noun = "change" if changes == 1 else "changes"
        return f"{changes:,}", f"{noun} against {counted(plan['members'], 'member')}", 1.0
    return _progress(_kind(mine, "snapshot"), "reads the list")


def _deliver(workflow: Workflow, mine: Sequence[Step]) -> tuple[str, str, float | None]:
    if workflow.plan and not mine and any(workflow.plan.get("calls", {}).values()) is False:
        return "0", "nothing to send", 1.0
    batches = [step for step in mine if step.kind in DELIVERIES]
    if not batches:
        return "–", "sends the changes", None
    whole = sum(step.input.get("limit", 0) for step in batches if step.state != StepState.SKIPPED)
    sent = sum(step.outcome.get("rows", 0) for step in batches if step.is_done)
    share = sent / whole if whole else 1.0
    if arriving := _under_way(mine, ("ingest",)):
        return _progress(arriving, "waits for Klaviyo to take the file in")
    left = [step for step in mine if step.kind == "jobs" and not step.is_done]
    detail = "waits for Klaviyo's import" if left and sent == whole else f"of {people(whole)} sent"
    if uploading := _under_way(mine, ("upload",)):
        told = uploading.progress
        sent += told["done"]
        detail += f" · {_file(uploading)}{told['bytes'] / 1e6:,.1f} of {told['total_bytes'] / 1e6:,.1f} MB"
        share = sent / whole if whole else 1.0
    return f"{sent:,}", detail, share


def _file(uploading: Step) -> str:
    """Say which of several files is on its way; a single one needs no number."""
    part, parts = uploading.input.get("part", 1), uploading.input.get("parts", 1)
    return f"file {part:,} of {parts:,}, " if parts > 1 else ""


def _under_way(steps: Sequence[Step], kinds: Sequence[str]) -> Step | None:
    """The step of one of these kinds that is at work and has told how far it is."""
    return next((step for step in steps if step.kind in kinds and not step.is_done and step.progress), None)


def _verify(workflow: Workflow, mine: Sequence[Step]) -> tuple[str, str, float | None]:
    if workflow.verified_at and workflow.is_final:
        proof = "read back byte for byte" if workflow.feeds_a_file else "list equals query"
        if workflow.is_for_some_rows:
            proof = "its rows are on the list"
        return f"{workflow.counts.get('on_list', 0):,}", proof, 1.0
    if workflow.feeds_a_file:
        return _progress(_kind(mine, "confirm"), "reads the file back")
    step = next((step for step in reversed(mine) if step.kind == "verify"), None)
    if step and step.outcome:
        members, left = step.outcome["members"], step.outcome["missing"] + step.outcome["surplus"]
        read = f"{'member' if members == 1 else 'members'} read"
        differ = f" · {left:,} {'differs' if left == 1 else 'differ'}" if left else ""
        return f"{members:,}", f"{read}{differ}", 1.0
    return _progress(step, "reads the list back")


def _progress(step: Step | None, before: str) -> tuple[str, str, float | None]:
    told: dict[str, Any] = step.progress if step else {}
    if not told:
        return "–", before, None
    total = told.get("total")
    unit = told.get("unit", "")
    return (
        f"{told['done']:,}",
        f"of {total:,} {unit}" if total else unit,
        told["done"] / total if total else None,
    )


def _kind(steps: Sequence[Step], kind: str) -> Step | None:
    return next((step for step in steps if step.kind == kind), None)
