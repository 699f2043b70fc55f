"""The second half: the plan carried out, batch by batch, each at most once but for a crash in its middle."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from destinations import lists
from destinations.errors import NeedsDecision, Rejected
from workflows import batches
from workflows.models import Step
from workflows.outside import accepted, doubtful_since
from workflows.plan import halves
from workflows.results import Done, NewStep, Paused, Result, Wait
from workflows.run import Run

# A list that was perhaps created shows up in a search only after a while.
LOOK_AFTER = timedelta(seconds=90)
POLL_SLOWEST = timedelta(seconds=30)
STUCK_AFTER = timedelta(minutes=30)
# Klaviyo's clock and ours may differ by this much when a job is looked for by its time.
CLOCK_MARGIN = timedelta(seconds=30)
ACCOUNT_LIMIT = 1_000


def create(run: Run, step: Step) -> Result:
    """Make the list, at most once: after a doubtful answer look for it before anything else."""
    kept = run.audience_list
    if step.external_ref:
        lists.pin(kept, step.external_ref, created_by_us=True)
        return _created(run, step.external_ref)
    if sent := doubtful_since(step):
        look_at = sent + min(LOOK_AFTER, run.ambiguity)
        if look_at > run.clock.now():
            return Wait(look_at, "settle", "Waiting to see whether the list was created.")
    found = lists.resolve(run.client, run.workflow.account_id, kept.name)
    if found.list_id:
        return _created(run, found.list_id)
    try:
        made = run.client.create_list(kept.name)
    except NeedsDecision as error:
        raise _with_room(run, error) from error
    lists.pin(kept, made.id, created_by_us=True)
    return _created(run, made.id)


def _created(run: Run, list_id: str) -> Done:
    return Done({"list_id": list_id}, columns={"list_id": list_id}, note=f"List “{run.workflow.list_key}” is ready.")


def _with_room(run: Run, error: NeedsDecision) -> Exception:
    """Say how full the account is, when that is why a list could not be made."""
    if error.code != "max_lists":
        return error
    taken_lists, taken_segments = run.client.list_total(), run.client.segment_total()
    message = (
        f"The list “{run.workflow.list_key}” could not be created: the account holds {taken_lists:,} lists and "
        f"{taken_segments:,} segments, and Klaviyo allows {ACCOUNT_LIMIT:,} together. Delete some, then retry."
    )
    return Paused("max_lists", message, lists=taken_lists, segments=taken_segments)


def import_(run: Run, step: Step) -> Result:
    """Submit one import job that puts people on the list; its end is waited for in `jobs`."""
    return _submit(run, step, run.workflow.list_id)


def update(run: Run, step: Step) -> Result:
    """Submit one import job that changes profiles. It names no list, so it puts nobody back who has left."""
    return _submit(run, step, None)


def _submit(run: Run, step: Step, list_id: str | None) -> Result:
    if step.external_ref:
        return _submitted(step)
    rows = batches.of_step(run, step.input)
    if not rows:
        return Done({"rows": 0}, skipped=True)
    if (sent := doubtful_since(step)) and (job := _adopt(run, step, sent, len(rows))):
        step.external_ref = job
        return _submitted(step)
    run.recorder.items = len(rows)
    try:
        job = run.client.submit_import([run.profile(row) for _, row in rows], list_id)
    except Rejected as error:
        return _refused(run, step, rows, error)
    step.external_ref = job
    return _submitted(step)


def _submitted(step: Step) -> Done:
    return Done({"job": step.external_ref, "rows": step.input["limit"] - len(step.input.get("skip", ()))})


def _adopt(run: Run, step: Step, sent: datetime, rows: int) -> str | None:
    """Find the job of a submission whose answer was lost: made since, of that size, and nobody else's step's."""
    ours = set(run.workflow.steps.exclude(external_ref="").values_list("external_ref", flat=True))
    page = run.client.import_jobs()
    found = [
        job.id
        for job in page.jobs
        if job.total == rows
        and job.id not in ours
        and job.created_at
        and job.created_at >= sent - CLOCK_MARGIN
    ]
    return found[0] if len(found) == 1 else None


def _refused(run: Run, step: Step, rows: list[tuple[int, dict[str, Any]]], error: Rejected) -> Result:
    """Set the rows at fault aside and send the rest; without a pointer, halve until the row is found."""
    guilty = {
        rows[pointer.index][0]: (pointer.detail_code, pointer.field)
        for pointer in error.pointers
        if pointer.index is not None and 0 <= pointer.index < len(rows)
    }
    if not guilty and len(rows) > 1 and error.code in ("rejected", "conflict", "too_large", "invalid_profile_ids"):
        return _halve(step)
    if not guilty and len(rows) == 1:
        guilty = {rows[0][0]: (_code(error), "")}
    if not guilty:
        raise error
    by_place = dict(rows)
    name = f"{step.key.replace(':', '-')}-{len(step.input.get('skip', ()))}"
    batches.refuse(run.folder, name, {by_place[place]["key"]: why for place, why in guilty.items()})
    step.input = {**step.input, "skip": sorted({*step.input.get("skip", ()), *guilty})}
    step.save(update_fields=["input"])
    return Wait(run.clock.now(), "timer", f"Klaviyo refused {len(guilty):,} rows of a batch; sending the rest.")


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
        parts.append(
            NewStep(f"{step.key}.{number}", step.kind, step.stage, step.round, step.position, given)
        )
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
        return Done({"rows": len(rows)})
    if not rows:
        return Done({"rows": 0}, skipped=True)
    run.recorder.items = len(rows)
    try:
        send(run.workflow.list_id, [row["profile_id"] for _, row in rows])
    except Rejected as error:
        return _unknown_ids(run, step, rows, error)
    return Done({"rows": len(rows)})


def _unknown_ids(run: Run, step: Step, rows: list[tuple[int, dict[str, Any]]], error: Rejected) -> Result:
    """Profiles that were deleted or merged meanwhile: leave them out; the read-back says who is missing."""
    gone = {place for place, row in rows if row["profile_id"] in error.profile_ids}
    if not gone and len(rows) > 1:
        return _halve(step)
    gone = gone or {rows[0][0]}
    step.input = {**step.input, "skip": sorted({*step.input.get("skip", ()), *gone})}
    step.save(update_fields=["input"])
    return Wait(run.clock.now(), "timer", f"{len(gone):,} profiles no longer exist; sending the rest.")


def jobs(run: Run, step: Step) -> Result:
    """Wait until every import job of this round has ended, then read what each could not take."""
    ended: dict[str, Any] = step.checkpoint.get("ended", {})
    waiting = {
        sent.external_ref: sent
        for sent in run.workflow.steps.filter(kind__in=("import", "update"), round=step.round)
        if sent.external_ref and sent.external_ref not in ended
    }
    seen = _look(run, waiting)
    done = sum(job.completed + job.failed for job in seen.values()) + sum(job["rows"] for job in ended.values())
    for ref, job in seen.items():
        if job.is_running:
            continue
        if job.is_complete and job.failed:
            _read_failures(run, waiting[ref])
        ended[ref] = {"status": job.status, "rows": job.total, "failed": job.failed}
    checkpoint = {**step.checkpoint, "ended": ended, "polls": step.checkpoint.get("polls", 0) + 1}
    total = sum(job.total for job in seen.values() if job.is_running) + sum(job["rows"] for job in ended.values())
    run.pulse(done=done, total=max(total, done), unit="profiles")
    if len(ended) < len(ended.keys() | waiting.keys()):
        return _poll_later(run, step, checkpoint, done)
    failed = sum(job["failed"] for job in ended.values())
    note = f"{len(ended):,} import jobs ended; Klaviyo could not take {failed:,} rows." if failed else ""
    return Done({"jobs": len(ended), "failed": failed}, note=note)


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


def _read_failures(run: Run, sent: Step) -> None:
    rows = batches.of_step(run, sent.input)
    by_email = {row["email"]: row["key"] for _, row in rows}
    refused: dict[str, tuple[str, str]] = {}
    for failure in run.client.import_failures(sent.external_ref):
        key = by_email.get((failure.email or "").strip().lower())
        if key is None and failure.index is not None and failure.index < len(rows):
            key = rows[failure.index][1]["key"]
        if key is not None:
            refused[key] = (failure.detail_code, failure.field)
    batches.refuse(run.folder, f"{sent.key.replace(':', '-')}-job", refused)


def _poll_later(run: Run, step: Step, checkpoint: dict[str, Any], done: int) -> Result:
    now = run.clock.now()
    if checkpoint.get("done") != done:
        checkpoint |= {"done": done, "moved_at": now.isoformat(), "polls": 1}
    if now - datetime.fromisoformat(checkpoint["moved_at"]) > STUCK_AFTER:
        raise Paused("import_stuck", f"Import jobs at Klaviyo stand still at {done:,} profiles for 30 minutes.")
    step.checkpoint = checkpoint
    step.save(update_fields=["checkpoint"])
    wait = min(timedelta(seconds=2 ** min(checkpoint["polls"], 5) / 2), POLL_SLOWEST)
    return Wait(now + wait, "job", "Klaviyo works on the import.")
