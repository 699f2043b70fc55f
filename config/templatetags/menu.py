"""The menu at the side: only pages that exist, with the number of workflows that need a decision."""

from dataclasses import dataclass

from django import template
from django.template import Context
from django.urls import reverse

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
    ("Operate", (("workflows:list", "flow", "Workflows"),)),
)


@register.inclusion_tag("_menu.html", takes_context=True)
def menu(context: Context) -> dict[str, object]:
    path = context["request"].path
    counts = {"workflows:list": waiting_for_a_decision()}
    return {
        "sections": [
            (title, [_entry(*page, path=path, counts=counts) for page in pages]) for title, pages in SECTIONS
        ]
    }


def _entry(name: str, icon: str, label: str, *, path: str, counts: dict[str, int]) -> Entry:
    url = reverse(name)
    here = path == url if name == "overview" else path.startswith(url)
    return Entry(url, icon, label, here, counts.get(name, 0))
