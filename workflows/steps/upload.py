"""New people as a CSV over SFTP: one step a part, and one that waits until the list has taken them in.

An upload is a delivery to a letter box. What counts is who is then seen on the list, and that only the
reading back says.
"""

import hashlib
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from destinations import csv_file
from destinations.csv_file import Block
from destinations.errors import DeliveryError
from destinations.registry import Uploaded
from workflows import rows
from workflows.models import Step, StepState
from workflows.outside import accepted
from workflows.results import Done, Result, Wait
from workflows.run import Run

READ_BYTES = 4 << 20
TOLD_EVERY_SECONDS = 1.0
LOOK_FIRST, LOOK_SLOWEST = timedelta(seconds=1), timedelta(seconds=20)


def upload(run: Run, step: Step) -> Result:
    """Upload one part under a name of its own; after a cut the whole part goes again, under the next name."""
    given = step.input
    path = run.folder.file(given["file"])
    layout = run.layout(run.workflow.list_id)
    blocks = csv_file.blocks(path, layout, offset=given["offset"], limit=given["limit"], max_bytes=READ_BYTES)
    attempt = step.calls.count() + 1
    if accepted(step):
        # It is there: the worker ended before it could finish the step.
        return Done(_outcome(_remembered(_name(run, step, attempt - 1), blocks), attempt - 1))
    run.recorder.items = given["limit"]
    try:
        done = run.sftp.upload(
            blocks,
            folder=run.files.folder,
            name=_name(run, step, attempt),
            pulse=_told(run, step),
            staging=run.files.staging and run.sftp_may_rename,
        )
    except DeliveryError:
        # Whatever is the matter with this connection, the next try shall not have it.
        run.hang_up()
        raise
    return Done(_outcome(done, attempt))


def _remembered(name: str, blocks: Iterator[Block]) -> Uploaded:
    """What an upload whose worker ended must have been: the same rows are the same bytes."""
    sha256, size, lines = hashlib.sha256(), 0, 0
    for block in blocks:
        sha256.update(block.data)
        size, lines = size + len(block.data), lines + block.rows
    return Uploaded(name, size, lines, sha256.hexdigest(), "stored", 0.0)


def _outcome(done: Uploaded, attempt: int) -> dict[str, object]:
    return {
        "rows": done.rows,
        "bytes": done.bytes,
        "sha256": done.sha256,
        "name": done.name,
        "taken": done.state == "taken",
        "seconds": done.seconds,
        "attempts": attempt,
    }


def _name(run: Run, step: Step, attempt: int) -> str:
    return run.plugin.files.file_name(
        list_name=run.workflow.list_key,
        workflow=str(run.workflow.pk),
        round=step.round,
        part=step.input["part"],
        parts=step.input["parts"],
        attempt=attempt,
    )


def _told(run: Run, step: Step) -> Callable[[int, int], None]:
    """Return what says how far an upload is: in bytes and rows, once a second."""
    total, size = step.input["limit"], step.input["bytes"]
    last = -TOLD_EVERY_SECONDS

    def pulse(sent: int, taken: int) -> None:
        nonlocal last
        if time.monotonic() - last < TOLD_EVERY_SECONDS and sent < size:
            return
        last = time.monotonic()
        run.pulse(done=taken, total=total, unit="rows", bytes=sent, total_bytes=size)

    return pulse


def ingest(run: Run, step: Step) -> Result:
    """Wait until everyone who was uploaded shows in the list's count, or nobody new has come for long.

    Raises nothing of its own: who did not come is named by the reading back.
    """
    now = run.clock.now()
    uploads = list(run.workflow.steps.filter(kind="upload", round=step.round, state=StepState.DONE))
    sent = sum(each.outcome["rows"] for each in uploads)
    ended = max(each.finished_at for each in uploads if each.finished_at)
    kept = {"expected": _expected(run, step, sent), "moved_at": ended.isoformat(), "count": None, "looks": 0}
    kept |= step.checkpoint
    count = run.client.member_count(run.workflow.list_id)
    if kept["count"] != count:
        moved = kept["count"] is not None or count >= kept["expected"]
        kept |= {"count": count, "looks": 0} | ({"moved_at": now.isoformat()} if moved else {})
    arrived = max(0, min(sent, sent - (kept["expected"] - count)))
    if arrived and "first" not in kept:
        kept["first"] = [arrived, max((now - ended).total_seconds(), 0.0)]
    run.pulse(done=arrived, total=sent, unit="people")
    moved_at = datetime.fromisoformat(kept["moved_at"])
    still_since = max(moved_at, ended)
    if count < kept["expected"] and now - still_since < timedelta(minutes=run.files.wait_minutes):
        wait = min(LOOK_FIRST * 1.5 ** min(kept["looks"], 10), LOOK_SLOWEST)
        kept["looks"] += 1
        run.keep(step, checkpoint=kept, crashes=0)
        return Wait(now + wait, "job", f"{arrived:,} of {sent:,} uploaded people are on the list so far.")
    seconds = max((moved_at - ended).total_seconds(), 0.0)
    outcome = {"rows": arrived, "sent": sent, "seconds": seconds, "first": kept.get("first")}
    late = sent - arrived
    told = f"{late:,} of {sent:,} uploaded people did not come within {run.files.wait_minutes} minutes."
    return Done(outcome, note=told if late else "")


def _expected(run: Run, step: Step, sent: int) -> int:
    """How many members the list has once every file is taken in: those before, and all who were added."""
    round_ = f"r{step.round}" if step.round == 0 else f"v{step.round - 1}"
    before = rows.count(run.folder.file(round_, "members.parquet"))
    others = run.workflow.steps.filter(
        kind__in=("add", "upsert", "import"), round=step.round, state=StepState.DONE
    )
    taken = sum(each.outcome.get("rows", 0) for each in others)
    jobs = run.workflow.steps.filter(kind="jobs", round=step.round, state=StepState.DONE).first()
    return before + sent + taken - (jobs.outcome.get("failed", 0) if jobs else 0)
