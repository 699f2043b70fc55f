"""The second half: the plan carried out, batch by batch, each at most once but for a crash in its middle."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Min

from destinations import lists
from destinations.errors import NeedsDecision, Rejected
from destinations.models import AudienceList
from destinations.registry import Job
from workflows import batches, receipts
from workflows.models import Step
from workflows.outside import accepted, doubtful_since
from workflows.plan import halves
from workflows.results import Again, Done, NewStep, Paused, Result, Wait
from workflows.run import Run
from workflows.steps import appeared, deletion, refusals, room

POLL_SLOWEST = timedelta(seconds=30)
STUCK_AFTER = timedelta(minutes=30)


def create(run: Run, step: Step) -> Result:
    """Make the list, at most once: after a doubtful answer it is looked for before anything else.

    One that is there meanwhile, with people on it, is compared with before anything is sent.
    """
    name = run.workflow.list_key
    if deletion.ordered(run, step):
        return Again()
    if step.external_ref:
        # The answer arrived, and the worker ended before it could finish the step.
        made = lists.pin(run.audience_list, step.external_ref, created_by_us=True)
    else:
        made = _made(run, step)
    list_id = made.list_id or ""
    outcome, columns = {"list_id": list_id}, {"list_id": list_id}
    if not made.created_by_us and (why := appeared.in_use(run, list_id)):
        appeared.plan_anew(run, step)
        note = f"A list “{name}” is there by now, and {why}: the plan is made anew with it."
        return Done(outcome, columns=columns, skipped=True, note=note)
    return Done(outcome, columns=columns, note=f"List “{name}” is ready.")


def _made(run: Run, step: Step) -> AudienceList:
    try:
        return lists.resolve(
            run.client,
            run.workflow.account_id,
            run.workflow.list_key,
            now=run.clock.now(),
            max_lists=run.plugin.max_lists,
            before_making=lambda: room.make_sure(run, step),
            counted=lambda: room.slots(step),
        )
    except NeedsDecision as error:
        if error.code == "max_lists":
            raise room.full(run, step, room.counted_before(step), error.message) from error
        if error.code == "list_ambiguous":
            raise room.ambiguous(run, step) from error
        raise


def import_(run: Run, step: Step) -> Result:
    """Submit one import job that puts people on the list; its end is waited for in `jobs`."""
    return _submit(run, step, run.workflow.list_id)


def update(run: Run, step: Step) -> Result:
    """Submit one import job that changes profiles. It names no list, so it puts nobody back who has left."""
    return _submit(run, step, None)


def _submit(run: Run, step: Step, list_id: str | None) -> Result:
    if step.external_ref:
        return _submitted(run, step)
    rows = batches.of_step(run, step.input)
    if step.input.get("again"):
        batches.forgive(run.folder, {row["key"] for _, row in rows})
    profiles = [run.profile(row, leave_out=step.input.get("leave_out", ())) for _, row in rows]
    if large := {
        place: why
        for (place, _), profile in zip(rows, profiles, strict=True)
        if (why := _too_large(run, profile))
    }:
        return _set_aside(run, step, rows, large)
    if not rows:
        return Done({"rows": 0}, skipped=True)
    sent = doubtful_since(step)
    # A change of profiles is simply sent again: nobody would see by the list that the wrong job was taken.
    if list_id and sent and (job := _adopt(run, sent, len(rows))):
        step.external_ref = job
        return _submitted(run, step)
    run.recorder.items = len(rows)
    try:
        step.external_ref = run.client.submit_import([profile.resource for profile in profiles], list_id)
    except Rejected as error:
        return _refused(run, step, rows, error)
    return _submitted(run, step, sum(profile.bytes for profile in profiles))


def _people(run: Run, step: Step) -> list[tuple[str, str | None]]:
    """The keys of a batch, and the profile ids of those whose id is known."""
    return [(row["key"], row["profile_id"]) for _, row in batches.of_step(run, step.input) if row["key"]]


def _too_large(run: Run, profile: Any) -> tuple[str, str] | None:
    refusal = run.plugin.imports.too_large(profile)
    return (refusal.reason, refusal.field) if refusal else None


def _submitted(run: Run, step: Step, size: int = 0) -> Done:
    if step.kind == "import":
        receipts.file(run.audience_list.pk, run.workflow, step, _people(run, step), "sent")
    told = {"job": step.external_ref, "rows": step.input["limit"] - len(step.input.get("skip", ()))}
    return Done(told | ({"bytes": size} if size else {}))


def _adopt(run: Run, sent: datetime, rows: int) -> str | None:
    """Find the job of a submission whose answer was lost: made since, of that size, and no other step's.

    Nothing says whose a job is, so one that may be somebody else's is left: sending again is safe.
    """
    ours = set(Step.objects.exclude(external_ref="").values_list("external_ref", flat=True))
    found = [
        job.id
        for job in run.client.import_jobs().jobs
        if job.total == rows and job.id not in ours and job.created_at and job.created_at >= sent
    ]
    return found[0] if len(found) == 1 else None


def _refused(run: Run, step: Step, rows: list[tuple[int, dict[str, Any]]], error: Rejected) -> Result:
    """Set the rows at fault aside and send the rest; without a pointer, halve until the row is found."""
    guilty = {
        rows[pointer.index][0]: (pointer.detail_code, pointer.field)
        for pointer in error.pointers
        if pointer.index is not None and 0 <= pointer.index < len(rows)
    }
    if (
        not guilty
        and len(rows) > 1
        and error.code in ("rejected", "conflict", "too_large", "invalid_profile_ids")
    ):
        return _halve(step)
    if not guilty and len(rows) == 1:
        guilty = {rows[0][0]: (_code(error), "")}
    if not guilty:
        raise error
    return _set_aside(run, step, rows, guilty)


def _set_aside(
    run: Run, step: Step, rows: list[tuple[int, dict[str, Any]]], guilty: dict[int, tuple[str, str]]
) -> Result:
    by_place = dict(rows)
    name = f"{step.key.replace(':', '-')}-{len(step.input.get('skip', ()))}"
    batches.refuse(run.folder, name, {by_place[place]["key"]: why for place, why in guilty.items()})
    run.keep(step, input={**step.input, "skip": sorted({*step.input.get("skip", ()), *guilty})})
    return Wait(
        run.clock.now(), "timer", f"Klaviyo refused {len(guilty):,} rows of a batch; sending the rest."
    )


def _code(error: Rejected) -> str:
    return error.code if error.code != "rejected" else "value_invalid"


def _halve(step: Step) -> Done:
    """Replace a batch by its two halves. Rows set aside stay set aside."""
    skip = step.input.get("skip", [])
    parts = []
    base = step.input["offset"]
    for number, half in enumerate(halves(step.input)):
        start, end = half["offset"] - base, half["offset"] - base + half["limit"]
        given = {**step.input, **half, "skip": [place - start for place in skip if start <= place < end]}
        parts.append(NewStep(f"{step.key}.{number}", step.kind, step.stage, step.round, step.position, given))
    return Done({"split": True, "rows": 0}, steps=tuple(parts), skipped=True)


def add(run: Run, step: Step) -> Result:
    """Put profiles whose ids are remembered on the list."""
    return _by_id(run, step, run.client.add)


def remove(run: Run, step: Step) -> Result:
    """Take profiles off the list, as the plan that passed the guard says."""
    return _by_id(run, step, run.client.remove)


def _by_id(run: Run, step: Step, send: Any) -> Result:
    rows = batches.of_step(run, step.input)
    if accepted(step):
        return _acknowledged(run, step)
    if not rows:
        return Done({"rows": 0}, skipped=True)
    run.recorder.items = len(rows)
    try:
        send(run.workflow.list_id, [row["profile_id"] for _, row in rows])
    except Rejected as error:
        return _unknown_ids(run, step, rows, error)
    return _acknowledged(run, step)


def _acknowledged(run: Run, step: Step) -> Done:
    people = _people(run, step)
    receipts.file(run.audience_list.pk, run.workflow, step, people, "on" if step.kind == "add" else "off")
    return Done({"rows": len(batches.of_step(run, step.input))})


def _unknown_ids(run: Run, step: Step, rows: list[tuple[int, dict[str, Any]]], error: Rejected) -> Result:
    """Profiles that were deleted or merged meanwhile: leave them out; the read-back says who is missing."""
    gone = {place for place, row in rows if row["profile_id"] in error.profile_ids}
    if not gone and len(rows) > 1:
        return _halve(step)
    gone = gone or {rows[0][0]}
    run.keep(step, input={**step.input, "skip": sorted({*step.input.get("skip", ()), *gone})})
    return Wait(run.clock.now(), "timer", f"{len(gone):,} profiles no longer exist; sending the rest.")


def jobs(run: Run, step: Step) -> Result:
    """Wait until every import job of this round has ended, then read what each could not take."""
    ended: dict[str, Any] = step.checkpoint.get("ended", {})
    waiting = {
        sent.external_ref: sent
        for sent in run.workflow.steps.filter(kind__in=("import", "update"), round=step.round)
        if sent.external_ref and sent.external_ref not in ended
        if bool(sent.input.get("again")) == bool(step.input.get("again"))
    }
    seen = _look(run, waiting)
    done = sum(job.completed + job.failed for job in seen.values()) + sum(
        job["rows"] for job in ended.values()
    )
    for ref, job in seen.items():
        if job.is_running:
            continue
        _take_in(run, waiting[ref], job)
        ended[ref] = {
            "status": job.status,
            "rows": job.total,
            "failed": job.failed,
            "adds": waiting[ref].kind == "import",
        }
    checkpoint = {**step.checkpoint, "ended": ended, "polls": step.checkpoint.get("polls", 0) + 1}
    if done and "first" not in checkpoint:
        checkpoint["first"] = [done, _seconds_since_submitted(run, step)]
    total = sum(job.total for job in seen.values() if job.is_running) + sum(
        job["rows"] for job in ended.values()
    )
    run.pulse(done=done, total=max(total, done), unit="profiles")
    if len(ended) < len(ended.keys() | waiting.keys()):
        return _poll_later(run, step, checkpoint, done)
    failed = sum(job["failed"] for job in ended.values())
    note = f"{len(ended):,} import jobs ended; Klaviyo could not take {failed:,} rows." if failed else ""
    first = {"first": checkpoint["first"]} if "first" in checkpoint else {}
    failed_adds = sum(job["failed"] for job in ended.values() if job.get("adds", True))
    told = {"jobs": len(ended), "failed": failed, "failed_adds": failed_adds, **first}
    return Done(told, steps=refusals.asked(run, step), note=note)


def _seconds_since_submitted(run: Run, step: Step) -> float:
    sent = run.workflow.steps.filter(kind__in=("import", "update"), round=step.round)
    began = sent.aggregate(first=Min("finished_at"))["first"] or run.clock.now()
    return (run.clock.now() - began).total_seconds()


def _look(run: Run, waiting: Mapping[str, Step]) -> dict[str, Any]:
    """Ask for the jobs: one by one when few, else a hundred at a time."""
    if len(waiting) <= 2:
        return {ref: run.client.import_job(ref) for ref in waiting}
    found: dict[str, Any] = {}
    cursor = ""
    while len(found) < len(waiting):
        page = run.client.import_jobs(cursor=cursor)
        found |= {job.id: job for job in page.jobs if job.id in waiting}
        cursor = page.cursor
        if not cursor:
            break
    return found | {ref: run.client.import_job(ref) for ref in waiting.keys() - found.keys()}


def _take_in(run: Run, sent: Step, job: Job) -> None:
    """File what an ended job did: the people it put on, those it refused, those nobody can speak for."""
    rows = batches.of_step(run, sent.input)
    refused = _failures(run, sent, rows) if job.is_complete and job.failed else {}
    name = f"{sent.key.replace(':', '-')}-job"
    batches.refuse(run.folder, name, refused)
    # Some rows failed that no error names, or the job was cancelled: by the list alone one cannot tell.
    if not job.is_complete or len(refused) < job.failed:
        if sent.kind == "update":
            batches.doubt(run.folder, name, [row["key"] for _, row in rows if row["key"] not in refused])
        return
    if sent.kind == "import":
        people = [person for person in _people(run, sent) if person[0] not in refused]
        receipts.file(run.audience_list.pk, run.workflow, sent, people, "on")


def _failures(run: Run, sent: Step, rows: list[tuple[int, dict[str, Any]]]) -> dict[str, tuple[str, str]]:
    batch = run.plugin.imports.Batch(tuple(run.profile(row) for _, row in rows))
    failures = run.client.import_failures(sent.external_ref)
    found = run.plugin.imports.match_failures(failures, batch, key_of=run.keyer.key)
    return {refusal.key: (refusal.reason, refusal.field) for refusal in found.refusals}


def _poll_later(run: Run, step: Step, checkpoint: dict[str, Any], done: int) -> Result:
    now = run.clock.now()
    if checkpoint.get("done") != done:
        checkpoint |= {"done": done, "moved_at": now.isoformat(), "polls": 1}
    if now - datetime.fromisoformat(checkpoint["moved_at"]) > STUCK_AFTER:
        raise Paused(
            "import_stuck", f"Import jobs at Klaviyo stand still at {done:,} profiles for 30 minutes."
        )
    run.keep(step, checkpoint=checkpoint)
    wait = min(timedelta(seconds=2 ** min(checkpoint["polls"], 5) / 2), POLL_SLOWEST)
    return Wait(now + wait, "job", "Klaviyo works on the import.")
