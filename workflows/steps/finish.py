"""The end: every row in exactly one state, the ledger of who is on the list, and what may be kept."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from audiences import ledger
from workflows import batches, learning, lease, receipts, rows, sealing
from workflows.files import drop_ledgers_before, ledger_path, sealed_path
from workflows.models import Step, StepState
from workflows.moves import State
from workflows.results import Ended, Result
from workflows.run import Run
from workflows.steps import books
from workflows.words import people

NOT_SEEN = "not_seen"
KEYED = {
    "adds.parquet": ("key",),
    "updates.parquet": ("key",),
    "removes.parquet": ("key", "profile_id"),
    "kept_out.parquet": ("key",),
    "skipped.parquet": ("key",),
}


def finish(run: Run, step: Step) -> Result:
    """Close the books. A workflow whose sums do not close is not called right."""
    folder = run.folder.make("final")
    rounds = [run.folder.file(f"r{number}") for number in range(run.workflow.round + 1)]
    members, last = _last_reading(run)
    for name, columns in KEYED.items():
        # Who left while it ran is known from the last reading alone.
        last_look = [members.parent] if name == "kept_out.parquet" and last.kind == "verify" else []
        rows.join([path / name for path in [*rounds, *last_look]], folder / name, columns=columns)
    refused = batches.rejected(run.folder)
    rows.write(folder / "rejected.parquet", {"key": list(refused), "code": list(refused.values())})
    missing, doubted = _missing(run, last), batches.doubted(run.folder) - refused.keys()
    rows.write(folder / "unconfirmed.parquet", {"key": sorted(missing | doubted)})
    counts = run.meanwhile(lambda: books.close(run, folder))
    verdict = _verdict(run, rows.count(members), len(missing), last.outcome, len(doubted), len(refused))
    _keep_ledger(run, folder, members, last, verdict)
    learning.learn(run.workflow, now=run.clock.now())
    samples = sealing.seal_refused(run.folder, run.workflow, refused | dict.fromkeys(missing, NOT_SEEN))
    # Keyed hashes and outcomes alone: this file may outlive the addresses.
    shutil.copyfile(folder / "outcomes.parquet", sealed_path(run.workflow.pk, "outcomes.parquet"))
    told = {**run.workflow.counts, **counts, "on_list": rows.count(members), "samples": samples}
    told["missing"] = len(missing)
    plan = run.workflow.steps.get(key="compare:r0").outcome
    return replace(verdict, columns={**verdict.columns, "counts": told, "plan": plan})


def _last_reading(run: Run) -> tuple[Path, Step]:
    """The members as they were read last, and the step that read them."""
    checks = run.workflow.steps.filter(kind="verify", state=StepState.DONE).order_by("-round")
    if last := checks.first():
        return run.folder.file(f"v{last.round}", "members.parquet"), last
    return run.folder.file("r0", "members.parquet"), run.workflow.steps.get(key="snapshot:r0")


def _missing(run: Run, last: Step) -> set[str]:
    if not last.outcome.get("missing"):
        return set()
    return rows.values(run.folder.file(f"v{last.round}", "adds.parquet"), "key")


def _not_on_the_list(missing: int, *, came: bool) -> str:
    """Say who is missing of those uploaded; when the count was once complete, some may have left again."""
    if came:
        return f"{people(missing)} uploaded by SFTP not on the list: never came, or came and left again."
    return f"{people(missing)} uploaded by SFTP did not come on the list."


def _keep_ledger(run: Run, folder: Path, members: Path, last: Step, verdict: Ended) -> None:
    kept = run.audience_list
    version = kept.ledger_version + 1
    target, known = ledger_path(kept.pk, version), run.ledger
    run.meanwhile(
        lambda: ledger.fold(
            previous=known,
            candidates=run.folder.file("candidates.parquet"),
            members=members,
            changes=folder,
            into=target,
            full_profile=run.template["full_profile"],
        )
    )
    kept.ledger_version, kept.members, kept.read_at = version, rows.count(members), last.started_at
    if not run.workflow.is_for_some_rows:
        # A run for some rows says nothing about the rest of the list.
        kept.verified_at = verdict.columns["verified_at"] or kept.verified_at
    kept.joined_high = rows.highest(target, "joined_at")
    with lease.fenced(run.workflow):
        kept.save(update_fields=["ledger_version", "members", "read_at", "verified_at", "joined_high"])
    own = [receipt for receipt in receipts.filed(kept.pk) if receipt.workflow_id == str(run.workflow.pk)]
    receipts.drop(own)
    drop_ledgers_before(kept.pk, version)


def _verdict(run: Run, on_list: int, missing: int, read: dict[str, Any], doubted: int, refused: int) -> Ended:
    """What the last reading allows to be said; `columns` of it always holds verified_at."""
    clean: dict[str, Any] = {"code": "", "message": ""}
    surplus = read.get("surplus", 0)
    if missing or surplus:
        message = f"After every round, {missing:,} are missing from the list and {surplus:,} are too many."
        code = "unconfirmed"
        if read.get("uploaded"):
            code, message = "sftp_unconfirmed", _not_on_the_list(missing, came=read["came"])
            message += f" {people(surplus)} too many are on it." if surplus else ""
        error = {"came": True} if read.get("came") else {}
        columns = {"code": code, "message": message, "error": error, "verified_at": None}
        return Ended(State.SUCCEEDED_WITH_ISSUES, message, columns)
    clean["verified_at"] = run.workflow.verified_at or run.clock.now()
    if doubted:
        message = f"List equals query; whether {doubted:,} profiles were updated, nobody can say."
        return Ended(
            State.SUCCEEDED_WITH_ISSUES, message, {**clean, "code": "unconfirmed", "message": message}
        )
    equal = _equal(run, on_list)
    if refused:
        note = f"{equal.partition(':')[0]}, save what Klaviyo refused: {refused:,}."
        return Ended(State.SUCCEEDED_WITH_ISSUES, note, clean)
    return Ended(State.SUCCEEDED, equal, clean)


def _equal(run: Run, on_list: int) -> str:
    """What may be said of the list, all being well; a run for some rows speaks of those alone."""
    if run.workflow.is_for_some_rows:
        return f"The rows of this run are on the list: {on_list:,} members. Nobody else was touched."
    return f"List equals query: {on_list:,} members."
