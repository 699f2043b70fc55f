"""The doors of this room: the notices, the bell, the channels they are sent by, and how they are told."""

from datetime import datetime
from typing import cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.models import User
from credentials.vault import RefusedSecret, StaleCredential
from notifications import channels as kept
from notifications import reading, sending, wishes
from notifications.faults import Fault, sentence
from notifications.forms import ChannelForm, ReadForm, WishForm
from notifications.models import Channel, Notification

PAGE_SIZE = 50
CHANGE = "notifications.change_channel"
_SECRETS = ("recipients", "url")


@require_GET
def listed(request: HttpRequest) -> HttpResponse:
    user = _user(request)
    show_all = request.GET.get("show") == "all"
    notices = reading.everything(user) if show_all else reading.unread(user)
    facts = {
        "page": Paginator(notices, PAGE_SIZE).get_page(request.GET.get("page")),
        "show_all": show_all,
        "unread": reading.count_unread(user),
        "has_any": Notification.objects.exists(),
        "has_channel": Channel.objects.exists(),
        "now": timezone.now(),
    }
    return render(request, "notifications/list.html", facts)


@require_GET
def bell(request: HttpRequest) -> HttpResponse:
    """The bell again; 204 while the number that the page shows is right."""
    unread = reading.count_unread(_user(request))
    seen = request.GET.get("seen", "")
    if seen == str(unread):
        return HttpResponse(status=204)
    more = max(0, unread - int(seen)) if seen.isdecimal() and len(seen) < 6 else 0
    return render(request, "notifications/_bell.html", {"unread": unread, "more": more, "swapped": True})


@require_GET
def followed(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Lead to what a notice is about; whoever goes there has read it."""
    notice = get_object_or_404(Notification, pk=pk)
    reading.mark(_user(request), [notice.pk], at=timezone.now())
    is_ours = url_has_allowed_host_and_scheme(notice.path, allowed_hosts=None)
    return redirect(notice.path if notice.path and is_ours else "notifications:list")


@require_POST
def read(request: HttpRequest) -> HttpResponse:
    """Note that one notice is read, or all that the page knew of."""
    user, now = _user(request), timezone.now()
    if request.POST.get("notice"):
        reading.mark(user, [get_object_or_404(Notification, pk=_uuid(request.POST["notice"])).pk], at=now)
    else:
        _read_everything(request, now)
    show = "?show=all" if request.POST.get("show") == "all" else ""
    answer = redirect("notifications:list")
    answer["Location"] += show
    return answer


def _read_everything(request: HttpRequest, now: datetime) -> None:
    form = ReadForm(request.POST)
    if form.is_valid():
        reading.mark_everything(_user(request), until=form.cleaned_data["until"] or now, at=now)
    else:
        messages.error(request, "Nothing was marked as read: the page was not sent as it was made.")


@require_GET
def channels(request: HttpRequest) -> HttpResponse:
    facts = {"channels": kept.every_channel(), "to_files": sending.writes_to_files()}
    return render(request, "notifications/channels.html", facts)


@sensitive_post_parameters(*_SECRETS)
@permission_required("notifications.add_channel", raise_exception=True)
@require_http_methods(["GET", "POST"])
def add(request: HttpRequest) -> HttpResponse:
    form = ChannelForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        channel = form.save(commit=False)
        try:
            kept.add(channel, form.cleaned_data["place"], by=_user(request))
        except RefusedSecret as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, f"Channel “{channel}” was added. Next: send a test, and see it arrive.")
            return redirect("notifications:channels")
    return render(
        request, "notifications/channel.html", {"form": form, "to_files": sending.writes_to_files()}
    )


@sensitive_post_parameters(*_SECRETS)
@permission_required(CHANGE, raise_exception=True)
@require_http_methods(["GET", "POST"])
def change(request: HttpRequest, pk: UUID) -> HttpResponse:
    channel = get_object_or_404(Channel.objects.select_related("credential"), pk=pk)
    form = ChannelForm(request.POST or None, instance=channel)
    if request.method == "POST" and form.is_valid():
        try:
            kept.change(form.save(commit=False), form.cleaned_data["place"], by=_user(request))
        except RefusedSecret as refused:
            form.add_error(None, str(refused))
        except StaleCredential:
            form.add_error(None, "Somebody else has changed where it sends to meanwhile. Enter it again.")
        else:
            messages.success(request, f"Channel “{channel}” was changed.")
            return redirect("notifications:channels")
    facts = {"form": form, "channel": channel, "to_files": sending.writes_to_files()}
    return render(request, "notifications/channel.html", facts)


@permission_required(CHANGE, raise_exception=True)
@require_POST
def try_out(request: HttpRequest, pk: UUID) -> HttpResponse:
    channel = get_object_or_404(Channel.objects.select_related("credential"), pk=pk)
    fault = kept.try_out(channel, by=_user(request))
    if fault != Fault.NONE:
        messages.error(request, f"The test of “{channel}” was not taken. {sentence(fault)}")
    elif channel.kind == "email" and sending.writes_to_files():
        messages.warning(request, "The test was written to a file: no mail server is named in EMAIL_URL.")
    else:
        messages.success(request, f"The test of “{channel}” was taken. Look whether it arrived.")
    return redirect("notifications:channels")


@permission_required("notifications.delete_channel", raise_exception=True)
@require_POST
def remove(request: HttpRequest, pk: UUID) -> HttpResponse:
    channel = get_object_or_404(Channel.objects.select_related("credential"), pk=pk)
    kept.remove(channel, by=_user(request))
    messages.success(request, f"Channel “{channel.name}” was removed. Nothing more is sent by it.")
    return redirect("notifications:channels")


@permission_required("notifications.change_preference", raise_exception=True)
@require_POST
def tell(request: HttpRequest, about: UUID) -> HttpResponse:
    """Keep how the notices of one orchestration are told."""
    form, now = WishForm(request.POST), timezone.now()
    if form.is_valid():
        wishes.prefer(about, form.wish(now=now), by=_user(request), now=now)
        messages.success(request, "Kept how its notifications are told.")
    else:
        messages.error(request, "Choose one of the ways that are offered.")
    return redirect("workflows:orchestrations")


def _user(request: HttpRequest) -> User:
    """Who is signed in; the middleware lets nobody else come here."""
    return cast(User, request.user)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
