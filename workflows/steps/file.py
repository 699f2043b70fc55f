"""A destination that takes files: everyone the query gives goes into one, and the file is read back.

Nobody can say who is on the list behind such a file. What can be said, and is, is that the server holds it
byte for byte.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from destinations import csv_file
from destinations.csv_file import CannotWrite, Size
from workflows import alone, batches, learning, rows, sealing
from workflows.batches import IN_FILE, NOT_IN_FILE
from workflows.estimate import Choice, Work, file_forecast
from workflows.files import digest, sealed_path
from workflows.models import Step, StepState
from workflows.moves import State
from workflows.plan import Plan, by_parts
from workflows.results import Done, Ended, Paused, Result
from workflows.run import Run
from workflows.steps import access, books, planning, story


def reach(run: Run, step: Step) -> Result:
    """The server is the one that was accepted, it lets us in, and its folder is there."""
    access.refuse_restricted(run)
    files = len(run.sftp.listing(run.files.folder))
    account = run.destination.account_id
    if not account or account == run.workflow.account_id:
        return Done({"files": files})
    if sentence := alone.beside(run.workflow.orchestration, list_name=run.workflow.list_key):
        raise Paused("list_shared", sentence)
    return Done({"files": files}, columns={"account_id": account})


def draft(run: Run, step: Step) -> Result:
    """Everyone who can be sent, cut into files: the plan."""
    folder = run.folder.make("r0")
    everyone = run.folder.file("candidates.parquet")
    try:
        layout = run.layout("")
        unfit = csv_file.unfit(everyone, layout)
    except CannotWrite as error:
        raise Paused("sftp_not_possible", error.message) from error
    batches.refuse(run.folder, "unfit", unfit)
    written = folder / IN_FILE
    sent, _ = rows.split(
        everyone, lambda batch: rows.not_among(batch, "key", unfit), yes=written, no=folder / NOT_IN_FILE
    )
    choices = run.files
    parts = csv_file.cut(written, layout, max_rows=choices.part_rows, max_bytes=choices.part_bytes)
    plan = _plan(run, written, sent, parts)
    record = _record(run, plan, sum(part.bytes for part in parts))
    columns = {
        "plan_hash": plan.hash,
        "plan": record,
        "estimate_seconds": record["estimate_seconds"],
        "base_members": 0,
    }
    return Done(record, columns=columns, note=f"Plan: {sent:,} people in {len(parts):,} files.")


def _plan(run: Run, written: Path, sent: int, parts: Sequence[Size]) -> Plan:
    """Whoever is in the file, and nobody else: nothing is compared, and nobody taken off."""
    counts = run.workflow.counts
    return Plan(
        list_id="",
        adds=sent,
        updates=0,
        removes=0,
        unchanged=0,
        kept_out=0,
        skipped=0,
        surplus_left=0,
        rows=counts["rows"],
        candidates=counts["candidates"],
        not_loaded=counts["not_loaded"],
        members=0,
        path="sftp",
        digests={written.name: digest(written)},
        batches=tuple(by_parts("upload", f"{written.parent.name}/{written.name}", parts)),
    )


def _record(run: Run, plan: Plan, size: int) -> dict[str, Any]:
    work = Work(new=plan.adds, csv_bytes=size, csv_parts=len(plan.batches))
    forecast = file_forecast(work, learning.coefficients(run.workflow.account_id))
    only_way = Choice(plan.path, "file", forecast, why="", others=())
    return plan.record(small_list=0, round_=0) | planning.told(only_way)


def confirm(run: Run, step: Step) -> Result:
    """Read every file back and compare it with what was sent, byte for byte."""
    uploads = run.workflow.steps.filter(kind="upload", state=StepState.DONE)
    found: dict[str, str] = step.checkpoint.get("found", {})
    for sent in uploads:
        if sent.key not in found:
            found[sent.key] = _read_back(run, sent.outcome)
            run.keep(step, checkpoint={"found": found})
    gone = [key for key, state in found.items() if state == "gone"]
    told = f"{len(found) - len(gone):,} of {len(found):,} files read back, byte for byte as sent."
    return Done({"files": len(found), "gone": gone}, steps=(story.new("close", 0, key="finish"),), note=told)


def _read_back(run: Run, sent: dict[str, Any]) -> str:
    """Return `equal` or `gone`. Raises Paused when the server holds something else under that name."""

    def pulse(read: int) -> None:
        run.pulse(done=read, total=sent["bytes"], unit="bytes")

    there = run.sftp.digest(run.files.folder, sent["name"], at_most=sent["bytes"], pulse=pulse)
    if there is None:
        return "gone"
    if there != (sent["bytes"], sent["sha256"]):
        told = f"The file {sent['name']} on the server is not the one that was uploaded."
        raise Paused("file_unconfirmed", told)
    return "equal"


def close(run: Run, step: Step) -> Result:
    """Close the books: every row in the file, or in exactly one other state."""
    folder = run.folder.make("final")
    confirmed = run.workflow.steps.filter(kind="confirm", state=StepState.DONE).first()
    gone = confirmed.outcome["gone"] if confirmed else []
    refused = batches.rejected(run.folder)
    sent = sorted(rows.values(run.folder.file("r0", IN_FILE), "key"))
    unseen = [row["key"] for given in _inputs(run, gone) for _, row in batches.of_step(run, given)]
    for name in ("updates", "kept_out", "skipped"):
        rows.write(folder / f"{name}.parquet", {"key": []})
    rows.write(folder / "removes.parquet", {"key": [], "profile_id": []})
    rows.write(folder / "adds.parquet", {"key": sent})
    rows.write(folder / "rejected.parquet", {"key": list(refused), "code": list(refused.values())})
    rows.write(folder / "unconfirmed.parquet", {"key": unseen})
    counts = run.meanwhile(lambda: books.close(run, folder))
    samples = sealing.seal_refused(run.folder, run.workflow, refused)
    shutil.copyfile(folder / "outcomes.parquet", sealed_path(run.workflow.pk, "outcomes.parquet"))
    learning.learn(run.workflow, now=run.clock.now())
    told = {**run.workflow.counts, **counts, "on_list": len(sent) - len(unseen), "samples": samples}
    return _verdict(run, len(sent), len(gone), {"counts": told, "plan": run.workflow.plan}, bool(refused))


def _inputs(run: Run, keys: list[str]) -> list[dict[str, Any]]:
    return list(run.workflow.steps.filter(key__in=keys).values_list("input", flat=True))


def _verdict(run: Run, sent: int, gone: int, columns: dict[str, Any], refused: bool) -> Ended:
    now = run.clock.now()
    if gone:
        message = f"{gone:,} of the uploaded files were taken away before they could be read back."
        return Ended(
            State.SUCCEEDED_WITH_ISSUES,
            message,
            {**columns, "code": "file_unconfirmed", "message": message, "verified_at": None},
        )
    note = f"The server holds {sent:,} people, byte for byte as sent."
    state = State.SUCCEEDED_WITH_ISSUES if refused else State.SUCCEEDED
    return Ended(state, note, {**columns, "code": "", "message": "", "verified_at": now})
