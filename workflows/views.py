"""The doors of this room: the overview, orchestrations, workflows, and what a person decides about one."""

from collections.abc import Callable
from functools import partial
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from accounts.models import User
from workflows import calls, decisions, picture, showing
from workflows import overview as first_page
from workflows.forms import ApprovalForm
from workflows.models import Orchestration, Workflow
from workflows.resolutions.plans import sure
from workflows.start import CannotStart, start
from workflows.tasks import ring

NOTHING_NEW = 204
SEE_PEOPLE = "audiences.view_people"


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
        workflow = start(
            orchestration,
            by=request.user.get_username(),
            trigger="manual",
            restricted=not request.user.has_perm(SEE_PEOPLE),
        )
    except CannotStart as refusal:
        messages.error(request, refusal.message)
        return redirect("workflows:orchestrations")
    ring(workflow.pk)
    return redirect("workflows:detail", workflow.pk)


@require_GET
def detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    return showing.page(request, showing.found(pk))


@require_GET
def progress(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The page's changing part, or 204 when it looks as it did at `version`."""
    current = picture.version(pk)
    if current is None:
        raise Http404
    if request.GET.get("version") == current:
        return HttpResponse(status=NOTHING_NEW)
    shown = showing.shown(request, showing.found(pk))
    return render(request, "workflows/progress.html", {"picture": shown, "workflow": shown.workflow})


@require_GET
def steps(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One page of the steps."""
    number = showing.number(request.GET.get("steps"))
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect(f"{reverse('workflows:detail', args=[pk])}?steps={number or 1}#requests")
    workflow = showing.found(pk)
    listed = calls.steps_page(workflow, list(workflow.steps.defer("checkpoint")), number=number or 1)
    return render(request, "workflows/_steps.html", {"steps": listed, "workflow": workflow})


@require_GET
def step(request: HttpRequest, pk: UUID, step: int) -> HttpResponse:
    """The calls of one step, with what was sent and what was answered."""
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect(f"{reverse('workflows:detail', args=[pk])}?step={step}#step-{step}")
    workflow = showing.found(pk)
    shown = calls.step_shown(workflow, get_object_or_404(workflow.steps, pk=step))
    return render(request, "workflows/_calls.html", {"row": shown})


@permission_required("workflows.add_approval", raise_exception=True)
@require_POST
def approve(request: HttpRequest, pk: UUID) -> HttpResponse:
    form = ApprovalForm(request.POST)
    given = form.cleaned_data if form.is_valid() else {}
    who = request.user if isinstance(request.user, User) else None

    def approval(workflow: Workflow) -> None:
        if (typed := sure(workflow)) and given.get("sure", "") != typed.expected:
            raise decisions.Stale(f"{typed.label}. Nothing was approved.")
        name = request.user.get_username()
        decisions.approve(workflow, plan_hash=given.get("plan_hash", ""), by=who, as_name=name)

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


@permission_required("workflows.change_workflow", raise_exception=True)
@require_POST
def stop(request: HttpRequest, pk: UUID) -> HttpResponse:
    stopping = partial(decisions.cancel, by=request.user.get_username())
    return _decide(request, pk, stopping, "It stops at its next call. What was sent before stays sent.")


def _decide(request: HttpRequest, pk: UUID, decision: Callable[[Workflow], None], told: str) -> HttpResponse:
    try:
        decision(showing.found(pk))
    except decisions.Stale as stale:
        messages.error(request, str(stale))
    else:
        ring(pk)
        messages.success(request, told)
    return redirect("workflows:detail", pk)
