"""New people as a CSV over SFTP, one step a part.

An upload is a delivery to a letter box. What counts is who is then seen on the list, and that only the
reading back says.
"""

import hashlib
import time
from collections.abc import Callable, Iterator

from destinations import csv_file
from destinations.csv_file import Block
from destinations.errors import DeliveryError
from destinations.registry import Uploaded
from workflows.models import Step
from workflows.outside import accepted
from workflows.results import Done, Result, Wait
from workflows.run import Run

READ_BYTES = 4 << 20
TOLD_EVERY_SECONDS = 1.0
MOST_NAMES = 5


def upload(run: Run, step: Step) -> Result:
    """Upload one part under a name of its own; after a cut the whole part goes again, under the next name."""
    given = step.input
    path = run.folder.file(given["file"])
    layout = run.layout(run.workflow.list_id)
    blocks = csv_file.blocks(path, layout, offset=given["offset"], limit=given["limit"], max_bytes=READ_BYTES)
    attempt = step.calls.filter(endpoint="sftp.upload").count() + 1
    if accepted(step):
        # It is there: the worker ended before it could finish the step.
        return Done(_outcome(_remembered(run, _name(run, step, attempt - 1), blocks), attempt - 1))
    run.recorder.items = given["limit"]
    try:
        left = _clear(run, step, attempt) if run.workflow.feeds_a_file else ""
        done = run.sftp.upload(
            blocks,
            folder=run.files.folder,
            name=_name(run, step, attempt),
            pulse=_told(run, step),
            staging=run.files.staging and run.sftp_may_rename,
        )
    except DeliveryError as error:
        # Whatever is the matter with this connection, the next try shall not have it.
        run.hang_up()
        if error.code == "sftp_name_taken" and attempt < MOST_NAMES:
            return Wait(run.clock.now(), "timer", "A file of this name is there; taking the next name.")
        raise
    part = f"part {step.input['part']:,} of {step.input['parts']:,}"
    note = f"Uploaded {part}: {done.rows:,} rows, {done.bytes / 1e6:,.1f} MB.{left}"
    return Done(_outcome(done, attempt), note=note)


def _clear(run: Run, step: Step, attempt: int) -> str:
    """Remove what earlier tries have left: whoever fetches files there would take the torn one as well.

    A name that was taken holds somebody else's file, which stays. Return in a sentence what could not be
    removed, '' when nothing is left.
    """
    codes = step.calls.order_by("id").values_list("code", flat=True)
    ours = [number for number, code in enumerate(codes, start=1) if code != "sftp_name_taken"]
    names = [_name(run, step, earlier) for earlier in ours if earlier < attempt]
    left = [name for name in names if not run.sftp.discard(run.files.folder, name)]
    return f" The server did not let the torn {', '.join(left)} be removed." if left else ""


def _remembered(run: Run, name: str, blocks: Iterator[Block]) -> Uploaded:
    """What an upload whose worker ended must have been: the same rows are the same bytes."""
    sha256, size, lines = hashlib.sha256(), 0, 0
    for block in blocks:
        run.pulse()
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
