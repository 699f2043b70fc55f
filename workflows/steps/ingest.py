"""After the uploads: waiting until the list has taken everyone in, or nobody new comes any more."""

from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from workflows.models import Step, StepState
from workflows.results import Done, Result, Wait
from workflows.run import Run
from workflows.steps import arrivals

LOOK_FIRST, LOOK_SLOWEST = timedelta(seconds=2), timedelta(seconds=20)
# However slowly people trickle in: by then a person should look.
LONGEST = timedelta(hours=24)


@dataclass(frozen=True)
class Watch:
    """What has been seen so far of `sent` people who were uploaded by `ended` (ISO, UTC).

    The list has `expected` members when all are on it. `most` is how many of them were seen at once, since
    `moved_at`; None before the first look. `first` is how many were there when any were first seen, and how
    many seconds after `ended`.
    """

    sent: int
    ended: str
    expected: int
    moved_at: str
    most: int | None = None
    looks: int = 0
    first: tuple[int, float] | None = None

    @property
    def arrived(self) -> int:
        return self.most or 0

    @property
    def is_complete(self) -> bool:
        return self.arrived >= self.sent

    @property
    def seconds(self) -> float:
        """From the end of the uploads until the last of them was seen."""
        return max((_moment(self.moved_at) - _moment(self.ended)).total_seconds(), 0.0)

    def looked(self, count: int, now: datetime) -> "Watch":
        """Return what is known after another look, which found `count` members.

        Only more people than ever before are movement: on a busy list the count never rests.
        """
        arrived = max(0, min(self.sent, self.sent - self.expected + count))
        seen = replace(self, looks=self.looks + 1)
        if self.most is None or arrived > self.most:
            # Of those who were there at the very first look, nobody knows since when.
            moved = self.most is not None or arrived >= self.sent
            seen = replace(seen, most=arrived, looks=1, moved_at=now.isoformat() if moved else self.moved_at)
        if arrived and not self.first:
            seen = replace(seen, first=(arrived, (now - _moment(self.ended)).total_seconds()))
        return seen

    def patient_until(self, patience: timedelta) -> datetime:
        """Until when the rest is waited for: so long after the last who came, but a day in all.

        Whoever asks for more patience than a day gets it.
        """
        return min(_moment(self.moved_at) + patience, _moment(self.ended) + max(patience, LONGEST))


def ingest(run: Run, step: Step) -> Result:
    """Wait until everyone who was uploaded shows in the list's count, or nobody new has come for long.

    Who did not come is named by the reading back.
    """
    before = Watch(**step.checkpoint) if step.checkpoint else _begun(run, step)
    now = run.clock.now()
    watch = before.looked(run.client.member_count(run.workflow.list_id), now)
    run.pulse(done=watch.arrived, total=watch.sent, unit="people")
    minutes = run.files.wait_minutes
    until = watch.patient_until(timedelta(minutes=minutes))
    if not watch.is_complete and now < until:
        run.keep(step, checkpoint=asdict(watch), crashes=0)
        wait = min(LOOK_FIRST * 1.5 ** min(watch.looks, 10), LOOK_SLOWEST)
        told = f"{watch.arrived:,} of {watch.sent:,} uploaded people are on the list so far."
        return Wait(min(now + wait, until), "files", told)
    late = watch.sent - watch.arrived
    note = f"All {watch.sent:,} uploaded people are on the list, by its count."
    if late:
        note = f"{late:,} of {watch.sent:,} uploaded people did not come within {minutes:,} minutes."
    return Done({**_outcome(watch), "patient_until": until.isoformat()}, note=note)


def _outcome(watch: Watch) -> dict[str, Any]:
    told = {"rows": watch.arrived, "sent": watch.sent, "seconds": watch.seconds}
    return told | ({"first": list(watch.first)} if watch.first else {})


def _begun(run: Run, step: Step) -> Watch:
    uploads = run.workflow.steps.filter(kind="upload", round=step.round, state=StepState.DONE)
    done = list(uploads.order_by("finished_at"))
    last = done[-1].finished_at if done else None
    ended = (last or run.clock.now()).isoformat()
    sent = sum(each.outcome["rows"] for each in done)
    before = arrivals.members_before(run, step.round)
    expected = before + arrivals.added(run.workflow, step.round)
    return Watch(sent, ended, expected, moved_at=ended)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
