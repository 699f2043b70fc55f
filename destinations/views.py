"""The doors of this room: destinations and their data templates."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from credentials import probes
from credentials.models import Credential
from credentials.vault import VaultError
from destinations import keeping, paths
from destinations.files_form import FilesForm, every_files_form
from destinations.forms import DestinationForm, FieldFormSet, TemplateForm
from destinations.models import Destination
from destinations.registry import PLUGINS, choices


@require_GET
def listed(request: HttpRequest) -> HttpResponse:
    destinations = list(keeping.all_destinations())
    labels = dict(choices())
    for destination in destinations:
        destination.plugin_label = labels.get(destination.plugin, destination.plugin)  # type: ignore[attr-defined]
    facts = {"destinations": destinations, "has_credential": Credential.objects.exists()}
    return render(request, "destinations/list.html", facts)


@permission_required("destinations.add_destination", raise_exception=True)
@require_http_methods(["GET", "POST"])
def add(request: HttpRequest) -> HttpResponse:
    form = DestinationForm(request.POST or None)
    of_plugins = every_files_form(request.POST or None)
    if request.method == "POST" and form.is_valid() and (files := _chosen(of_plugins, form)).is_valid():
        destination = form.save(commit=False)
        if _added(request, destination, files):
            messages.success(request, f"Destination “{destination}” was added. Next: a data template.")
            return redirect("destinations:detail", destination.pk)
    facts = {"form": form, "files_forms": of_plugins, "plugins": PLUGINS.values()}
    return render(request, "destinations/add.html", facts)


def _added(request: HttpRequest, destination: Destination, files: FilesForm) -> bool:
    destination.sftp_credential = files.sftp_credential()
    destination.settings = {"sftp": given} if (given := files.chosen()) else {}
    try:
        keeping.add_destination(destination, by=request.user)
    except keeping.SharedKey as refused:
        files.add_error("credential", refused.message)
        return False
    return True


def _chosen(of_plugins: list[FilesForm], form: DestinationForm) -> FilesForm:
    return next(files for files in of_plugins if files.plugin.name == form.cleaned_data["plugin"])


@require_GET
def detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    return _detail(request, get_object_or_404(keeping.all_destinations(), pk=pk))


def _detail(
    request: HttpRequest, destination: Destination, files_form: FilesForm | None = None
) -> HttpResponse:
    plugin = PLUGINS.get(destination.plugin)
    facts: dict[str, Any] = {"destination": destination, "plugin": plugin}
    if plugin and plugin.files:
        facts["files_form"] = files_form or FilesForm(plugin=plugin, destination=destination)
        facts["choices"] = paths.file_choices(destination)
    return render(request, "destinations/detail.html", facts)


@permission_required("destinations.change_destination", raise_exception=True)
@require_POST
def files(request: HttpRequest, pk: UUID) -> HttpResponse:
    destination = get_object_or_404(keeping.all_destinations(), pk=pk)
    form = FilesForm(request.POST, plugin=PLUGINS[destination.plugin], destination=destination)
    if not form.is_valid():
        return _detail(request, destination, form)
    try:
        changed = keeping.change_files(
            destination, form.chosen(), sftp_credential=form.sftp_credential(), by=request.user
        )
    except keeping.SharedKey as refused:
        form.add_error("credential", refused.message)
        return _detail(request, keeping.all_destinations().get(pk=pk), form)
    messages.success(request, "Saved; the next run uses it." if changed else "Nothing was changed.")
    return redirect("destinations:detail", pk)


@permission_required("destinations.change_destination", raise_exception=True)
@require_POST
def test(request: HttpRequest, pk: UUID) -> HttpResponse:
    destination = get_object_or_404(keeping.all_destinations(), pk=pk)
    opens_server = paths.files_credential(destination)
    for credential in filter(None, (destination.credential, destination.sftp_credential)):
        where = {"folder": paths.file_choices(destination).folder} if credential == opens_server else {}
        _test(request, destination, credential, where)
    return redirect("destinations:detail", pk)


def _test(
    request: HttpRequest, destination: Destination, credential: Credential, where: dict[str, str]
) -> None:
    try:
        opened = probes.test(credential, by=request.user, **where)
    except (probes.ProbeFailed, VaultError) as failed:
        messages.error(request, str(failed))
    else:
        told = f"“{destination}” opens {opened.account_name} ({opened.account_id}). {opened.detail}"
        messages.success(request, told.strip())
        if opened.missing:
            messages.warning(
                request, f"The key lacks scopes: {', '.join(opened.missing)}. Add them in Klaviyo."
            )


@permission_required("destinations.add_datatemplate", raise_exception=True)
@require_http_methods(["GET", "POST"])
def add_template(request: HttpRequest, pk: UUID) -> HttpResponse:
    destination = get_object_or_404(Destination, pk=pk)
    form = TemplateForm(request.POST or None, destination=destination)
    plugin = PLUGINS[destination.plugin]
    fields = FieldFormSet(request.POST or None, prefix="fields", plugin=plugin)
    valid = request.method == "POST" and form.is_valid() and fields.is_valid()
    if valid and form.way_is_open(fields.mapping()):
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
