"""The doors of this room: destinations and their data templates."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from credentials import probes
from credentials.models import Credential
from credentials.vault import VaultError
from destinations import keeping
from destinations.forms import DestinationForm, FieldFormSet, TemplateForm
from destinations.models import Destination
from destinations.registry import PLUGINS


@require_GET
def listed(request: HttpRequest) -> HttpResponse:
    facts = {"destinations": keeping.all_destinations(), "has_credential": Credential.objects.exists()}
    return render(request, "destinations/list.html", facts)


@permission_required("destinations.add_destination", raise_exception=True)
@require_http_methods(["GET", "POST"])
def add(request: HttpRequest) -> HttpResponse:
    form = DestinationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        destination = form.save(commit=False)
        keeping.add_destination(destination, by=request.user)
        messages.success(request, f"Destination “{destination}” was added. Next: a data template.")
        return redirect("destinations:detail", destination.pk)
    return render(request, "destinations/add.html", {"form": form, "plugins": PLUGINS.values()})


@require_GET
def detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    destination = get_object_or_404(keeping.all_destinations(), pk=pk)
    facts = {"destination": destination, "plugin": PLUGINS.get(destination.plugin)}
    return render(request, "destinations/detail.html", facts)


@permission_required("destinations.change_destination", raise_exception=True)
@require_POST
def test(request: HttpRequest, pk: UUID) -> HttpResponse:
    destination = get_object_or_404(Destination.objects.select_related("credential"), pk=pk)
    try:
        opened = probes.test(destination.credential, by=request.user)
    except (probes.ProbeFailed, VaultError) as failed:
        messages.error(request, str(failed))
    else:
        messages.success(request, f"“{destination}” opens {opened.account_name} ({opened.account_id}).")
        if opened.missing:
            messages.warning(
                request, f"The key lacks scopes: {', '.join(opened.missing)}. Add them in Klaviyo."
            )
    return redirect("destinations:detail", pk)


@permission_required("destinations.add_datatemplate", raise_exception=True)
@require_http_methods(["GET", "POST"])
def add_template(request: HttpRequest, pk: UUID) -> HttpResponse:
    destination = get_object_or_404(Destination, pk=pk)
    form = TemplateForm(request.POST or None, destination=destination)
    plugin = PLUGINS[destination.plugin]
    fields = FieldFormSet(request.POST or None, prefix="fields", plugin=plugin)
    if request.method == "POST" and form.is_valid() and fields.is_valid():
        template = form.save(commit=False)
        keeping.add_template(template, fields.mapping(), by=request.user)
        messages.success(request, f"Data template “{template}” was added. An orchestration can use it now.")
        return redirect("destinations:detail", pk)
    facts = {
        "destination": destination,
        "form": form,
        "fields": fields,
        "plugin": PLUGINS[destination.plugin],
    }
    return render(request, "destinations/add_template.html", facts)
