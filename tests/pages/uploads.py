"""Workflows that go by SFTP, one in each state that a page shows differently."""

import hashlib
from datetime import timedelta
from typing import Any

from credentials import host_keys, ssh_keys, vault
from credentials.host_keys import Pin
from credentials.models import Credential
from destinations.csv_file import Size
from destinations.klaviyo import sftp_import
from destinations.models import Destination
from destinations.registry import PLUGINS
from destinations.sftp.address import Address
from destinations.sftp.faults import HostKeyRefused, no_space, unavailable
from tests.pages.world import World, a_step, a_template, a_workflow, frozen, moment
from workflows.estimate import Work, choose, file_forecast, forecasts
from workflows.models import Orchestration, Workflow
from workflows.plan import by_parts
from workflows.steps import planning

PEOPLE = 300_000
PART_ROWS, PART_BYTES = 50_000, 2_350_000
PARTS = [Size(PART_ROWS, PART_BYTES)] * 6
SERVER = Address("upload.example.org", 22, "fern-and-moss")
SHOWN = Pin("ssh-ed25519", "SHA256:" + "b" * 43)
ACCEPTED = Pin("ssh-ed25519", "SHA256:" + "a" * 43)
SHORT = ("adds", "removes", "updates", "unchanged", "kept_out", "skipped", "surplus_left")
LARGE = Work(
    new=PEOPLE,
    removes=120,
    members=8_000,
    import_requests=30,
    json_bytes=PEOPLE * 160,
    csv_bytes=len(PARTS) * PART_BYTES,
    csv_parts=len(PARTS),
    small_list=20_000,
    unfit=4,
    unfit_requests=1,
)


def build(world: World) -> dict[str, Workflow]:
    """Make the workflows, each of a list of its own, by the part each plays."""
    opens_sftp(world)
    made = {
        "held": _held(world, LARGE),
        "held, no SFTP": _held(world, _without_sftp()),
        "uploading": _uploading(world),
        "taken in": _taken_in(world),
        "succeeded": _succeeded(world),
        "small": _small(world),
        "unconfirmed": unconfirmed(world, list_key="unconfirmed"),
        "host key": stuck(world, HostKeyRefused(SERVER, presented=SHOWN, pinned=(ACCEPTED,)), uploaded=0),
        "no space": stuck(world, no_space(SERVER, kept=1_048_576, wanted=PART_BYTES), uploaded=2),
        "unavailable": _unavailable(world),
        "file": _file(world),
    }
    made["mended"], made["mending"] = _mended(world)
    return made


def opens_sftp(world: World) -> None:
    """Give the destination its second way in, to `SERVER`."""
    world.sftp.settings |= {"host": SERVER.host, "port": SERVER.port, "user": SERVER.user}
    world.sftp.save(update_fields=["settings"])
    world.destination.sftp_credential = world.sftp
    world.destination.save()


def a_plan(work: Work = LARGE, wanted: str = "auto") -> dict[str, Any]:
    """Return what a run keeps of a plan for `work`, estimated and chosen as it would be."""
    ways = forecasts(work, floor_seconds=PLUGINS["klaviyo"].floor_seconds)
    numbers = dict.fromkeys(SHORT, 0) | {"adds": work.new, "removes": work.removes, "updates": work.updates}
    chosen = choose(ways, wanted)
    return {
        **numbers,
        **planning.told(chosen),
        "path": chosen.path,
        "rows": work.new + 12,
        "candidates": work.new,
        "members": work.members,
        "unchanged": work.members - work.removes,
        "not_loaded": {"email_invalid": 12},
        "hash": hashlib.sha256(repr(work).encode()).hexdigest(),
        "calls": {"lists.members": work.pages},
        "batches": [],
        "round": 0,
    }


def unconfirmed(world: World, **given: Any) -> Workflow:
    """A run whose files arrived, and of whose people 3,000 were not seen."""
    counts = _counts(added=PEOPLE - 3_000, unknown=3_000)
    counts["samples"]["not_seen"] = ["g•••@e•••.org · 19C2"]
    told = {
        "state": "succeeded_with_issues",
        "code": "sftp_unconfirmed",
        "message": "3,000 people uploaded by SFTP did not come on the list.",
        "counts": counts,
    }
    workflow = _run(world, a_plan(), **told | given)
    _upload(workflow, done=6)
    _verify(workflow, missing=3_000)
    return workflow


def _verify(workflow: Workflow, *, missing: int = 0) -> None:
    read = {"members": workflow.counts["on_list"], "missing": missing, "surplus": 0}
    a_step(workflow, "verify:r0", "verify", 99, outcome=read)


def _held(world: World, work: Work) -> Workflow:
    objection = {"code": "first_run", "sentence": "It is the first run on a list with 8,000 members."}
    plan, name = a_plan(work), "Newcomers" if work.sftp_problem else "Everybody"
    return _run(world, plan, list_key=name, state="paused", code="guard", error={"objections": [objection]})


def _without_sftp() -> Work:
    mapping = [{"column": "first", "target": "first_name", "type": "text"}]
    problem = sftp_import.problem(mapping, full_profile=True, choices=sftp_import.DEFAULTS)
    return Work(
        new=20_000,
        members=8_000,
        import_requests=3,
        json_bytes=3_200_000,
        small_list=20_000,
        sftp_problem=problem,
    )


def _uploading(world: World) -> Workflow:
    workflow = _run(world, a_plan(), list_key="uploading", state="running")
    _upload(workflow, done=2)
    told = {"done": 21_500, "total": PART_ROWS, "unit": "rows"}
    _part(workflow, 2, state="inflight", progress=told | {"bytes": 1_010_500, "total_bytes": PART_BYTES})
    for number in (3, 4, 5):
        _part(workflow, number, state="pending")
    return workflow


def _taken_in(world: World) -> Workflow:
    message = "120,000 of 300,000 uploaded people are on the list so far."
    workflow = _run(world, a_plan(), list_key="taken in", state="waiting", reason="job", message=message)
    _upload(workflow, done=6)
    told = {"done": 120_000, "total": PEOPLE, "unit": "people"}
    a_step(workflow, "ingest:r0", "deliver", 90, state="waiting", progress=told)
    a_step(workflow, "remove:r0:00006", "deliver", 91, state="pending", input={"limit": 120})
    return workflow


def _succeeded(world: World) -> Workflow:
    told = {"state": "succeeded", "counts": _counts(added=PEOPLE), "verified_at": moment(1)}
    workflow = _run(world, a_plan(), list_key="succeeded", **told)
    _upload(workflow, done=6)
    return workflow


def _small(world: World) -> Workflow:
    work = Work(
        new=3, members=40, import_requests=1, json_bytes=480, csv_bytes=141, csv_parts=1, small_list=20_000
    )
    counts = _counts(added=3) | {"unchanged": 40, "on_list": 43}
    told = {"state": "succeeded", "counts": counts, "verified_at": moment(1)}
    workflow = _run(world, a_plan(work), list_key="small", **told)
    a_step(workflow, "upsert:r0:00000", "deliver", 10, input={"limit": 3}, outcome={"rows": 3})
    return workflow


def stuck(world: World, error: Any, *, uploaded: int, **given: Any) -> Workflow:
    told = {"list_key": error.code, "state": "paused", "code": error.code, "message": error.message}
    if isinstance(error, HostKeyRefused):
        told["error"] = {"presented": str(error.presented)}
    workflow = _run(world, a_plan(), **told | given)
    _upload(workflow, done=uploaded)
    for number in range(uploaded, 6):
        _part(workflow, number, state="waiting" if number == uploaded else "pending")
    return workflow


def _unavailable(world: World) -> Workflow:
    return stuck(world, unavailable(SERVER, "did not answer in time"), uploaded=1, wake_at=moment(-0.75))


def _file(world: World) -> Workflow:
    key = Credential(name="Partner key", kind="sftp")
    vault.save_secret(key, ssh_keys.generate().openssh)
    host_keys.accept(key, type=ACCEPTED.type, fingerprint=ACCEPTED.fingerprint, by="ada")
    partner = Destination.objects.create(
        name="Partner", plugin="sftp", credential=key, account_id="sftp:4f", account_name=str(SERVER)
    )
    template = a_template(partner, "Everybody who bought")
    order = Orchestration.objects.create(name="Partner, weekly", query=world.query, template=template)
    forecast = file_forecast(Work(new=100_000, csv_bytes=2 * PART_BYTES, csv_parts=2))
    plan = a_plan() | {
        "adds": 100_000,
        "removes": 0,
        "unchanged": 0,
        "members": 0,
        "rows": 100_012,
        "candidates": 100_000,
        "way": "file",
        "why": "",
        "others": [],
        "estimate_seconds": round(forecast.seconds, 1),
        "arithmetic": list(forecast.arithmetic),
    }
    counts = _counts(added=100_000) | {"removed": 0, "unchanged": 0, "on_list": 100_000, "rows": 100_012}
    told = {"state": "succeeded", "counts": counts, "verified_at": moment(1), "list_key": "file"}
    config = {
        "query": {"name": world.query.name, "version": 3},
        "template": {"name": template.name, "list_name": template.list_name, "full_profile": True},
        "destination": {"name": partner.name, "delivers": "file"},
    }
    workflow = _run(world, plan, orchestration=order, config=config, account_id="sftp:4f", **told)
    _upload(workflow, done=2, parts=2)
    return workflow


def _mended(world: World) -> tuple[Workflow, Workflow]:
    first = unconfirmed(world, list_key="mended")
    second = a_workflow(
        world,
        **_order(world, "mended"),
        list_key="mended",
        state="waiting",
        reason="job",
        parent=first,
        dry_run=True,
        trigger="resolution",
        message="Waiting for uploaded people: 306,100 of 308,000 are on the list.",
    )
    second.steps.filter(kind="extract").update(state="pending", outcome={})
    a_step(second, "barrier", "query", 0, state="waiting")
    return first, second


def _run(world: World, plan: dict[str, Any], **given: Any) -> Workflow:
    """One workflow whose plan was made, and let pass when it is not what the workflow waits for."""
    order = {} if "orchestration" in given else _order(world, given["list_key"])
    workflow = a_workflow(world, **order | given)
    workflow.plan, workflow.plan_hash = plan, plan["hash"]
    workflow.estimate_seconds = plan["estimate_seconds"]
    workflow.counts = workflow.counts or {name: plan[name] for name in ("rows", "candidates", "not_loaded")}
    if workflow.is_final:
        workflow.finished_at = moment(2) + timedelta(seconds=plan["estimate_seconds"] * 1.1)
    workflow.save()
    workflow.steps.filter(kind="extract").update(outcome={"rows": plan["rows"], "seconds": 2.5})
    a_step(workflow, "compare:r0", "compare", 2)
    if workflow.code != "guard":
        a_step(workflow, "guard:r0", "compare", 3, finished_at=moment(2) + timedelta(seconds=6))
    return workflow


def _order(world: World, list_name: str) -> dict[str, Any]:
    """Return the orchestration that feeds a list, made when there is none, and the settings of its runs."""
    if not Orchestration.objects.filter(template__list_name=list_name).exists():
        template = a_template(world.destination, list_name)
        Orchestration.objects.create(name=f"{list_name}, nightly", query=world.query, template=template)
    order = Orchestration.objects.get(template__list_name=list_name)
    config = frozen(world)
    return {
        "orchestration": order,
        "config": config | {"template": {**config["template"], "list_name": list_name}},
    }


def _upload(workflow: Workflow, *, done: int, parts: int = 6) -> None:
    for number in range(done):
        _part(workflow, number, parts, again=number == 3)


def _part(workflow: Workflow, number: int, parts: int = 6, *, again: bool = False, **given: Any) -> None:
    batch = by_parts("upload", "r0/adds_in_file.parquet", PARTS[:parts])[number]
    name = sftp_import.file_name(
        list_name=workflow.list_name,
        workflow=str(workflow.pk),
        part=number + 1,
        parts=parts,
        attempt=2 if again else 1,
    )
    outcome = {
        "rows": batch.limit,
        "bytes": batch.bytes,
        "sha256": hashlib.sha256(name.encode()).hexdigest(),
        "name": name,
        "taken": number == 1 and not workflow.feeds_a_file,
        "seconds": 1.2,
        "attempts": 2 if again else 1,
    }
    told = given or {"state": "done", "outcome": outcome}
    a_step(workflow, f"upload:r0:{number:05d}", "deliver", 10 + number, input=batch.as_input(), **told)


def _counts(*, added: int, unknown: int = 0) -> dict[str, Any]:
    numbers = dict.fromkeys(("updated", "kept_out", "skipped"), 0)
    return numbers | {
        "rows": added + unknown + 12,
        "candidates": added + unknown,
        "added": added,
        "removed": 120 if added > 100 else 0,
        "unchanged": 7_880,
        "unknown": unknown,
        "on_list": added + 7_880,
        "not_loaded": {"email_invalid": 12},
        "rejected": {},
        "samples": {"email_invalid": ["a•••@e•••.org · 7F3A"]},
    }
