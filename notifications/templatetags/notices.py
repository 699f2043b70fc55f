"""Notices on pages of rooms that know nothing of them: the bell, the pane, and how they are told."""

from typing import Any
from uuid import UUID

from django import template
from django.template import Context
from django.utils import timezone

from notifications import reading, wishes
from notifications.faults import sentence
from notifications.forms import WishForm
from notifications.models import Kind, Telling
from notifications.wishes import Wish

register = template.Library()

IN_A_PANE = 5
SIGNS = {
    Kind.TROUBLE: ("alert", "bad"),
    Kind.CIRCUIT: ("key", "bad"),
    Kind.INACTIVE: ("pause", "bad"),
    Kind.APPROVAL: ("pause", "warn"),
    Kind.ISSUES: ("half", "warn"),
    Kind.REQUEST: ("users", "accent"),
    Kind.RECOVERED: ("check", "ok"),
}


@register.inclusion_tag("notifications/_bell.html", takes_context=True)
def bell(context: Context) -> dict[str, Any]:
    request = context["request"]
    counted = getattr(request, "unread_notices", None)
    return {"unread": reading.count_unread(request.user) if counted is None else counted}


@register.inclusion_tag("notifications/_pane.html", takes_context=True)
def notices_of(context: Context, destination: Any = None) -> dict[str, Any]:
    """The newest notices about one destination, or about any."""
    user = context["request"].user
    if destination is None:
        notices = reading.of_destinations(user)
    else:
        notices = reading.of_destination(user, destination.pk, destination.account_id)
    return {"notices": list(notices[:IN_A_PANE]), "one": destination is not None}


@register.filter
def sign(kind: str) -> str:
    """The symbol of a kind of notice."""
    return SIGNS[Kind(kind)][0]


@register.filter
def tone(kind: str) -> str:
    return SIGNS[Kind(kind)][1]


@register.filter
def why(code: str) -> str:
    """Why a message was not taken."""
    return sentence(code)


@register.simple_tag
def all_wishes() -> dict[UUID, Wish]:
    return wishes.wishes(now=timezone.now())


@register.inclusion_tag("notifications/_telling.html", takes_context=True)
def telling(context: Context, orchestration: Any, found: dict[UUID, Wish]) -> dict[str, Any]:
    """How one orchestration's notices are told, with a form to change it."""
    wish = found.get(orchestration.pk, Wish(Telling.IMMEDIATE))
    chosen = WishForm.chosen(wish, now=timezone.now())
    form = WishForm(initial={"telling": chosen}, auto_id=f"telling-{orchestration.pk}-%s")
    return {
        "orchestration": orchestration,
        "wish": wish,
        "is_muted": wish.telling == Telling.MUTED,
        "is_gathered": wish.telling == Telling.DIGEST,
        "form": form,
        "perms": context["perms"],
        "csrf_token": context["csrf_token"],
    }
