"""From a difference to a plan: cut for every way it may go, estimated for each, and one way chosen."""

from functools import partial
from pathlib import Path
from typing import Any

from audiences.reconcile import Tally
from credentials import host_keys
from destinations import accounts_check, paths
from destinations.csv_file import CannotWrite, Layout
from workflows import batches, learning, rows
from workflows.batches import Cuts
from workflows.estimate import Choice, NotFeasible, Work, choose, forecasts
from workflows.files import digest
from workflows.models import Workflow
from workflows.plan import Plan
from workflows.results import Paused
from workflows.run import Run
from workflows.steps.reading import SMALL_LIST

CHANGES = ("adds.parquet", "updates.parquet", "removes.parquet")


def plan(run: Run, tally: Tally, folder: Path, round_: int) -> tuple[Plan, dict[str, Any]]:
    """Return the plan of a round and what is kept of it: numbers, batches, the estimate and its rivals.

    Raises Paused(sftp_not_possible) when the data template asks for SFTP and it cannot be done.
    """
    layout, problem = _layout(run)
    cuts = batches.cut(run, folder, by_id=round_ == 0 and not run.template["full_profile"], layout=layout)
    chosen = _choose(run, tally, cuts, problem, round_)
    made = _made(run, tally, folder, cuts, chosen)
    record = made.record(small_list=SMALL_LIST, round_=round_) | told(chosen)
    return made, record


def _layout(run: Run) -> tuple[Layout | None, str]:
    """Return how a CSV of new people would look, or why they cannot go by SFTP, in a sentence."""
    if run.template.get("path") == "api":
        return None, "The data template sends by the API alone."
    credential = run.destination.sftp_credential
    if credential is None:
        return None, "The destination has no SFTP credential."
    if shared := paths.shared_key_problem(run.destination):
        return None, shared
    if not credential.settings.get("user"):
        return None, "The SFTP credential has no user name yet."
    if not host_keys.pinned(credential):
        return None, "Nobody has accepted the host key of the SFTP server yet."
    try:
        return run.layout(run.workflow.list_id or run.plugin.files.LIST_TO_COME), ""
    except CannotWrite as error:
        return None, error.message


def _choose(run: Run, tally: Tally, cuts: Cuts, problem: str, round_: int) -> Choice:
    in_file = cuts.in_file
    run.recorder.flush()
    work = Work(
        new=cuts.new,
        known=cuts.known,
        updates=sum(cuts.updates.rows),
        removes=cuts.removes,
        members=tally.members,
        import_requests=len(cuts.imports.rows),
        update_requests=len(cuts.updates.rows),
        json_bytes=cuts.imports.bytes + cuts.updates.bytes,
        csv_bytes=in_file.bytes if in_file else 0,
        csv_parts=len(in_file.parts) if in_file else 0,
        small_list=SMALL_LIST,
        creates_list=not run.workflow.list_id,
        sftp_problem=problem,
        unfit=sum(in_file.rest.rows) if in_file else 0,
        unfit_requests=len(in_file.rest.rows) if in_file else 0,
    )
    made = Workflow.objects.get(pk=run.workflow.pk).requests
    ways = forecasts(
        work,
        learning.coefficients(run.workflow.account_id),
        floor_seconds=partial(run.plugin.floor_seconds, share=accounts_check.rate_share(run.destination)),
        made=made,
    )
    # What a file did not bring on is not sent in a file again.
    wanted = run.template.get("path", "auto") if round_ == 0 else "api"
    try:
        return choose(ways, wanted)
    except NotFeasible as error:
        raise Paused("sftp_not_possible", error.message) from error


def _made(run: Run, tally: Tally, folder: Path, cuts: Cuts, chosen: Choice) -> Plan:
    counts = run.workflow.counts
    files = [folder / name for name in CHANGES]
    return Plan(
        list_id=run.workflow.list_id,
        adds=rows.count(files[0]),
        updates=rows.count(files[1]),
        removes=tally.removes,
        unchanged=tally.unchanged,
        kept_out=tally.kept_out,
        skipped=tally.skipped,
        surplus_left=tally.surplus_left,
        rows=counts["rows"],
        candidates=tally.candidates,
        not_loaded=counts["not_loaded"],
        members=tally.members,
        path=chosen.path,
        digests={path.name: digest(path) for path in files},
        batches=tuple(cuts.batches(chosen.way)),
    )


def told(chosen: Choice) -> dict[str, Any]:
    """What a plan says of its way: how long it should take and why, and what the others would take."""
    return {
        "way": chosen.way,
        "why": chosen.why,
        "estimate_seconds": round(chosen.forecast.seconds, 1),
        "arithmetic": list(chosen.forecast.arithmetic),
        "others": [
            {
                "way": other.way,
                "seconds": round(other.seconds, 1) if other.feasible else None,
                "why_not": other.why_not,
            }
            for other in chosen.others
        ],
    }
