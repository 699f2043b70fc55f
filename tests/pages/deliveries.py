"""Workflows in the middle of a delivery, with their requests and answers."""

import json
import uuid
from datetime import datetime, timedelta
from typing import Any

from tests.pages.world import COUNTS, PLAN, World, a_step, a_workflow, moment
from workflows.models import Attempt, Event, Step, Workflow

BATCHES = 13
ROWS = 1_000
SECRET_FREE = {
    "data": {"type": "profile-bulk-import-job", "attributes": {"profiles": {"data": ["[1,000 profiles]"]}}}
}
REFUSAL = {
    "errors": [
        {
            "id": "3f6f5c0e-6f1e-4d5c-9a4e-1f2d3c4b5a69",
            "status": 401,
            "code": "not_authenticated",
            "title": "Authentication credentials were not provided.",
        }
    ]
}


def build(world: World) -> dict[str, Workflow]:
    """Make the workflows, by the part each plays, after twenty earlier runs of the same orchestration."""
    for number in range(20):
        _earlier(world, number)
    return {"delivering": delivering(world), "refused key": refused_key(world)}


def _earlier(world: World, number: int) -> None:
    states = {4: "cancelled", 6: "succeeded_with_issues", 9: "failed", 15: "succeeded_with_issues"}
    state = states.get(number, "succeeded")
    counts = {**COUNTS, "added": 700 + (number * 397) % 900} if state.startswith("succeeded") else {}
    a_workflow(
        world,
        state=state,
        list_key=f"run {number}",
        counts=counts,
        created_at=moment(24 * (20 - number)),
        finished_at=moment(24 * (20 - number) - 1),
    )


def delivering(world: World) -> Workflow:
    """Eight of thirteen batches are in; Klaviyo asked to wait twice."""
    plan = {**PLAN, "adds": 12_331, "candidates": 14_000, "rows": 14_293}
    began = moment(0) - timedelta(minutes=4)
    workflow = a_workflow(
        world,
        state="running",
        list_key="delivering",
        plan=plan,
        counts={
            "rows": 14_293,
            "candidates": 14_000,
            "not_loaded": {"email_invalid": 198, "phone_no_country": 95},
        },
        requests={"imports.create": 10, "imports.get": 31},
        throttled=2,
        created_at=began,
        started_at=began,
    )
    workflow.steps.filter(key="import:r0:00000").delete()
    for number in range(BATCHES):
        _batch(workflow, number, done=number < 8, at=began + timedelta(seconds=20 + 25 * number))
    tell(workflow, 3, "Klaviyo asked to wait.", began + timedelta(seconds=80))
    return workflow


def refused_key(world: World) -> Workflow:
    """The key was revoked in the middle of a delivery."""
    began = moment(9)
    workflow = a_workflow(
        world,
        state="paused",
        list_key="VIP",
        plan={**PLAN, "adds": 12_331},
        counts={
            "rows": 14_293,
            "candidates": 14_000,
            "not_loaded": {"email_invalid": 198, "phone_no_country": 95},
        },
        code="invalid_credentials",
        message="Klaviyo rejected the key of credential “Shop EU” (401).",
        error={"ids": [REFUSAL["errors"][0]["id"]]},
        requests={"imports.create": 4},
        created_at=began,
        started_at=began,
    )
    workflow.steps.filter(key="import:r0:00000").delete()
    for number in range(BATCHES):
        _batch(workflow, number, done=number < 3, at=began + timedelta(seconds=20 + 25 * number))
    stopped = workflow.steps.get(key="import:r0:00003")
    an_attempt(
        stopped,
        began + timedelta(seconds=96),
        status=401,
        outcome="needsdecision",
        code="invalid_credentials",
    )
    return workflow


def _batch(workflow: Workflow, number: int, *, done: bool, at: datetime) -> None:
    limit = ROWS if number < BATCHES - 1 else 331
    told: dict[str, Any] = {"state": "pending", "input": {"limit": limit}}
    if done:
        told |= {
            "state": "done",
            "outcome": {"rows": limit},
            "started_at": at,
            "finished_at": at + timedelta(seconds=3),
        }
    step = a_step(workflow, f"import:r0:{number:05d}", "deliver", 10 + number, **told)
    if not done:
        return
    if number in (3, 6):
        an_attempt(
            step, at - timedelta(seconds=12), status=429, outcome="retrylater", code="throttled", wait=8
        )
    an_attempt(step, at, status=202, outcome="ok")


def an_attempt(
    step: Step, at: datetime, *, status: int, outcome: str, code: str = "", wait: int = 0, items: int = ROWS
) -> Attempt:
    answer = (
        REFUSAL if status == 401 else {"data": {"id": uuid.uuid4().hex}} if status == 202 else {"errors": []}
    )
    return Attempt.objects.create(
        step=step,
        fence=1,
        worker="worker",
        endpoint="imports.create",
        items=items,
        intent_at=at,
        ended_at=at + timedelta(seconds=1.4),
        outcome=outcome,
        http_status=status,
        code=code,
        error_ids=[REFUSAL["errors"][0]["id"]] if status == 401 else [],
        request={
            "method": "POST",
            "path": "/api/profile-bulk-import-jobs",
            "body": json.dumps(SECRET_FREE, indent=2),
            "bytes": 160_000,
        },
        answer={
            "status": status,
            "headers": {"Retry-After": str(wait)} if wait else {"RateLimit-Remaining": "148"},
            "body": json.dumps(answer, indent=2),
        },
    )


def tell(workflow: Workflow, seq: int, message: str, at: datetime | None = None) -> None:
    Event.objects.create(workflow=workflow, seq=seq, at=at or moment(0), kind="moved", message=message)
