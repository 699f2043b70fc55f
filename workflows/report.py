"""A workflow told in one JSON document, for scripts, schedulers and the API."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from workflows import resolutions
from workflows.catalogue import entry
from workflows.models import StepState, Workflow
from workflows.sent import sent

OUTCOMES = ("added", "updated", "unchanged", "kept_out", "not_loaded", "rejected", "skipped", "unknown")


def report(workflow: Workflow) -> dict[str, Any]:
    """Return what happened, in counts and codes; it holds no person and no secret."""
    offers = resolutions.offered(workflow)
    return {
        "workflow": str(workflow.pk),
        "orchestration": workflow.orchestration.name,
        "number": workflow.number,
        "state": workflow.state,
        "verified_at": workflow.verified_at.isoformat() if workflow.verified_at else None,
        "list": {"id": workflow.list_id or None, "name": workflow.list_name},
        "counts": workflow.counts,
        "sent": asdict(sent(workflow)),
        "plan": _plan(workflow),
        "warnings": warnings(workflow),
        "path": workflow.plan.get("path"),
        "only": workflow.config.get("only", {}).get("reason"),
        "delivers": "file" if workflow.feeds_a_file else "list",
        "requests": workflow.requests,
        "throttled": workflow.throttled,
        "estimate_seconds": workflow.estimate_seconds,
        "actual_seconds": workflow.actual_seconds,
        "total_seconds": workflow.total_seconds,
        "waits": workflow.message if workflow.is_open and workflow.reason else "",
        "error": _error(workflow, offers),
        "files": files(workflow),
        "offered": [asdict(each) for each in offers],
    }


def files(workflow: Workflow) -> list[dict[str, Any]]:
    """Return every uploaded part: its name on the server, rows, bytes, SHA-256, and whether it was gone."""
    outcomes = workflow.steps.filter(kind="upload", state=StepState.DONE).values_list("outcome", flat=True)
    return list(outcomes)


def warnings(workflow: Workflow) -> list[str]:
    """What is worth a look and stopped nothing: a query outside the sizes that are usual for it."""
    told = workflow.steps.filter(kind="extract").values_list("outcome__warning", flat=True)
    return [sentence for sentence in told if sentence]


def _plan(workflow: Workflow) -> dict[str, Any] | None:
    if not workflow.plan:
        return None
    told = {name: value for name, value in workflow.plan.items() if name != "batches"}
    return {**told, "objections": workflow.error.get("objections", [])}


def _error(workflow: Workflow, offers: Sequence[resolutions.Resolution]) -> dict[str, Any] | None:
    if not workflow.code:
        return None
    return {
        "code": workflow.code,
        "title": entry(workflow.code).title,
        "message": workflow.message,
        "resolutions": [f"{each.label}: {each.effect}" for each in offers],
    }
