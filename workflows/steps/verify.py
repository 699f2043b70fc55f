"""The end of a round: wait until nothing can change any more, read the list back, and say what is true."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from audiences import ledger
from workflows import batches, rows
from workflows.models import Step, StepState
from workflows.results import Again, Done, Result, Wait
from workflows.run import Run
from workflows.steps import arrivals, story
from workflows.steps.barrier import unknown_jobs
from workflows.steps.compare import difference
from workflows.steps.reading import SMALL_LIST, note, read_joined, read_whole, write_still

MAX_ROUNDS = 3
# Klaviyo may show a change only a while after it took it: look again this often before sending again.
LOOKS = 5
# Each of these looks reads everybody who joined.
LOOK_AGAIN, LOOK_AGAIN_SLOWEST = timedelta(seconds=5), timedelta(minutes=5)


def settle(run: Run, step: Step) -> Result:
    """Go on only when no request and no job of ours can still change the list."""
    now = run.clock.now()
    run.workflow.refresh_from_db(fields=["ambiguous_until"])
    doubt = run.workflow.ambiguous_until
    if doubt and doubt > now:
        return Wait(doubt, "settle", "Waiting until a request without an answer can have no late effect.")
    if unknown := unknown_jobs(run, [run.workflow]):
        return Wait(
            now + timedelta(seconds=5), "settle", f"Waiting for {unknown} import jobs of unclear origin."
        )
    return Done()


def verify(run: Run, step: Step) -> Result:
    """Read the list back and compare again: equal, not yet, or one more round."""
    folder = run.folder.make(f"v{step.round}")
    members = folder / "members.parquet"
    if (unread := _read_back(run, step, members)) is not None:
        return unread
    tally = difference(run, members, folder, full_profile=False)
    batches.without_rejected(run.folder, folder)
    missing, surplus = rows.count(folder / "adds.parquet"), tally.removes
    facts = {"members": tally.members, "missing": missing, "surplus": surplus}
    if not missing and not surplus:
        told = f"Read back: {tally.members:,} members, equal to the query."
        if run.workflow.is_for_some_rows:
            told = f"Read back: {tally.members:,} members; every row this run was for is among them."
        return Done(facts, steps=(_finish(),), columns={"verified_at": run.clock.now()}, note=told)
    told = f"Read back: {missing:,} missing, {surplus:,} too many."
    if missing and (ingested := _of_files_alone(run, folder)):
        if more_time := _patience(run, step, ingested):
            return more_time
        facts |= {"uploaded": True, "came": ingested["rows"] >= ingested["sent"]}
        if not surplus:
            # Whether to send them by another way is for a person to say.
            note(run, step, members)
            return Done(facts, steps=(_finish(),), note=told)
    looks = step.checkpoint.get("looks", 0) + 1
    if looks < LOOKS and _may_still_come(run, step, folder):
        # Only the count of looks goes on; the next look reads everything anew.
        run.keep(step, checkpoint={"looks": looks, "patient": step.checkpoint.get("patient", 0)})
        wait = timedelta(seconds=2**looks)
        return Wait(run.clock.now() + wait, "verify", "Reading the list back until it shows the changes.")
    note(run, step, members)
    if step.round + 1 < MAX_ROUNDS:
        return Done(facts, steps=tuple(story.next_round(step.round + 1)), note=told)
    return Done(facts, steps=(_finish(),), note=told)


def _finish() -> Any:
    return story.new("finish", 0, key="finish")


def _read_back(run: Run, step: Step, target: Path) -> Result | None:
    """Write the members as they are now; return what to do when that is not finished."""
    whole = step.checkpoint.get("way") == "whole"
    if not whole and (run.workflow.base_members or 0) > SMALL_LIST and _from_changes(run, step, target):
        return None
    result = read_whole(run, step, target, first=False)
    return result if isinstance(result, Again) else None


def _from_changes(run: Run, step: Step, target: Path) -> bool:
    """For a large list: who was on it, less the removed, and who joined since; true if the counts agree."""
    before = run.folder.file(f"r{step.round}", "members.parquet")
    if step.round:
        before = run.folder.file(f"v{step.round - 1}", "members.parquet")
    joined, still = target.with_name("joined.parquet"), target.with_name("still.parquet")
    read_joined(run, step, joined, after=before)
    removes = run.folder.file(f"r{step.round}", batches.REMOVES)
    write_still(run, step, removes, still)
    count = run.meanwhile(
        lambda: ledger.members_after(before, removes=removes, still=still, joined=joined, into=target)
    )
    return count == run.client.member_count(run.workflow.list_id)


def _of_files_alone(run: Run, folder: Path) -> dict[str, Any] | None:
    """What the last ingest came to, when everyone who is missing was uploaded; else None."""
    ingests = run.workflow.steps.filter(kind="ingest", state=StepState.DONE).order_by("round")
    last = ingests.last()
    if last is None:
        return None
    missing = rows.values(folder / "adds.parquet", "key")
    return last.outcome if arrivals.were_uploaded(run, missing) == missing else None


def _patience(run: Run, step: Step, ingested: dict[str, Any]) -> Wait | None:
    """Look again while those who were uploaded may still come: others may have made up the list's count."""
    now, until = run.clock.now(), datetime.fromisoformat(ingested["patient_until"])
    if now >= until:
        return None
    looks = step.checkpoint.get("patient", 0) + 1
    run.keep(step, checkpoint={"patient": looks})
    wait = min(LOOK_AGAIN * 2 ** min(looks, 5), LOOK_AGAIN_SLOWEST)
    return Wait(min(now + wait, until), "verify", "Reading the list back until uploaded people show.")


def _may_still_come(run: Run, step: Step, folder: Path) -> bool:
    """Whether every difference is one this round has just sent: then it may only be slow to show."""
    sent = run.folder.file(f"r{step.round}")
    pairs = (("adds.parquet", "key"), ("removes.parquet", "profile_id"))
    return all(
        rows.values(folder / name, column) <= rows.values(sent / name, column) for name, column in pairs
    )
