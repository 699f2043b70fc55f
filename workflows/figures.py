"""The figures above the list of workflows: what the last day and the last fortnight came to."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median

from django.db.models import Count, Min, Q
from django.db.models.functions import TruncDate
from django.utils import timezone

from workflows.models import Workflow
from workflows.moves import LIVE, State

DAY = timedelta(days=1)
DAYS_SHOWN = 14
# The median of this many is the median of a day; reading more would tell nobody anything new.
SAMPLE = 500


@dataclass(frozen=True)
class Figures:
    """What the last 24 hours came to; `people_changed` counts those put on, taken off and updated."""

    runs: int
    verified: int
    people_changed: int
    median_seconds: float | None
    waiting: int
    oldest_waits_since: datetime | None


@dataclass(frozen=True)
class DayOfRuns:
    """The runs that were made on one day, by how they stand."""

    day: date
    verified: int
    issues: int
    stuck: int
    live: int

    @property
    def total(self) -> int:
        return self.verified + self.issues + self.stuck + self.live


def of_the_last_day(now: datetime) -> Figures:
    recent = Workflow.objects.filter(created_at__gt=now - DAY)
    told = recent.aggregate(runs=Count("pk"), verified=Count("pk", filter=Q(verified_at__isnull=False)))
    held = Workflow.objects.filter(state=State.PAUSED).aggregate(
        waiting=Count("pk"), oldest=Min("created_at")
    )
    done = recent.filter(finished_at__isnull=False).order_by("-created_at")
    rows = list(done.values_list("counts", "started_at", "finished_at")[:SAMPLE])
    return Figures(
        runs=told["runs"],
        verified=told["verified"],
        people_changed=sum(_changed(counts) for counts, _, _ in rows),
        median_seconds=_median((start, end) for _, start, end in rows if start and end),
        waiting=held["waiting"],
        oldest_waits_since=held["oldest"],
    )


def _changed(counts: dict[str, object]) -> int:
    found = (counts.get(name, 0) for name in ("added", "removed", "updated"))
    return sum(number for number in found if isinstance(number, int))


def _median(spans: Iterable[tuple[datetime, datetime]]) -> float | None:
    seconds = [(end - start).total_seconds() for start, end in spans]
    return median(seconds) if seconds else None


def days_of_runs(now: datetime, *, days: int = DAYS_SHOWN) -> list[DayOfRuns]:
    """Return the last `days` days, oldest first, those without a run too."""
    today = timezone.localtime(now).date()
    since = today - timedelta(days=days - 1)
    counted = (
        Workflow.objects.filter(created_at__gte=now - (days + 1) * DAY)
        .annotate(day=TruncDate("created_at"))
        .order_by()
        .values("day")
        .annotate(
            verified=Count("pk", filter=Q(state=State.SUCCEEDED)),
            issues=Count("pk", filter=Q(state=State.SUCCEEDED_WITH_ISSUES)),
            stuck=Count("pk", filter=Q(state__in=(State.PAUSED, State.FAILED, State.CANCELLED))),
            live=Count("pk", filter=Q(state__in=sorted(LIVE - {State.PAUSED}))),
        )
    )
    found = {row["day"]: DayOfRuns(**row) for row in counted}
    span = [since + timedelta(days=number) for number in range(days)]
    return [found.get(day) or DayOfRuns(day, 0, 0, 0, 0) for day in span]
