"""The doors of resolutions: the panel of one reason, what answers would do, and taking a way out."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_POST

from workflows import resolutions, showing
from workflows.models import Workflow
from workflows.panels import Filled
from workflows.picture import reason_panel
from workflows.start import CannotStart
from workflows.tasks import ring

UNPROCESSABLE = 422


@require_GET
def offers(request: HttpRequest, pk: UUID, reason: str) -> HttpResponse:
    """The panel of one reason why rows were set aside."""
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect(f"{_page(pk)}?reason={reason}#resolutions-{reason}")
    workflow = showing.found(pk)
    panel = reason_panel(workflow, reason, person=showing.person(request))
    return render(request, "workflows/_ways_out.html", {"panel": panel, "workflow": workflow})


@sensitive_post_parameters()
@require_POST
def preview(request: HttpRequest, pk: UUID, name: str) -> HttpResponse:
    """What the answers would do: a fragment, or the whole page for who has no script."""
    workflow, reason = showing.found(pk), request.POST.get("reason", "")
    answers = _answers(request)
    filled = Filled(name, reason, answers.given)
    try:
        tried = resolutions.preview(workflow, name, answers, reason=reason, by=showing.person(request))
        filled = Filled(name, reason, answers.given, tried=tried)
    except resolutions.NotAllowed as refusal:
        raise PermissionDenied from refusal
    except resolutions.Refused as refusal:
        filled = Filled(name, reason, answers.given, wrong=refusal.message, field=refusal.field)
    except resolutions.NotOffered as refusal:
        filled = Filled(name, reason, answers.given, wrong=str(refusal))
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "workflows/_tried.html", {"tried": filled.tried, "wrong": filled.wrong})
    return showing.page(request, workflow, filled, status=UNPROCESSABLE if filled.wrong else 200)


@sensitive_post_parameters()
@require_POST
def resolve(request: HttpRequest, pk: UUID, name: str) -> HttpResponse:
    """Take a way out and show the run to look at now; what will not do comes back beside its field."""
    workflow, reason = showing.found(pk), request.POST.get("reason", "")
    answers = _answers(request)
    try:
        resolved = resolutions.resolve(
            workflow, name, answers, by=showing.person(request), reason=reason, seen=_seen(request)
        )
    except resolutions.NotAllowed as refusal:
        raise PermissionDenied from refusal
    except resolutions.Refused as refusal:
        return _again(request, pk, Filled(name, reason, answers.given, refusal.message, refusal.field))
    except CannotStart as refusal:
        return _again(request, pk, Filled(name, reason, answers.given, refusal.message))
    except resolutions.NotOffered as refusal:
        messages.error(request, str(refusal))
        return redirect(f"{_page(pk)}#resolutions")
    ring(resolved.workflow.pk)
    messages.success(request, _told(workflow, resolved))
    return redirect(_page(resolved.workflow.pk))


def _again(request: HttpRequest, pk: UUID, filled: Filled) -> HttpResponse:
    # What was read before may have been changed and rolled back since.
    return showing.page(request, showing.found(pk), filled, status=UNPROCESSABLE)


def _told(workflow: Workflow, resolved: resolutions.Resolved) -> str:
    if resolved.workflow.pk == workflow.pk:
        return resolved.note
    return f"{resolved.note} This is run {resolved.workflow.number}."


def _answers(request: HttpRequest) -> resolutions.Answers:
    return resolutions.Answers({name: request.POST.getlist(name) for name in request.POST})


def _seen(request: HttpRequest) -> int | None:
    given = request.POST.get("seen", "")
    return showing.number(given) if given else None


def _page(pk: UUID) -> str:
    return reverse("workflows:detail", args=[pk])
