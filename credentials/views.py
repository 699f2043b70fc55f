"""The doors of this room: secrets go in, none comes out."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from credentials import keeping, probes, vault
from credentials.forms import CredentialForm, ReplaceForm
from credentials.models import Credential


@require_GET
def listed(request: HttpRequest) -> HttpResponse:
    return render(request, "credentials/list.html", {"credentials": keeping.all_credentials()})


@sensitive_post_parameters("secret")
@permission_required("credentials.add_credential", raise_exception=True)
@require_http_methods(["GET", "POST"])
def add(request: HttpRequest) -> HttpResponse:
    form = CredentialForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        credential = form.save(commit=False)
        keeping.add(credential, form.cleaned_data["secret"], by=request.user)
        messages.success(request, f"Credential “{credential}” was added. Test it to see what it opens.")
        return redirect("credentials:detail", credential.pk)
    return render(request, "credentials/add.html", {"form": form})


@require_GET
def detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    credential = get_object_or_404(keeping.all_credentials(), pk=pk)
    return _page(request, credential, ReplaceForm(kind=credential.kind))


@sensitive_post_parameters("secret")
@permission_required("credentials.change_credential", raise_exception=True)
@require_POST
def replace_secret(request: HttpRequest, pk: UUID) -> HttpResponse:
    credential = get_object_or_404(keeping.all_credentials(), pk=pk)
    form = ReplaceForm(request.POST, kind=credential.kind)
    if not form.is_valid():
        return _page(request, credential, form)
    try:
        changed = keeping.replace(credential, form.cleaned_data["secret"], by=request.user)
    except vault.StaleCredential as stale:
        messages.error(request, str(stale))
    else:
        told = "was replaced. Test it." if changed else "is the one that was stored already."
        messages.success(request, f"The secret of “{credential}” {told}")
    return redirect("credentials:detail", pk)


@permission_required("credentials.change_credential", raise_exception=True)
@require_POST
def test(request: HttpRequest, pk: UUID) -> HttpResponse:
    credential = get_object_or_404(Credential, pk=pk)
    try:
        opened = probes.test(credential, by=request.user)
    except (probes.ProbeFailed, vault.VaultError) as failed:
        messages.error(request, str(failed))
    else:
        messages.success(request, f"“{credential}” opens {opened.account_name} ({opened.account_id}).")
        if opened.missing:
            messages.warning(
                request, f"The key lacks scopes: {', '.join(opened.missing)}. Add them in Klaviyo."
            )
    return redirect("credentials:detail", pk)


def _page(request: HttpRequest, credential: Credential, form: ReplaceForm) -> HttpResponse:
    facts = {"credential": credential, "form": form, "can_test": probes.can_test(credential.kind)}
    return render(request, "credentials/detail.html", facts)
