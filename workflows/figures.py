"""The figures above the list of workflows: what the last day and the last fortnight came to."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median

from django.db.models import Count, Q, Window
from django.db.models.functions import TruncDate
from django.utils import timezone

from workflows.models import Workflow
from workflows.moves import LIVE, State
from workflows.tallies import total

DAY = timedelta(days=1)
DAYS_SHOWN = 14
# The median of this many is the median of a day; reading more would tell nobody anything new.
SAMPLE = 500
CHANGED = ("added", "removed", "updated")
LOST = ("rejected", "unknown")


@dataclass(frozen=True)
class Figures:
    """What the last 24 hours came to; `people_changed` counts those put on, taken off and updated.

    `usual_runs` are those of a day of the last fortnight, `taken_share` (0.0 to 1.0) is who was taken of all
    sent; None when there is nothing to tell it from.
    """

    runs: int
    usual_runs: int | None
    verified: int
    people_changed: int
    taken_share: float | None
    median_seconds: float | None


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


def of_the_last_day(now: datetime, days: Sequence[DayOfRuns]) -> Figures:
    """Sum up the last 24 hours; `days` are the last days, today the last of them."""
    recent = Workflow.objects.filter(created_at__gt=now - DAY).order_by("-created_at")
    told = recent.annotate(runs=Window(Count("pk")), verified=Window(Count("verified_at")))
    rows = list(told.values_list("runs", "verified", "counts", "started_at", "finished_at")[:SAMPLE])
    done = [(counts, start, end) for _, _, counts, start, end in rows if end]
    changed = sum(total(counts.get(name)) for counts, _, _ in done for name in CHANGED)
    lost = sum(total(counts.get(name)) for counts, _, _ in done for name in LOST)
    before = [day.total for day in days[:-1]]
    return Figures(
        runs=rows[0][0] if rows else 0,
        usual_runs=round(sum(before) / len(before)) if any(before) else None,
        verified=rows[0][1] if rows else 0,
        people_changed=changed,
        taken_share=changed / (changed + lost) if changed + lost else None,
        median_seconds=_median((start, end) for _, start, end in done if start),
    )


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
