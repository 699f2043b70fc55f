"""Finding a workflow for a request, and answering with its page."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone

from accounts.models import User
from workflows.models import Workflow
from workflows.panels import Filled
from workflows.picture import Asked, Picture, picture
from workflows.resolutions import Person

HIGHEST = 10**9


def found(pk: UUID) -> Workflow:
    """Return the workflow with all that its page names; raises Http404."""
    whole = Workflow.objects.select_related(
        "orchestration__query", "orchestration__template__destination__credential", "parent"
    )
    return get_object_or_404(whole, pk=pk)


def person(request: HttpRequest) -> Person:
    """Return who asks, as resolutions know them."""
    user = request.user if isinstance(request.user, User) else None
    return Person(request.user.get_username(), user)


def shown(request: HttpRequest, workflow: Workflow, filled: Filled | None = None) -> Picture:
    """Gather the page of `workflow` as the address asks for it, with what a form came back with."""
    given = request.GET
    filled = filled or Filled(name=given.get("way", ""), reason=given.get("reason", ""))
    asked = Asked(person(request), filled, number(given.get("steps")), number(given.get("step")))
    return picture(workflow, now=timezone.now(), asked=asked)


def page(
    request: HttpRequest, workflow: Workflow, filled: Filled | None = None, *, status: int = 200
) -> HttpResponse:
    """Answer with the page of `workflow`."""
    seen = shown(request, workflow, filled)
    return render(
        request, "workflows/detail.html", {"picture": seen, "workflow": seen.workflow}, status=status
    )


def number(text: str | None) -> int:
    """Read a number of a page or a row from an address; 0 for what is none."""
    return min(int(text), HIGHEST) if text and text.isascii() and text.isdigit() and len(text) < 20 else 0
