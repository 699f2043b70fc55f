"""The doors of this room: secrets go in, none comes out."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from credentials import addresses, host_keys, keeping, presented, probes, ssh_keys, vault
from credentials.forms import MAKE, AddressForm, CredentialForm, HostKeyForm, replace_form
from credentials.host_keys import Pin
from credentials.models import Credential, CredentialKind


@require_GET
def listed(request: HttpRequest) -> HttpResponse:
    return render(request, "credentials/list.html", {"credentials": keeping.all_credentials()})


_SECRETS = ("secret", "private_key", "passphrase")


@sensitive_post_parameters(*_SECRETS)
@permission_required("credentials.add_credential", raise_exception=True)
@require_http_methods(["GET", "POST"])
def add(request: HttpRequest) -> HttpResponse:
    kind = request.GET.get("kind", "")
    initial = {"kind": kind if kind in CredentialKind.values else CredentialKind.KLAVIYO_API_KEY}
    form = CredentialForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        credential = form.save(commit=False)
        given = form.cleaned_data
        keeping.add(credential, given["secret"], passphrase=given.get("passphrase") or None, by=request.user)
        messages.success(request, f"Credential “{credential}” was added. {_next_step(credential)}")
        return redirect("credentials:detail", credential.pk)
    return render(request, "credentials/add.html", {"form": form})


@require_GET
def detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    return _page(request, get_object_or_404(keeping.all_credentials(), pk=pk))


@sensitive_post_parameters(*_SECRETS)
@permission_required("credentials.change_credential", raise_exception=True)
@require_POST
def replace_secret(request: HttpRequest, pk: UUID) -> HttpResponse:
    credential = get_object_or_404(keeping.all_credentials(), pk=pk)
    form = replace_form(credential.kind, request.POST)
    if not form.is_valid():
        return _page(request, credential, form=form)
    given = form.cleaned_data
    try:
        changed = keeping.replace(
            credential, given["secret"], passphrase=given.get("passphrase") or None, by=request.user
        )
    except vault.StaleCredential as stale:
        messages.error(request, str(stale))
    else:
        made = credential.is_ssh_key and given["origin"] in ("", MAKE) and not given["private_key"]
        messages.success(request, _replaced(credential, changed=changed, made=made))
    return redirect("credentials:detail", pk)


@permission_required("credentials.change_credential", raise_exception=True)
@require_POST
def readdress(request: HttpRequest, pk: UUID) -> HttpResponse:
    credential = _ssh_key(pk)
    form = AddressForm(request.POST, kind=credential.kind)
    if not form.is_valid():
        return _page(request, credential, address_form=form)
    had_pins = bool(host_keys.pinned(credential))
    changed = keeping.readdress(credential, form.address, by=request.user)
    told = f"“{credential}” is used at {form.address} now." if changed else "Nothing was different."
    if had_pins and not host_keys.pinned(credential):
        told += " That is another server: its key is to be compared and accepted."
    messages.success(request, told)
    return redirect("credentials:detail", pk)


@permission_required("credentials.change_credential", raise_exception=True)
@require_POST
def test(request: HttpRequest, pk: UUID) -> HttpResponse:
    credential = get_object_or_404(Credential, pk=pk)
    presented.forget(request, credential)
    try:
        opened = probes.test(credential, by=request.user)
    except (probes.HostKeyUnknown, probes.HostKeyChanged) as asked:
        presented.hold(request, credential, Pin(asked.type, asked.fingerprint))
    except (probes.ProbeFailed, vault.VaultError) as failed:
        messages.error(request, str(failed))
    else:
        messages.success(
            request, f"“{credential}” opens {opened.account_name} ({opened.account_id}). {opened.detail}"
        )
        if opened.missing:
            messages.warning(
                request, f"The key lacks scopes: {', '.join(opened.missing)}. Add them in Klaviyo."
            )
    return redirect("credentials:detail", pk)


@permission_required("credentials.change_credential", raise_exception=True)
@require_POST
def accept_host_key(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Pin what the server presented to the last test, and nothing else."""
    credential = _ssh_key(pk)
    shown = presented.by_server(request, credential)
    if shown is None:
        messages.error(request, "Nothing waits to be accepted. Test again to see the key of the server.")
        return redirect("credentials:detail", pk)
    form = HostKeyForm(request.POST, presented=shown, changed=bool(host_keys.pinned(credential)))
    if not form.is_valid():
        return _page(request, credential, host_key_form=form)
    replace = form.cleaned_data.get("replace", False)
    host_keys.accept(
        credential, type=shown.type, fingerprint=shown.fingerprint, by=request.user, replace=replace
    )
    presented.forget(request, credential)
    messages.success(request, "The key of the server is pinned. Test again to see what the key opens.")
    return redirect("credentials:detail", pk)


def _ssh_key(pk: UUID) -> Credential:
    ssh_kinds = (CredentialKind.KLAVIYO_SFTP, CredentialKind.SFTP)
    return get_object_or_404(keeping.all_credentials().filter(kind__in=ssh_kinds), pk=pk)


def _page(request: HttpRequest, credential: Credential, **forms: Form) -> HttpResponse:
    """Show the page of a credential; a form that was refused comes back with its reasons."""
    facts: dict[str, Any] = {"credential": credential, "can_test": probes.can_test(credential.kind)}
    facts["form"] = replace_form(credential.kind)
    if credential.is_ssh_key:
        facts |= _about_server(request, credential)
    return render(request, "credentials/detail.html", facts | forms)


def _about_server(request: HttpRequest, credential: Credential) -> dict[str, Any]:
    address = addresses.read(credential.kind, credential.settings)
    shown = presented.by_server(request, credential)
    pins = host_keys.entries(credential)
    changed = bool(pins)
    return {
        "address": address,
        "address_form": AddressForm(kind=credential.kind, initial=address.as_settings()),
        "fingerprint": ssh_keys.fingerprint(credential.public_key) if credential.public_key else "",
        "pins": [{**pin, "accepted_at": datetime.fromisoformat(pin["accepted_at"])} for pin in pins],
        "presented": shown,
        "changed": changed,
        "host_key_form": HostKeyForm(presented=shown, changed=changed) if shown else None,
    }


def _next_step(credential: Credential) -> str:
    if credential.is_ssh_key:
        return "Give its public key to the server, then test it."
    return "Test it to see what it opens."


def _replaced(credential: Credential, *, changed: bool, made: bool) -> str:
    if not changed:
        return f"The secret of “{credential}” is the one that was stored already."
    if made:
        return f"“{credential}” has a new key pair. Give its public key to the server, then test it."
    return f"The secret of “{credential}” was replaced. Test it."
