"""A small installation to look at: one list, and a workflow in each state that a page shows differently."""

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from audiences.models import Query, Source
from credentials import host_keys, ssh_keys, vault
from credentials.host_keys import Pin
from credentials.models import Credential
from destinations.models import AudienceList, DataTemplate, Destination
from workflows.models import Event, Orchestration, Step, Workflow
from workflows.start import frozen as freeze

SECRET = "pk_" + "c0ffee" * 6
PASSWORD = "not shown anywhere either"
PIN = Pin("ssh-ed25519", "SHA256:" + "a" * 43)
COLUMNS = [
    {"name": "email", "type": "text", "meaning": "email", "pii": True},
    {"name": "tier", "type": "text", "meaning": None, "pii": False},
]
PLAN: dict[str, Any] = {
    "adds": 1200,
    "removes": 30,
    "updates": 40,
    "unchanged": 8000,
    "kept_out": 5,
    "skipped": 0,
    "surplus_left": 0,
    "rows": 9257,
    "candidates": 9245,
    "members": 8070,
    "path": "api",
    "not_loaded": {"email_invalid": 12},
    "hash": "a1b2c3d4" * 8,
    "calls": {"imports.create": 1},
    "estimate_seconds": 31.0,
    "arithmetic": ["1 import jobs: 31 s"],
    "batches": [],
    "first_run": False,
    "round": 0,
}
COUNTS: dict[str, Any] = {
    "rows": 9257,
    "candidates": 9245,
    "added": 1197,
    "removed": 30,
    "updated": 40,
    "unchanged": 8000,
    "kept_out": 5,
    "skipped": 0,
    "unknown": 0,
    "on_list": 9237,
    "not_loaded": {"email_invalid": 12},
    "rejected": {"invalid_phone_number": 3},
    "samples": {"email_invalid": ["a•••@e•••.org · 7F3A"]},
}


@dataclass
class World:
    """Everything a page may need; `workflows` by the part each plays."""

    credential: Credential
    password: Credential
    sftp: Credential
    source: Source
    query: Query
    draft: Query
    destination: Destination
    template: DataTemplate
    orchestration: Orchestration
    workflows: dict[str, Workflow] = field(default_factory=dict)


def build() -> World:
    """Make the rows. The workflows of one list are over, but for the last; others have lists of their own."""
    credential = Credential(name="Shop EU", kind="klaviyo_api_key", account_id="XyZ9Ab")
    vault.save_secret(credential, SECRET)
    password = Credential(name="Warehouse", kind="database_password")
    vault.save_secret(password, PASSWORD)
    sftp = Credential(name="Klaviyo SFTP", kind="klaviyo_sftp")
    vault.save_secret(sftp, ssh_keys.generate().openssh)
    host_keys.accept(sftp, type=PIN.type, fingerprint=PIN.fingerprint, by="ada")
    source = Source.objects.create(name="Shop", kind="sqlite", settings={"path": "/nowhere/shop.sqlite"})
    given = {"source": source, "sql": "select email, tier from people"}
    query = Query.objects.create(name="VIP customers", state="active", version=3, columns=COLUMNS, **given)
    draft = Query.objects.create(name="Lapsed", **given)
    destination = Destination.objects.create(
        name="Klaviyo",
        plugin="klaviyo",
        credential=credential,
        account_id="XyZ9Ab",
        account_name="Fern & Moss",
    )
    template = a_template(destination, "VIP")
    orchestration = Orchestration.objects.create(name="VIP, nightly", query=query, template=template)
    world = World(credential, password, sftp, source, query, draft, destination, template, orchestration)
    AudienceList.objects.create(account_id="XyZ9Ab", name="VIP", list_id="Xq8mPz", members=9237)
    _run(world)
    return world


def a_template(destination: Destination, list_name: str) -> DataTemplate:
    mapping = [{"column": "tier", "target": "properties.Tier", "type": "text"}]
    return DataTemplate.objects.create(
        destination=destination, name=f"{list_name} profile", list_name=list_name, mapping=mapping
    )


def _run(world: World) -> None:
    objection = {"code": "large_removal", "sentence": "It would remove 30 of 70 people (43%)."}
    parts: dict[str, dict[str, Any]] = {
        "verified": {"state": "succeeded", "plan": PLAN, "counts": COUNTS, "verified_at": moment(1)},
        "issues": {
            "state": "succeeded_with_issues",
            "plan": PLAN,
            "counts": COUNTS,
            "verified_at": moment(1),
        },
        "stopped": {"state": "cancelled"},
        "failed": {"state": "failed", "code": "bug", "message": "The step “compare” failed."},
        "held": {"state": "paused", "code": "guard", "plan": PLAN, "error": {"objections": [objection]}},
        "stuck": {"state": "paused", "code": "invalid_credentials", "message": "Klaviyo rejected the key."},
        "queued": {"state": "queued"},
        "running": {"state": "running", "plan": PLAN, "requests": {"lists.members": 81, "imports.create": 1}},
    }
    for part, given in parts.items():
        world.workflows[part] = a_workflow(world, list_key=part, **given)


def moment(hours_ago: float) -> datetime:
    return datetime.now(UTC) - timedelta(hours=hours_ago)


def a_workflow(world: World, **given: Any) -> Workflow:
    """One workflow with its first steps and two lines of its timeline."""
    orchestration = given.pop("orchestration", world.orchestration)
    over = given["state"] in ("succeeded", "succeeded_with_issues", "cancelled", "failed")
    plan = given.get("plan", {})
    columns = {
        "number": orchestration.workflows.count() + 1,
        "account_id": "XyZ9Ab",
        "trigger_key": str(uuid.uuid4()),
        "started_by": "ada",
        "config": frozen(world),
        "created_at": moment(2),
        "started_at": None if given["state"] == "queued" else moment(2),
        "finished_at": moment(1) if over else None,
        "plan_hash": plan.get("hash", ""),
    }
    workflow = Workflow.objects.create(orchestration=orchestration, **columns | given)
    for seq, message in enumerate(("Started by ada.", "Running"), start=1):
        Event.objects.create(workflow=workflow, seq=seq, at=moment(2), kind="moved", message=message)
    a_step(workflow, "extract", "query", 1, outcome={"rows": 9257, "seconds": 2.5})
    if plan:
        a_step(workflow, "compare:r0", "compare", 2)
        a_step(workflow, "import:r0:00000", "deliver", 3, state="pending", input={"limit": 1200})
    return workflow


def a_step(workflow: Workflow, key: str, stage: str, position: int, **given: Any) -> Step:
    columns = {"kind": key.partition(":")[0], "stage": stage, "position": position, "state": "done"}
    return Step.objects.create(workflow=workflow, key=key, **columns | given)


def frozen(world: World) -> dict[str, Any]:
    """What a run of the world's orchestration goes by, as a start would write it down."""
    config = freeze(world.orchestration)
    return config | {"template": {**config["template"], "list_name": "VIP"}}
