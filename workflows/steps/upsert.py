"""A few new people, one call each: an import job would keep them waiting for longer than it takes."""

from typing import Any

from destinations.errors import Rejected
from workflows import batches, receipts
from workflows.models import Step
from workflows.results import Done, Result, Wait
from workflows.run import Run
from workflows.steps import refusals


def upsert(run: Run, step: Step) -> Result:
    """Make or change each profile of a batch, then put those that were taken on the list, in one call."""
    rows = [row for _, row in batches.of_step(run, step.input)]
    ids: dict[str, str] = step.checkpoint.get("ids", {})
    refused: dict[str, str] = step.checkpoint.get("refused", {})
    for row in rows:
        if row["key"] in ids or row["key"] in refused:
            continue
        run.recorder.items = 1
        try:
            ids[row["key"]] = run.client.upsert(run.profile(row).resource)
        except Rejected as error:
            refused[row["key"]] = _refuse(run, step, row["key"], error, len(refused))
        # After each call: a worker that ends here repeats one call at most.
        run.keep(step, checkpoint={"ids": ids, "refused": refused})
        run.pulse(done=len(ids) + len(refused), total=len(rows), unit="people")
    if ids and not step.calls.filter(endpoint="lists.add", outcome="ok").exists():
        run.recorder.items = len(ids)
        try:
            run.client.add(run.workflow.list_id, list(ids.values()))
        except Rejected as error:
            return _without(run, step, ids, refused, error)
    receipts.file(run.audience_list.pk, run.workflow, step, _people(ids), "on")
    told = {"rows": len(ids), "refused": len(refused)}
    return Done(told, steps=refusals.asked(run, step), skipped=not ids)


def _without(run: Run, step: Step, ids: dict[str, str], refused: dict[str, str], error: Rejected) -> Result:
    """Go on without profiles that were merged or deleted meanwhile; the read-back says who is missing."""
    kept = {key: profile for key, profile in ids.items() if profile not in error.profile_ids}
    if len(kept) == len(ids):
        raise error
    gone = dict.fromkeys(ids.keys() - kept.keys(), "gone")
    run.keep(step, checkpoint={"ids": kept, "refused": refused | gone})
    told = f"{len(gone):,} profiles no longer exist; adding the rest."
    return Wait(run.clock.now(), "timer", told)


def _refuse(run: Run, step: Step, key: str, error: Rejected, number: int) -> str:
    """Set a row aside with the destination's reason."""
    pointer = error.pointers[0] if error.pointers else None
    code = pointer.detail_code if pointer else error.code
    if code == "rejected":
        code = "value_invalid"
    name = f"{step.key.replace(':', '-')}-{number}"
    batches.refuse(run.folder, name, {key: (code, pointer.field if pointer else "")})
    return code


def _people(ids: dict[str, str]) -> list[tuple[str, Any]]:
    return list(ids.items())
