"""The menu at the side: only pages that exist, with what waits for a person on them."""

from dataclasses import dataclass

from django import template
from django.template import Context
from django.urls import reverse

from notifications.reading import count_unread
from workflows.history import waiting_for_a_decision

register = template.Library()


@dataclass(frozen=True)
class Entry:
    """`here` when the page that is shown belongs to this entry."""

    url: str
    icon: str
    label: str
    here: bool
    count: int = 0
    counted: str = ""


SECTIONS = (
    ("", (("overview", "home", "Overview"),)),
    (
        "Activate",
        (("workflows:orchestrations", "clock", "Orchestrations"), ("audiences:queries", "query", "Queries")),
    ),
    (
        "Connect",
        (("destinations:list", "plug", "Destinations"), ("credentials:list", "key", "Credentials")),
    ),
    (
        "Operate",
        (("workflows:list", "flow", "Workflows"), ("notifications:list", "bell", "Notifications")),
    ),
)


@register.inclusion_tag("_menu.html", takes_context=True)
def menu(context: Context) -> dict[str, object]:
    path = context["request"].path
    # A page that has counted them already says so.
    waiting = context["waiting"] if "waiting" in context else waiting_for_a_decision()
    counts = {
        "workflows:list": (waiting, "need a decision"),
        "notifications:list": (_unread(context), "unread"),
    }
    return {
        "sections": [
            (title, [_entry(*page, path=path, counts=counts) for page in pages]) for title, pages in SECTIONS
        ]
    }


def _unread(context: Context) -> int:
    request = context["request"]
    # The bell at the top tells the same number, and need not count again.
    request.unread_notices = count_unread(request.user)
    return request.unread_notices


def _entry(name: str, icon: str, label: str, *, path: str, counts: dict[str, tuple[int, str]]) -> Entry:
    url = reverse(name)
    here = path == url if name == "overview" else path.startswith(url)
    return Entry(url, icon, label, here, *counts.get(name, (0, "")))
