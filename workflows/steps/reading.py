"""Reading the list: whole, or by what changed since it was last known. Each reading goes on where it was."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa

from audiences import ledger
from destinations.errors import DeliveryError, HoldOn, RetryLater
from destinations.registry import Reading
from workflows import lease, receipts, rows
from workflows.files import drop_ledgers_before, ledger_path
from workflows.models import Step
from workflows.results import Again, Done, Result
from workflows.run import Run

# A list this small is read whole each time: at most 100 pages, a second or two.
SMALL_LIST = 10_000
# A list is read whole again after this long, whatever the counts say.
TRUST_LEDGER_FOR = timedelta(days=7)
LOOK_UP = 100


def snapshot(run: Run, step: Step) -> Result:
    """Read the list as it is: whole when it is small or unknown, else what changed since the ledger."""
    target = run.folder.make("r0") / "members.parquet"
    if not run.workflow.list_id:
        ledger.no_members(target)
        return Done({"members": 0, "way": "none"}, columns={"base_members": 0})
    if step.checkpoint.get("way") != "whole" and (count := _from_ledger(run, step, target)) is not None:
        return Done({"members": count, "way": "ledger"}, columns={"base_members": count})
    return read_whole(run, step, target, first=True)


def _from_ledger(run: Run, step: Step, target: Path) -> int | None:
    """Bring the ledger up to date by who joined since; None when the list must be read whole."""
    kept = run.audience_list
    if run.ledger is None or kept.read_at is None or (kept.members or 0) <= SMALL_LIST:
        return None
    if run.clock.now() - kept.read_at >= TRUST_LEDGER_FOR:
        return None
    joined = target.with_name("joined.parquet")
    read_joined(run, step, joined, after=run.ledger)
    count = ledger.members_from(run.ledger, joined, target)
    return count if count == run.client.member_count(run.workflow.list_id) else None


def read_joined(run: Run, step: Step, into: Path, *, after: Path) -> None:
    """Read who joined in the moment of the last of those in `after` or later, by Klaviyo's own clock.

    Someone who joined earlier and showed up later is missing here; then the counts differ, and the list is
    read whole.
    """
    state = step.checkpoint.get("joined")
    if state == "done" and into.exists():
        return
    last = rows.highest(after, "joined_at")
    since = datetime.fromisoformat(last) if last else None
    reading = run.read_members(into=into, since=since, state=state if isinstance(state, dict) else None)
    run.keep(step, checkpoint={**step.checkpoint, "joined": "done" if reading.done else reading.state})
    run.pulse(done=reading.members, unit="members")
    if not reading.done:
        raise stopped(reading)


def read_whole(run: Run, step: Step, target: Path, *, first: bool) -> Result:
    """Read every member, over as many slices as the limits take."""
    checkpoint = step.checkpoint
    if "total" not in checkpoint:
        checkpoint = {**checkpoint, "way": "whole", "total": _expected(run, first=first), "state": None}
    reading = run.read_members(into=target, state=checkpoint["state"], until=run.slice_over)
    run.pulse(done=reading.members, total=max(checkpoint["total"], reading.members), unit="members")
    if not reading.done:
        # It has got further, so a worker that died on the way did not die of this step.
        run.keep(step, checkpoint={**checkpoint, "state": reading.state}, crashes=0)
        if reading.hold_until or reading.trouble:
            raise stopped(reading)
        return Again()
    columns = {"base_members": reading.members} if first else {}
    outcome = {"members": reading.members, "way": "whole"}
    return Done(outcome, columns=columns, note=f"Read {reading.members:,} members of the list.")


def _expected(run: Run, *, first: bool) -> int:
    """How many members there are to read, as Klaviyo counted them."""
    counted = run.workflow.steps.get(key="resolve").outcome.get("members") if first else None
    return run.client.member_count(run.workflow.list_id) if counted is None else counted


def stopped(reading: Reading) -> DeliveryError:
    """Why a reading that is not done stopped: trouble at Klaviyo, or our own pace."""
    if reading.trouble:
        return reading.trouble
    until = reading.hold_until
    if until is None:
        raise ValueError("this reading was stopped by its caller")
    return HoldOn(until, cause="steady", endpoint="lists.members")


def write_still(run: Run, step: Step, removes: Path, into: Path) -> None:
    """Write the profile ids of those removed who are on the list all the same."""
    done: int = step.checkpoint.get("looked_up", 0)
    found: list[str] = list(step.checkpoint.get("still", []))
    try:
        for number, batch in enumerate(rows.stream(removes, ("profile_id", "email"), size=LOOK_UP)):
            if number < done:
                continue
            for emails in _addresses(run, batch):
                found += [
                    member.profile_id for member in run.client.members_with(run.workflow.list_id, emails)
                ]
            done = number + 1
    except (HoldOn, RetryLater):
        run.keep(step, checkpoint={**step.checkpoint, "looked_up": done, "still": found})
        raise
    rows.write(into, {"profile_id": found})


def _addresses(run: Run, batch: pa.RecordBatch) -> Iterator[list[str]]:
    """The addresses of a batch of people; the ledger knows some by their id alone."""
    known = [email for email in batch.column("email").to_pylist() if email]
    ids = [row["profile_id"] for row in batch.to_pylist() if not row["email"]]
    if ids:
        known += [profile.email for profile in run.client.profiles_by_id(ids) if profile.email]
    if known:
        yield known


def note(run: Run, step: Step, members: Path) -> None:
    """Take a finished reading into the ledger: who is on the list, who was taken off, who left.

    From here on a person who is gone and was not removed by us is kept out, in this run and in every later
    one. Receipts that this reading covers are dropped; of this run's own only removals count, since an
    addition that does not show may yet come.
    """
    kept = run.audience_list
    own = str(run.workflow.pk)
    filed = list(receipts.filed(kept.pk))
    counted = [
        each for each in filed if each.state == "off" or (each.workflow_id != own and each.state == "on")
    ]
    version = kept.ledger_version + 1
    target, known = ledger_path(kept.pk, version), run.ledger
    told = [ledger.Receipt(each.path, each.state) for each in counted]
    run.meanwhile(lambda: ledger.note(previous=known, receipts=told, members=members, into=target))
    kept.ledger_version, kept.members, kept.read_at = version, rows.count(members), step.started_at
    kept.joined_high = rows.highest(target, "joined_at")
    with lease.fenced(run.workflow):
        kept.save(update_fields=["ledger_version", "members", "read_at", "joined_high"])
    receipts.drop(counted)
    drop_ledgers_before(kept.pk, version)
