"""The doors of the list of workflows: the page, what is new of it, and all of it as CSV."""

from datetime import datetime

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from accounts import activity
from workflows import exporting, figures, finding
from workflows.drawing import runs_chart
from workflows.forms import SearchForm
from workflows.history import History, history

NOTHING_NEW = 204


@require_GET
def listed(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    return render(
        request, "workflows/list.html", _shown(history(SearchForm(request.GET).asked(), now=now), now)
    )


@require_GET
def rows(request: HttpRequest) -> HttpResponse:
    """What is new in the list since `version`; 204 when nothing is."""
    form, now = SearchForm(request.GET), timezone.now()
    found = history(form.asked(), now=now)
    if form.cleaned_data.get("version") == found.version:
        return HttpResponse(status=NOTHING_NEW)
    return render(request, "workflows/_list.html", _shown(found, now))


@require_GET
def export(request: HttpRequest) -> StreamingHttpResponse:
    """Every workflow that was asked for, in its order, with counts alone."""
    asked, now = SearchForm(request.GET).asked().cleaned(), timezone.now()
    found = finding.found(asked, finding.standing_orders(), now=now)
    chosen = finding.in_order(finding.of_tab(found, asked.tab), asked.sort)
    activity.record(request.user, "exported", kind="workflows")
    name = f"workflows-{timezone.localtime(now):%Y-%m-%d-%H%M}.csv"
    return StreamingHttpResponse(
        exporting.lines(chosen),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _shown(found: History, now: datetime) -> dict[str, object]:
    days = figures.days_of_runs(now)
    return {
        "history": found,
        "asked": found.asked,
        "figures": figures.of_the_last_day(now, days),
        "chart": runs_chart(days) if any(day.total for day in days) else None,
        # The menu counts them too, and need not ask again.
        "waiting": found.cases.number,
    }
