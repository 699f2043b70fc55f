"""The first half of a workflow: who should be on the list, who is, and what that makes to do."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from audiences import affected, queries, reconcile
from audiences import extract as extraction
from audiences.errors import ColumnGone
from audiences.reconcile import Tally
from destinations import lists
from workflows import alone, batches, guards, rows
from workflows.files import sealed_path
from workflows.models import Step, Workflow
from workflows.moves import LIVE, State
from workflows.plan import Batch
from workflows.results import Again, Done, Paused, Result
from workflows.run import Run
from workflows.spec import ColumnMissing, candidate_spec
from workflows.steps import access, appeared, arrivals, deletion, planning, room, story
from workflows.steps.reading import note

# So many members can be read in one go; then the limits ask for a pause of most of a minute.
READ_AT_ONCE = 75_000
TEST_IS_FRESH_FOR = timedelta(hours=1)


def probe(run: Run, step: Step) -> Result:
    """The key works, and opens the account this destination is pinned to."""
    access.refuse_restricted(run)
    credential = run.destination.credential
    tested = credential.tested_at
    fresh = bool(credential.account_id and tested and run.clock.now() - tested < TEST_IS_FRESH_FOR)
    if not fresh:
        run.test_key()
    account = run.destination.account_id
    if not account or account == run.workflow.account_id:
        return Done({"account": account, "asked": not fresh})
    # Only now is it known whose account this is, and so which other runs are of the same list.
    live = Workflow.objects.filter(account_id=account, list_key=run.workflow.list_key, state__in=sorted(LIVE))
    if other := live.exclude(pk=run.workflow.pk).select_related("orchestration").first():
        name = run.workflow.list_key
        raise Paused("list_shared", f"“{other.orchestration}” is at work on “{name}”. Retry when it is over.")
    _refuse_company(run, run.workflow.list_key)
    return Done({"account": account, "asked": not fresh}, columns={"account_id": account})


def _refuse_company(run: Run, list_name: str) -> None:
    if sentence := alone.beside(run.workflow.orchestration, list_name=list_name):
        raise Paused("list_shared", sentence)


def resolve(run: Run, step: Step) -> Result:
    """The name of the list becomes an id, once; from then on the id counts, whatever the list is called."""
    name = run.workflow.list_key
    if deletion.ordered(run, step):
        return Again()
    kept = lists.claim(run.workflow.account_id, name)
    if kept.list_id:
        run.client.list_info(kept.list_id)
    else:
        choice = lists.choose(run.client.find_lists(name))
        if choice.action == "ambiguous":
            raise room.ambiguous(run, step)
        if choice.action == "use":
            kept = lists.pin(kept, choice.list_id)
    if not kept.list_id:
        # Better now than when the query has run and people have approved of a plan.
        room.make_sure(run, step)
        note = f"No list is named “{name}” yet; it will be created."
        return Done({"flows": [], "exists": False}, columns={"list_id": ""}, note=note)
    if kept.name != name:
        # Renamed in Klaviyo, it is still the list that somebody else may keep under its first name.
        _refuse_company(run, kept.name)
    facts: dict[str, Any] = {"flows": appeared.live_flows(run, kept.list_id), "exists": True}
    facts["first_run"] = kept.verified_at is None and not _delivered_before(run, kept.list_id)
    if not kept.ledger_version:
        facts["members"] = run.client.member_count(kept.list_id)
        if facts["members"] > READ_AT_ONCE:
            story.read_list_first(run.workflow)
    return Done(facts, columns={"list_id": kept.list_id})


def _delivered_before(run: Run, list_id: str | None) -> bool:
    """Whether a run has gone to its end here: then the list's members were seen and its plan was let pass."""
    ended = Workflow.objects.filter(account_id=run.workflow.account_id, list_id=list_id)
    return ended.filter(state=State.SUCCEEDED_WITH_ISSUES).exclude(pk=run.workflow.pk).exists()


def extract(run: Run, step: Step) -> Result:
    """Rows of the query become candidates; what cannot be sent is kept with its reason."""
    query = run.query
    try:
        spec = candidate_spec(run.template, {**run.workflow.config["query"], "columns": query.columns})
        found = extraction.extract(
            query.source,
            query.sql,
            spec,
            into=run.folder.make(),
            keyer=run.keyer,
            limits=queries.limits_of(query),
            pulse=lambda rows: run.pulse(done=rows, unit="rows"),
        )
    except ColumnMissing as error:
        names = [column["name"] for column in query.columns]
        raise Paused("column_missing", error.message, column="", columns=names) from error
    except ColumnGone as gone:
        told = f"The query “{query.name}” has no column “{gone.column}” any more; the data template needs it."
        raise Paused("column_missing", told, column=gone.column, columns=list(gone.columns)) from gone
    level, sentence = queries.size_objection(query, found.rows) or ("", "")
    counts = {"rows": found.rows, "candidates": found.candidates, "not_loaded": found.not_loaded}
    note = f"The query gave {found.rows:,} rows; {found.candidates:,} people can be sent."
    size = {"warning": sentence if level == "warn" else "", "objection": sentence if level == "stop" else ""}
    return Done({**counts, **size, "seconds": found.seconds}, columns={"counts": counts}, note=note)


def compare(run: Run, step: Step) -> Result:
    """The difference between candidates and members, cut into batches: the plan."""
    round_ = step.round
    folder = run.folder.make(f"r{round_}")
    members = (
        folder / "members.parquet" if round_ == 0 else run.folder.file(f"v{round_ - 1}", "members.parquet")
    )
    if round_ == 0 and run.workflow.list_id:
        note(run, run.workflow.steps.get(key="snapshot:r0"), members)
    # What a profile holds is settled in the first round: reading a list back does not show it.
    full_profile = run.template["full_profile"] and round_ == 0
    tally = difference(run, members, folder, full_profile=full_profile)
    batches.without_rejected(run.folder, folder)
    if round_:
        # Who went in a file and did not come is not sent by another way unasked.
        adds = folder / "adds.parquet"
        rows.without(adds, arrivals.were_uploaded(run, rows.values(adds, "key")))
    plan, record = planning.plan(run, tally, folder, round_)
    removals = run.workflow.removals_planned + plan.removes
    columns: dict[str, Any] = {"removals_planned": removals, "plan_hash": plan.hash, "round": round_}
    columns["plan"] = record
    if round_ == 0:
        columns["estimate_seconds"] = record["estimate_seconds"]
    told = f"Plan: +{plan.adds:,} −{plan.removes:,} ~{plan.updates:,} ={plan.unchanged:,}."
    return Done(record, columns=columns, note=told)


def difference(run: Run, members: Path, folder: Path, *, full_profile: bool) -> Tally:
    """Compare the candidates with a reading of the list, by what the ledger knows now."""
    known, only = run.ledger, _only(run)

    def work() -> Tally:
        tally = reconcile.reconcile(
            candidates=run.folder.file("candidates.parquet"),
            members=members,
            ledger=known,
            into=folder,
            mode=run.template["mode"],
            full_profile=full_profile,
        )
        return affected.narrow(tally, folder, outcomes=only[0], reason=only[1]) if only else tally

    return run.meanwhile(work)


def _only(run: Run) -> tuple[Path, str] | None:
    """The outcomes of the run that this one mends, and the reason whose rows alone it is about."""
    only = run.workflow.config.get("only")
    if not only:
        return None
    outcomes = sealed_path(only["workflow"], "outcomes.parquet")
    if not outcomes.exists():
        raise Paused("rows_forgotten", "Which rows were set aside then is not kept any more.")
    return outcomes, only["reason"]


def guard(run: Run, step: Step) -> Result:
    """Let the plan pass, or hold it until a person has seen its numbers and approved exactly it."""
    plan = _planned(run, step.round)
    approved = _approved(run, plan)
    found = guards.objections(change_of(run.workflow, plan), guards.Limits.of(run.workflow.config["guards"]))
    if found and not approved:
        sentences = " ".join(objection.sentence for objection in found)
        facts = {"objections": [objection.as_dict() for objection in found], "plan_hash": plan["hash"]}
        raise Paused(guards.code_of(found), sentences, **facts)
    outcome, create = {"approved": approved}, not run.workflow.list_id
    todo = [Batch(**batch) for batch in plan["batches"]]
    if run.workflow.feeds_a_file:
        steps = story.files(todo)
    elif create or plan["adds"] or plan["removes"] or plan["updates"]:
        steps = story.delivery(todo, step.round, create=create)
    else:
        # What was compared is the list as it was just read: that reading is the verification.
        return Done(outcome, steps=(story.new("finish", 0, key="finish"),))
    if run.workflow.dry_run and not approved:
        raise Paused("plan_ready", "The plan is ready. Nothing has been sent.", plan_hash=plan["hash"])
    return Done(outcome, steps=tuple(steps))


def _planned(run: Run, round_: int) -> dict[str, Any]:
    return run.workflow.steps.get(key=f"compare:r{round_}").outcome


def change_of(workflow: Workflow, plan: Mapping[str, Any]) -> guards.Change:
    """Return the numbers of a plan that a guard looks at."""
    resolved = workflow.steps.filter(key="resolve").values_list("outcome", flat=True).first() or {}
    removals = workflow.removals_planned
    # Rows are asked about once, and not by a run for some rows alone.
    asks_about_rows = plan["round"] == 0 and not workflow.config.get("only")
    return guards.Change(
        candidates=plan["candidates"],
        rows=plan["rows"],
        # Whoever came on a list that this run has made is on it by now: their removal is asked about too.
        listed=workflow.base_members or plan["members"],
        added=plan["adds"],
        removed=removals if plan["removes"] else 0,
        first_run=resolved.get("first_run", False) and asks_about_rows,
        size=workflow.steps.get(key="extract").outcome.get("objection", ""),
        live_flows=tuple(resolved.get("flows", ())),
        not_loaded=plan["not_loaded"] if asks_about_rows else {},
    )


def _approved(run: Run, plan: dict[str, Any]) -> bool:
    """Whether a person approved this plan; a later round may not go beyond what was approved."""
    now = run.clock.now()
    if run.workflow.approvals.filter(plan_hash=plan["hash"], expires_at__gt=now).exists():
        return True
    if plan["round"] == 0:
        return False
    first = _planned(run, 0)
    approved = run.workflow.approvals.filter(plan_hash=first["hash"]).exists()
    return approved and run.workflow.removals_planned <= first["removes"]
