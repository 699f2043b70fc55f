"""The small signs of a page: icons, times, numbers and ids that can be copied."""

import re
from datetime import datetime

from django import template
from django.forms import BoundField
from django.template import Context
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from workflows.estimate import duration as told_duration

register = template.Library()

NOTHING = "–"
UNITS = ((86_400, "day"), (3_600, "h"), (60, "min"), (1, "s"))
JUST_NOW_SECONDS = 5
_UNIT = re.compile(r"( (?:s|min|h)\b ?)")


@register.simple_tag
def icon(name: str) -> SafeString:
    """Draw one symbol of `static/icons.svg`; it says nothing aloud, the word beside it does."""
    return format_html(
        '<svg class="icon" aria-hidden="true"><use href="{}#{}"></use></svg>', static("icons.svg"), name
    )


@register.simple_tag
def crumb(label: object, url: str = "", *, section: bool = False) -> SafeString:
    """One step of the path at the top: a link, a section without a page of its own, or this page."""
    if url:
        inner = format_html('<a href="{}">{}</a>', url, label)
    else:
        inner = format_html("<span{}>{}</span>", "" if section else mark_safe(' aria-current="page"'), label)
    return format_html("<li>{}{}</li>", icon("chev"), inner)


@register.simple_tag(takes_context=True)
def querystring_with(context: Context, name: str, value: str) -> str:
    """The address's own parameters with `name` set to `value`, from the first page on."""
    return _changed(context, **{name: value})


@register.simple_tag(takes_context=True)
def querystring_without(context: Context, name: str) -> str:
    """The address's own parameters without `name`, from the first page on."""
    return _changed(context, **{name: ""})


def _changed(context: Context, **given: str) -> str:
    asked = context["request"].GET.copy()
    for name, value in {"page": "", "version": "", **given}.items():
        asked.pop(name, None)
        if value:
            asked[name] = value
    return f"?{asked.urlencode()}" if asked else ""


@register.filter
def n(value: float | str | None) -> str:
    """Write a number with its thousands apart; None, or what a template could not find, is a dash."""
    return f"{value:,}" if isinstance(value, int | float) else NOTHING


@register.filter
def duration(seconds: float | None) -> str:
    return NOTHING if seconds is None else told_duration(seconds)


@register.filter
def large_duration(seconds: float | None) -> SafeString:
    """A duration for a figure: the numbers large, their units small."""
    told = _UNIT.sub(r"<small>\1</small>", duration(seconds))
    return mark_safe(told)  # noqa: S308 - digits and units of our own


@register.filter
def percent(share: float | None) -> str:
    """Write a share (0.0 to 1.0) in whole percent."""
    return NOTHING if share is None else f"{share:.0%}"


@register.filter
def share(share: float | None) -> str:
    """Write a share (0.0 to 1.0) in percent with its tenth, and never round up to all of it."""
    if share is None:
        return NOTHING
    return f"{min(share, 0.999):.1%}" if share < 1 else "100%"


@register.filter
def when(moment: datetime | None) -> str:
    """Write a moment in full, with its zone: “20 November 2026, 11:42:10 UTC”."""
    if moment is None:
        return NOTHING
    local = timezone.localtime(moment)
    return f"{local.day} {local:%B %Y, %H:%M:%S %Z}"


@register.filter
def clock(moment: datetime | None) -> str:
    """Write the time of day, with the date when that is not today."""
    if moment is None:
        return NOTHING
    local = timezone.localtime(moment)
    if local.date() == timezone.localtime().date():
        return f"{local:%H:%M}"
    return f"{local.day} {local:%b %H:%M}"


@register.simple_tag
def ago(moment: datetime | None) -> SafeString | str:
    """Say how long ago, the full moment on hover; the page's script keeps it true while it stands open."""
    if moment is None:
        return NOTHING
    return format_html(
        '<time class="nowrap" datetime="{}" title="{}" data-ago>{}</time>',
        moment.isoformat(),
        when(moment),
        _ago((timezone.now() - moment).total_seconds()),
    )


def _ago(seconds: float) -> str:
    if seconds < JUST_NOW_SECONDS:
        return "just now"
    size, unit = next((size, unit) for size, unit in UNITS if seconds >= size)
    number = int(seconds // size)
    if unit == "day" and number != 1:
        unit = "days"
    return f"{number} {unit} ago"


@register.simple_tag
def copyable(value: object, label: str = "") -> SafeString:
    """Show an id that one press copies; `label` is what is shown when the whole id is too long."""
    return format_html(
        '<button class="copy" type="button" data-copy="{}" title="{}" aria-label="Copy {}">'
        "<span>{}</span>{}</button>",
        value,
        value,
        value,
        label or value,
        icon("copy"),
    )


@register.filter
def meaning(code: str | None) -> str:
    """Say what a column means: `external_id` is “external id”."""
    return {"email": "e-mail"}.get(code or "", (code or "").replace("_", " "))


@register.filter
def short(value: object) -> str:
    """The first eight characters of an id: enough to tell rows apart on a page."""
    return str(value)[:8]


@register.filter
def is_tick(field: BoundField) -> bool:
    """Whether a form field is a single box to tick."""
    return getattr(field.field.widget, "input_type", "") == "checkbox"
