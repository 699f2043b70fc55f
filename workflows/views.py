"""The doors of this room: the overview, orchestrations, workflows, and what a person decides about one."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_POST

from accounts.models import User
from workflows import decisions, figures, history, picture, resolutions
from workflows import overview as first_page
from workflows.drawing import runs_chart
from workflows.forms import ApprovalForm, SearchForm
from workflows.models import Orchestration, Workflow
from workflows.start import CannotStart, start
from workflows.tasks import ring

NOTHING_NEW = 204


@require_GET
def overview(request: HttpRequest) -> HttpResponse:
    return render(request, "workflows/overview.html", {"overview": first_page.overview()})


@require_GET
def orchestrations(request: HttpRequest) -> HttpResponse:
    return render(request, "workflows/orchestrations.html", {"standings": first_page.standings()})


@permission_required("workflows.add_workflow", raise_exception=True)
@require_POST
def run_now(request: HttpRequest, pk: UUID) -> HttpResponse:
    orchestration = get_object_or_404(
        Orchestration.objects.select_related("query", "template__destination"), pk=pk
    )
    try:
        workflow = start(orchestration, by=request.user.get_username(), trigger="manual")
    except CannotStart as refusal:
        messages.error(request, refusal.message)
        return redirect("workflows:orchestrations")
    ring(workflow.pk)
    return redirect("workflows:detail", workflow.pk)


@require_GET
def listed(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    found = history.history(SearchForm(request.GET).asked(), now=now)
    return render(request, "workflows/list.html", {"history": found, **_figures(now)})


@require_GET
def rows(request: HttpRequest) -> HttpResponse:
    """What is new in the list since `version`; 204 when nothing is."""
    form, now = SearchForm(request.GET), timezone.now()
    found = history.history(form.asked(), now=now)
    if form.cleaned_data.get("version") == found.version:
        return HttpResponse(status=NOTHING_NEW)
    return render(request, "workflows/_list.html", {"history": found, **_figures(now)})


def _figures(now: datetime) -> dict[str, object]:
    days = figures.days_of_runs(now)
    chart = runs_chart(days) if any(day.total for day in days) else None
    return {"figures": figures.of_the_last_day(now), "chart": chart}


@require_GET
def detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    shown = picture.picture(_workflow(pk), now=timezone.now())
    return render(request, "workflows/detail.html", {"picture": shown, "workflow": shown.workflow})


@require_GET
def progress(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The page's changing part, or 204 when it looks as it did at `version`."""
    current = picture.version(pk)
    if current is None:
        raise Http404
    if request.GET.get("version") == current:
        return HttpResponse(status=NOTHING_NEW)
    shown = picture.picture(_workflow(pk), now=timezone.now())
    return render(request, "workflows/progress.html", {"picture": shown, "workflow": shown.workflow})


@permission_required("workflows.add_approval", raise_exception=True)
@require_POST
def approve(request: HttpRequest, pk: UUID) -> HttpResponse:
    form = ApprovalForm(request.POST)
    plan_hash = form.cleaned_data["plan_hash"] if form.is_valid() else ""
    who = request.user if isinstance(request.user, User) else None
    approval = partial(decisions.approve, plan_hash=plan_hash, by=who, as_name=request.user.get_username())
    return _decide(request, pk, approval, "The plan was approved and is on its way.")


@permission_required("workflows.add_approval", raise_exception=True)
@require_POST
def discard(request: HttpRequest, pk: UUID) -> HttpResponse:
    discarding = partial(decisions.discard, by=request.user.get_username())
    return _decide(request, pk, discarding, "The plan was discarded. Nothing of it was sent.")


@permission_required("workflows.change_workflow", raise_exception=True)
@require_POST
def retry(request: HttpRequest, pk: UUID) -> HttpResponse:
    retrying = partial(decisions.retry, by=request.user.get_username())
    return _decide(request, pk, retrying, "It goes on from the step that stopped.")


@sensitive_post_parameters()
@require_POST
def resolve(request: HttpRequest, pk: UUID, name: str) -> HttpResponse:
    """Carry a way out out, and show the run it started."""
    try:
        resolved = resolutions.resolve(_workflow(pk), name, _answers(request), by=_person(request))
    except (resolutions.NotOffered, resolutions.Refused, CannotStart) as refusal:
        messages.error(request, str(refusal))
        return redirect("workflows:detail", pk)
    ring(resolved.workflow.pk)
    return redirect("workflows:detail", resolved.workflow.pk)


def _answers(request: HttpRequest) -> resolutions.Answers:
    return resolutions.Answers({name: request.POST.getlist(name) for name in request.POST})


def _person(request: HttpRequest) -> resolutions.Person:
    user = request.user if isinstance(request.user, User) else None
    return resolutions.Person(request.user.get_username(), user)


@permission_required("workflows.change_workflow", raise_exception=True)
@require_POST
def stop(request: HttpRequest, pk: UUID) -> HttpResponse:
    stopping = partial(decisions.cancel, by=request.user.get_username())
    return _decide(request, pk, stopping, "It stops at its next call. What was sent before stays sent.")


def _decide(request: HttpRequest, pk: UUID, decision: Callable[[Workflow], None], told: str) -> HttpResponse:
    try:
        decision(_workflow(pk))
    except decisions.Stale as stale:
        messages.error(request, str(stale))
    else:
        ring(pk)
        messages.success(request, told)
    return redirect("workflows:detail", pk)


def _workflow(pk: UUID) -> Workflow:
    whole = Workflow.objects.select_related(
        "orchestration__query", "orchestration__template__destination__credential"
    )
    return get_object_or_404(whole, pk=pk)
