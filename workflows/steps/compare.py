"""The first half of a workflow: who should be on the list, who is, and what that makes to do."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from audiences import extract as extraction
from audiences import ledger, queries, reconcile
from audiences.reconcile import Tally
from destinations import lists
from destinations.accounts_check import check_credential
from destinations.errors import DeliveryError, HoldOn, NeedsDecision
from destinations.registry import Reading
from workflows import batches, guards, rows
from workflows.estimate import estimate
from workflows.files import digest
from workflows.models import Step, Workflow
from workflows.plan import Batch, Plan
from workflows.results import Again, Done, Paused, Result
from workflows.run import Run
from workflows.spec import ColumnMissing, candidate_spec
from workflows.steps import story

# A list this small is read whole each time: at most 100 pages, a second or two.
SMALL_LIST = 10_000
# So many members can be read in one go; then the limits ask for a pause of most of a minute.
READ_AT_ONCE = 75_000
# A list is read whole again after this long, whatever the counts say.
TRUST_LEDGER_FOR = timedelta(days=7)
TEST_IS_FRESH_FOR = timedelta(hours=1)


def probe(run: Run, step: Step) -> Result:
    """The key works, and opens the account this destination is pinned to."""
    credential = run.destination.credential
    tested = credential.tested_at
    fresh = bool(credential.account_id and tested and run.clock.now() - tested < TEST_IS_FRESH_FOR)
    if not fresh:
        check_credential(credential, clock=run.clock)
    account = run.destination.account_id
    columns = {"account_id": account} if account and account != run.workflow.account_id else {}
    return Done({"account": account, "asked": not fresh}, columns=columns)


def resolve(run: Run, step: Step) -> Result:
    """The name of the list becomes an id, once; from then on the id counts, whatever the list is called."""
    name = run.workflow.list_key
    kept = lists.claim(run.workflow.account_id, name)
    if kept.list_id:
        run.client.list_info(kept.list_id)
    else:
        choice = lists.choose(run.client.find_lists(name))
        if choice.action == "ambiguous":
            raise Paused("list_ambiguous", f"Several lists in Klaviyo are called “{name}”; none was touched.")
        if choice.action == "use":
            kept = lists.pin(kept, choice.list_id)
    if not kept.list_id:
        note = f"No list is named “{name}” yet; it will be created."
        return Done({"flows": [], "exists": False}, columns={"list_id": ""}, note=note)
    facts: dict[str, Any] = {"flows": _live_flows(run, kept.list_id), "exists": True}
    if not kept.ledger_version:
        facts["members"] = run.client.member_count(kept.list_id)
        if facts["members"] > READ_AT_ONCE:
            story.read_list_first(run.workflow)
    return Done(facts, columns={"list_id": kept.list_id})


def _live_flows(run: Run, list_id: str) -> list[str]:
    try:
        return [flow.name for flow in run.client.flows(list_id) if flow.is_live]
    except NeedsDecision as error:
        # Knowing the flows is a courtesy; a key without flows:read still delivers.
        if error.code != "permission_missing":
            raise
        return []


def extract(run: Run, step: Step) -> Result:
    """Rows of the query become candidates; what cannot be sent is kept with its reason."""
    query = run.query
    try:
        spec = candidate_spec(run.template, {**run.workflow.config["query"], "columns": query.columns})
    except ColumnMissing as error:
        raise Paused("column_missing", error.message) from error
    found = extraction.extract(
        query.source,
        query.sql,
        spec,
        into=run.folder.make(),
        keyer=run.keyer,
        pulse=lambda rows: run.pulse(done=rows, unit="rows"),
    )
    warning = _threshold(query, found.rows)
    counts = {"rows": found.rows, "candidates": found.candidates, "not_loaded": found.not_loaded}
    note = f"The query gave {found.rows:,} rows; {found.candidates:,} people can be sent."
    return Done(
        {**counts, "seconds": found.seconds, "warning": warning}, columns={"counts": counts}, note=note
    )


def _threshold(query: Any, rows: int) -> str:
    objection = queries.size_objection(query, rows)
    if objection is None:
        return ""
    level, sentence = objection
    if level == "stop":
        raise Paused("size_threshold", sentence)
    return sentence


def snapshot(run: Run, step: Step) -> Result:
    """Read the list as it is: whole when it is small or unknown, else what changed since the ledger."""
    folder = run.folder.make("r0")
    target = folder / "members.parquet"
    list_id = run.workflow.list_id
    if not list_id:
        ledger.no_members(target)
        return Done({"members": 0, "way": "none"}, columns={"base_members": 0})
    if step.checkpoint.get("way") != "whole" and (count := _from_ledger(run, target)) is not None:
        return Done({"members": count, "way": "ledger"}, columns={"base_members": count})
    return read_whole(run, step, target, first=True)


def _from_ledger(run: Run, target: Path) -> int | None:
    """Bring the ledger up to date by who joined since; None when the list must be read whole."""
    kept = run.audience_list
    if run.ledger is None or kept.read_at is None or (kept.members or 0) <= SMALL_LIST:
        return None
    if run.clock.now() - kept.read_at >= TRUST_LEDGER_FOR:
        return None
    joined = target.with_name("joined.parquet")
    reading = read_joined(run, joined, after=run.ledger)
    count = ledger.members_from(run.ledger, joined, target)
    told = run.client.member_count(run.workflow.list_id)
    run.pulse(done=reading.members, unit="members")
    return count if count == told else None


def read_joined(run: Run, into: Path, *, after: Path) -> Reading:
    """Read who joined in the moment of the last of those in `after` or later, by Klaviyo's own clock.

    Someone who joined earlier and showed up later is missing here; then the counts differ, and the list is
    read whole.
    """
    last = rows.highest(after, "joined_at")
    since = datetime.fromisoformat(last) if last else None
    reading = run.read_members(into=into, since=since)
    if not reading.done:
        raise stopped(reading)
    return reading


def read_whole(run: Run, step: Step, target: Path, *, first: bool) -> Result:
    """Read every member, over as many slices as the limits take."""
    checkpoint = step.checkpoint
    if "total" not in checkpoint:
        checkpoint = {"way": "whole", "total": _expected(run, first=first), "state": None}
        checkpoint["read_at"] = run.clock.now().isoformat()
    reading = run.read_members(into=target, state=checkpoint["state"], until=run.slice_over)
    run.pulse(done=reading.members, total=max(checkpoint["total"], reading.members), unit="members")
    if not reading.done:
        # It has got further, so a worker that died on the way did not die of this step.
        run.keep(step, checkpoint={**checkpoint, "state": reading.state}, crashes=0)
        if reading.hold_until or reading.trouble:
            raise stopped(reading)
        return Again()
    outcome = {"members": reading.members, "way": "whole", "read_at": checkpoint["read_at"]}
    columns = {"base_members": reading.members} if first else {}
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


def compare(run: Run, step: Step) -> Result:
    """The difference between candidates and members, cut into batches: the plan."""
    round_ = step.round
    folder = run.folder.make(f"r{round_}")
    members = (
        folder / "members.parquet" if round_ == 0 else run.folder.file(f"v{round_ - 1}", "members.parquet")
    )
    # What a profile holds is settled in the first round: reading a list back does not show it.
    full_profile = run.template["full_profile"] and round_ == 0
    known = run.ledger
    tally = run.meanwhile(
        lambda: reconcile.reconcile(
            candidates=run.folder.file("candidates.parquet"),
            members=members,
            ledger=known,
            into=folder,
            mode=run.template["mode"],
            full_profile=full_profile,
        )
    )
    batches.without_rejected(run.folder, folder)
    plan = _plan(run, tally, folder, round_)
    calls = plan.calls(small_list=SMALL_LIST)
    run.recorder.flush()
    made = Workflow.objects.get(pk=run.workflow.pk).requests
    told = estimate(calls, floor_seconds=run.plugin.floor_seconds, made=made)
    removals = run.workflow.removals_planned + plan.removes
    record = {
        **_numbers(plan),
        "hash": plan.hash,
        "calls": calls,
        "estimate_seconds": told.seconds,
        "arithmetic": list(told.arithmetic),
        "batches": [{"kind": batch.kind, **batch.as_input()} for batch in plan.batches],
        "first_run": run.ledger is None,
        "round": round_,
    }
    columns: dict[str, Any] = {"removals_planned": removals, "plan_hash": plan.hash, "round": round_}
    if round_ == 0:
        columns |= {"plan": record, "estimate_seconds": told.seconds}
    note = f"Plan: +{plan.adds:,} −{plan.removes:,} ~{plan.updates:,} ={plan.unchanged:,}."
    return Done(record, columns=columns, note=note)


def _plan(run: Run, tally: Tally, folder: Path, round_: int) -> Plan:
    counts = run.workflow.counts
    cut = batches.cut(run, folder, by_id=round_ == 0 and not run.template["full_profile"])
    files = [folder / name for name in ("adds.parquet", "updates.parquet", "removes.parquet")]
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
        path="api",
        digests={path.name: digest(path) for path in files},
        batches=tuple(cut),
    )


def _numbers(plan: Plan) -> dict[str, Any]:
    names = ("adds", "removes", "updates", "unchanged", "kept_out", "skipped", "surplus_left")
    more = ("rows", "candidates", "members", "path")
    return {name: getattr(plan, name) for name in (*names, *more)} | {"not_loaded": dict(plan.not_loaded)}


def guard(run: Run, step: Step) -> Result:
    """Let the plan pass, or hold it until a person has seen its numbers and approved exactly it."""
    plan = run.workflow.steps.get(key=f"compare:r{step.round}").outcome
    found = guards.objections(_change(run, plan), guards.Limits.of(run.workflow.config["guards"]))
    approved = _approved(run, plan)
    if found and not approved:
        sentences = [objection.sentence for objection in found]
        facts = {"objections": [objection.as_dict() for objection in found], "plan_hash": plan["hash"]}
        raise Paused("guard", " ".join(sentences), **facts)
    if run.workflow.dry_run and not approved:
        raise Paused("plan_ready", "The plan is ready. Nothing has been sent.", plan_hash=plan["hash"])
    return _passed(run, step, plan, approved)


def _passed(run: Run, step: Step, plan: dict[str, Any], approved: bool) -> Done:
    create = not run.workflow.list_id
    outcome = {"approved": approved}
    unchanged = not (plan["adds"] or plan["removes"] or plan["updates"])
    if unchanged and not create:
        # What was compared is the list as it was just read: that reading is the verification.
        return Done(outcome, steps=(story.new("finish", 0, key="finish"),))
    todo = [Batch(**batch) for batch in plan["batches"]]
    return Done(outcome, steps=tuple(story.delivery(todo, step.round, create=create)))


def _change(run: Run, plan: dict[str, Any]) -> guards.Change:
    resolved = run.workflow.steps.get(key="resolve").outcome
    removals = run.workflow.removals_planned
    return guards.Change(
        candidates=plan["candidates"],
        rows=plan["rows"],
        listed=run.workflow.base_members or 0,
        added=plan["adds"],
        removed=removals if plan["removes"] else 0,
        first_run=plan["first_run"] and plan["round"] == 0,
        live_flows=tuple(resolved.get("flows", ())),
    )


def _approved(run: Run, plan: dict[str, Any]) -> bool:
    """Whether a person approved this plan; a later round may not go beyond what was approved."""
    now = run.clock.now()
    if run.workflow.approvals.filter(plan_hash=plan["hash"], expires_at__gt=now).exists():
        return True
    if plan["round"] == 0:
        return False
    first = run.workflow.plan
    approved = run.workflow.approvals.filter(plan_hash=first["hash"]).exists()
    return approved and run.workflow.removals_planned <= first["removes"]
