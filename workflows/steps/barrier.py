"""Before anything is compared: nothing that an earlier run of this list sent may still take effect."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Max, Q, QuerySet

from destinations.errors import Rejected
from workflows import receipts
from workflows.models import Step, StepState, Workflow
from workflows.moves import FINAL, State
from workflows.outside import doubtful_since
from workflows.results import Done, Result, Wait
from workflows.run import Run
from workflows.steps import arrivals

# Klaviyo keeps the results of an import for seven days.
REMEMBERED_FOR = timedelta(days=7)
LOOK_EVERY = timedelta(seconds=5)
LOOK_SLOWEST = timedelta(seconds=30)
SUBMITTED = ("import", "update")
# No submission is taken in later than this: what began after it is somebody else's.
LATEST = timedelta(minutes=3)


@dataclass(frozen=True)
class Until:
    """Wait for as many members as this on the list, and no longer than that."""

    members: int
    at: datetime


def barrier(run: Run, step: Step) -> Result:
    """Wait for requests and imports of runs that ended early, and learn what became of their people."""
    now = run.clock.now()
    earlier = _unfinished(run, since=now - REMEMBERED_FOR)
    doubt = earlier.aggregate(until=Max("ambiguous_until"))["until"]
    if doubt and doubt > now:
        return Wait(doubt, "settle", "Waiting until a request of an earlier run can have no late effect.")
    waiting = 0
    ended: list[str] = step.checkpoint.get("ended", [])
    for sent in open_jobs(earlier):
        if sent.external_ref in ended:
            continue
        if _look(run, sent):
            ended.append(sent.external_ref)
        else:
            waiting += 1
    run.keep(step, checkpoint={**step.checkpoint, "ended": ended})
    waiting += unknown_jobs(run, earlier)
    if waiting:
        return Wait(now + LOOK_EVERY, "job", "Waiting for an import of an earlier run.")
    if until := _people_to_wait_for(run, earlier):
        return _wait_for_people(run, step, until)
    return Done({"earlier": earlier.count(), "imports": len(ended)})


def _unfinished(run: Run, *, since: datetime) -> QuerySet[Workflow]:
    """Runs of this list that ended without reading it back."""
    same = Q(list_key=run.workflow.list_key)
    if run.workflow.list_id:
        same |= Q(list_id=run.workflow.list_id)
    closed = sorted(FINAL - {State.SUCCEEDED, State.SUCCEEDED_WITH_ISSUES})
    found = Workflow.objects.filter(same, account_id=run.workflow.account_id, state__in=closed)
    return found.filter(created_at__gt=since).exclude(pk=run.workflow.pk)


def open_jobs(workflows: QuerySet[Workflow] | Sequence[Workflow]) -> list[Step]:
    """Imports submitted whose end nobody has seen."""
    seen = Step.objects.filter(workflow__in=workflows, kind="jobs", state=StepState.DONE)
    rounds = {(step.workflow_id, step.round, _is_again(step)) for step in seen}
    sent = Step.objects.filter(workflow__in=workflows, kind__in=SUBMITTED).exclude(external_ref="")
    return [step for step in sent if (step.workflow_id, step.round, _is_again(step)) not in rounds]


def _is_again(step: Step) -> bool:
    """Whether it belongs to what was sent again after it was refused: that has a wait of its own."""
    return bool(step.input.get("again"))


def _people_to_wait_for(run: Run, earlier: QuerySet[Workflow]) -> Until | None:
    """Files of earlier runs that may still be taken in, and people whom somebody asked to wait for."""
    workflow = run.workflow
    if not workflow.list_id:
        return None
    found = []
    if asked := workflow.config.get("wait_for"):
        found.append(Until(asked["members"], workflow.created_at + timedelta(minutes=asked["minutes"])))
    if workflow.config["destination"].get("files") is not None and run.plugin.files:
        patience = timedelta(minutes=run.files.wait_minutes)
        since_read = earlier.filter(created_at__gt=_last_waited(run))
        coming = arrivals.open_uploads(since_read, since=run.clock.now() - patience)
        found += [Until(each.members, each.sent_at + patience) for each in coming]
    if not found:
        return None
    # Each began with what the one before had left, so the largest is when all are there.
    return Until(max(each.members for each in found), max(each.at for each in found))


def _last_waited(run: Run) -> datetime:
    """When the newest run of this list began that went to its end: it has waited for those before it."""
    over = Workflow.objects.filter(account_id=run.workflow.account_id, list_id=run.workflow.list_id)
    ended = over.filter(state__in=(State.SUCCEEDED, State.SUCCEEDED_WITH_ISSUES))
    return ended.aggregate(at=Max("created_at"))["at"] or datetime.min.replace(tzinfo=UTC)


def _wait_for_people(run: Run, step: Step, until: Until) -> Result:
    now = run.clock.now()
    count = run.client.member_count(run.workflow.list_id)
    if count >= until.members or now >= until.at:
        return Done({"members": count, "waited": True})
    looks = step.checkpoint.get("looks", 0) + 1
    run.keep(step, checkpoint={**step.checkpoint, "looks": looks})
    wait = min(LOOK_EVERY * 1.5 ** min(looks, 10), LOOK_SLOWEST)
    told = f"Waiting for uploaded people: {count:,} of {until.members:,} are on the list."
    return Wait(min(now + wait, until.at), "files", told)


def _look(run: Run, sent: Step) -> bool:
    """Whether a job has ended; then its people were put on, or nobody can say."""
    try:
        job = run.client.import_job(sent.external_ref)
    except Rejected:
        # Klaviyo has forgotten it, so it is long over.
        return True
    if job.is_running:
        return False
    for receipt in receipts.filed(run.audience_list.pk):
        if (receipt.workflow_id, receipt.step_key) != (str(sent.workflow_id), sent.key):
            continue
        if job.is_complete and not job.failed:
            receipt.path.rename(receipt.path.with_name(receipt.path.name.replace("~sent.", "~on.")))
        else:
            receipts.drop([receipt])
    return True


def unknown_jobs(run: Run, workflows: QuerySet[Workflow] | Sequence[Workflow]) -> int:
    """Jobs still running that a submission without an answer may have started.

    A batch that was sent again has a job we know; the one it may have started before still puts people on.
    """
    sent = Step.objects.filter(workflow__in=workflows, kind__in=SUBMITTED)
    doubtful = sent.filter(calls__outcome__in=("ambiguous", "crashed")).distinct()
    doubts: list[Any] = [since for step in doubtful if (since := doubtful_since(step))]
    if not doubts:
        return 0
    ours = set(Step.objects.exclude(external_ref="").values_list("external_ref", flat=True))
    page = run.client.import_jobs(statuses=("queued", "processing"))
    since, until = min(doubts) - LOOK_EVERY, max(doubts) + LATEST
    return sum(job.id not in ours and since <= (job.created_at or since) <= until for job in page.jobs)
