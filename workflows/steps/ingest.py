"""After the uploads: waiting until the list has taken everyone in, or stands still for long."""

from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from workflows import rows
from workflows.models import Step, StepState
from workflows.results import Done, Result, Wait
from workflows.run import Run

LOOK_FIRST, LOOK_SLOWEST = timedelta(seconds=2), timedelta(seconds=20)


@dataclass(frozen=True)
class Watch:
    """What has been seen so far of `sent` people who were uploaded by `ended` (ISO, UTC).

    The list has `expected` members when all are on it. `count` was its size at the last look, None before the
    first; it last grew at `moved_at`. `first` is how many were there when any were first seen, and how many
    seconds after `ended`.
    """

    sent: int
    ended: str
    expected: int
    moved_at: str
    count: int | None = None
    looks: int = 0
    first: tuple[int, float] | None = None

    @property
    def arrived(self) -> int:
        return 0 if self.count is None else max(0, min(self.sent, self.sent - self.expected + self.count))

    @property
    def is_complete(self) -> bool:
        return self.count is not None and self.count >= self.expected

    @property
    def seconds(self) -> float:
        """From the end of the uploads until the list last grew."""
        return max((_moment(self.moved_at) - _moment(self.ended)).total_seconds(), 0.0)

    def looked(self, count: int, now: datetime) -> "Watch":
        """Return what is known after another look, which found `count` members."""
        seen = replace(self, count=count)
        if count != self.count:
            # Of those who were there at the very first look, nobody knows since when.
            moved = self.count is not None or seen.is_complete
            seen = replace(seen, looks=0, moved_at=now.isoformat() if moved else self.moved_at)
        if seen.arrived and not seen.first:
            seen = replace(seen, first=(seen.arrived, (now - _moment(self.ended)).total_seconds()))
        return replace(seen, looks=seen.looks + 1)

    def stands_still(self, now: datetime, patience: timedelta) -> bool:
        return now - _moment(self.moved_at) >= patience


def ingest(run: Run, step: Step) -> Result:
    """Wait until everyone who was uploaded shows in the list's count, or nobody new has come for long.

    Who did not come is named by the reading back.
    """
    before = Watch(**step.checkpoint) if step.checkpoint else _begun(run, step)
    now = run.clock.now()
    watch = before.looked(run.client.member_count(run.workflow.list_id), now)
    run.pulse(done=watch.arrived, total=watch.sent, unit="people")
    minutes = run.files.wait_minutes
    if not (watch.is_complete or watch.stands_still(now, timedelta(minutes=minutes))):
        run.keep(step, checkpoint=asdict(watch), crashes=0)
        wait = min(LOOK_FIRST * 1.5 ** min(watch.looks, 10), LOOK_SLOWEST)
        told = f"{watch.arrived:,} of {watch.sent:,} uploaded people are on the list so far."
        return Wait(now + wait, "job", told)
    late = watch.sent - watch.arrived
    note = f"All {watch.sent:,} uploaded people are on the list."
    if late:
        note = f"{late:,} of {watch.sent:,} uploaded people did not come within {minutes:,} minutes."
    return Done(_outcome(watch), note=note)


def _outcome(watch: Watch) -> dict[str, Any]:
    told = {"rows": watch.arrived, "sent": watch.sent, "seconds": watch.seconds}
    return told | ({"first": list(watch.first)} if watch.first else {})


def _begun(run: Run, step: Step) -> Watch:
    uploads = run.workflow.steps.filter(kind="upload", round=step.round, state=StepState.DONE)
    done = list(uploads.order_by("finished_at"))
    sent = sum(each.outcome["rows"] for each in done)
    last = done[-1].finished_at if done else None
    ended = (last or run.clock.now()).isoformat()
    return Watch(sent, ended, _expected(run, step, sent), moved_at=ended)


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


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
