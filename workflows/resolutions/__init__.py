"""Resolutions: the ways out of what a workflow came to, offered in numbers and carried out in place."""

import logging
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from django.db import transaction
from django.db.models import F

from accounts import activity
from workflows.catalogue import entry, ways_of_reason
from workflows.clock import Clock, DatabaseClock
from workflows.lifecycle import tell
from workflows.models import Workflow
from workflows.moves import State
from workflows.resolutions import (
    access,
    accounts,
    affected,
    columns,
    common,
    keys,
    lists,
    paces,
    plans,
    profiles,
    questions,
    rows,
    servers,
    surveys,
    uploads,
)
from workflows.resolutions.going_on import FROM_ELSEWHERE, followers, is_of_the_same_list, told_when_old
from workflows.resolutions.offers import (
    Answers,
    Field,
    Kind,
    NotAllowed,
    NotOffered,
    Person,
    Preview,
    Refused,
    Resolution,
    Resolved,
    Trouble,
    Way,
)

__all__ = [
    "WAYS",
    "Answers",
    "Field",
    "NotAllowed",
    "NotOffered",
    "Person",
    "Preview",
    "Refused",
    "Resolution",
    "Resolved",
    "followers",
    "offered",
    "preview",
    "resolve",
]

log = logging.getLogger(__name__)

MODULES = (
    common,
    uploads,
    keys,
    accounts,
    lists,
    surveys,
    servers,
    plans,
    rows,
    columns,
    profiles,
    questions,
    access,
    paces,
)
WAYS: dict[str, Way] = {way.name: way for module in MODULES for way in module.WAYS}
# Offered after those of the catalogue wherever they fit.
ALWAYS = ("retry", "restart", "discard")


def offered(workflow: Workflow, reason: str = "") -> list[Resolution]:
    """Return the ways out of what a workflow came to, the likeliest first; empty when there is none.

    With a `reason` of those it set aside, such as `phone_no_country`: the ways out of that one.
    """
    return [resolution for _, resolution in _offered(_trouble(workflow, reason))]


def preview(
    workflow: Workflow, name: str, answers: Answers, *, reason: str = "", by: Person | None = None
) -> Preview:
    """Return what these answers would do; nothing is changed. Raises NotOffered and Refused."""
    trouble = _trouble(workflow, reason)
    way, resolution = _chosen(trouble, name)
    _allow(by, resolution)
    if way.preview is None:
        raise NotOffered("This way out has nothing to try out.")
    return way.preview(trouble, answers)


def resolve(
    workflow: Workflow,
    name: str,
    answers: Answers | None = None,
    *,
    by: Person,
    reason: str = "",
    seen: int | None = None,
    clock: Clock | None = None,
) -> Resolved:
    """Take a way out: try what must work, then carry it out, with an entry of who decided what.

    `seen` is the `row_version` the page was made of. Raises Refused when an answer will not do or the probe
    fails, NotOffered when the way out is not open (any more), CannotStart when no run can be started now.
    """
    clock, answers = clock or DatabaseClock(), answers or Answers()
    trouble = _trouble(workflow, reason)
    if seen is not None and seen != workflow.row_version:
        raise NotOffered("This workflow has moved on since the page was shown. Look at what it says now.")
    way, resolution = _chosen(trouble, name)
    _allow(by, resolution)
    _check(resolution.fields, answers)
    probed = way.probe(trouble, answers, clock)
    with transaction.atomic():
        _still_open(trouble, name)
        resolved = way.apply(trouble, answers, probed, by, clock)
        # Whoever has the page as it was before is told so, also where nothing else has moved.
        Workflow.objects.filter(pk=workflow.pk).update(row_version=F("row_version") + 1)
        facts: Mapping[str, object] = {"resolution": name, "code": trouble.code, **resolved.facts}
        message = f"{by.name} chose “{resolution.label}”. {resolved.note}"
        tell(workflow, "decision", now=clock.now(), actor=by.name, message=message, decided=dict(facts))
        activity.record(by.user, "resolved", workflow, **facts)
    workflow.refresh_from_db(fields=["row_version"])
    return resolved


def _still_open(trouble: Trouble, name: str) -> None:
    """Hold the workflow's row, so that of many who press in the same moment one is the first.

    Raises NotOffered when somebody else was.
    """
    seen = trouble.workflow
    held = Workflow.objects.select_for_update().filter(pk=seen.pk, row_version=seen.row_version).first()
    if held is None or name not in {way.name for way, _ in _offered(_trouble(held, trouble.reason))}:
        raise NotOffered("Someone else decided about this a moment ago. Look at what the workflow says now.")


def _trouble(workflow: Workflow, reason: str) -> Trouble:
    return Trouble(workflow, workflow.code, reason)


def _offered(trouble: Trouble) -> list[tuple[Way, Resolution]]:
    workflow = trouble.workflow
    if not (affected.is_known(trouble) if trouble.reason else trouble.code):
        return []
    if followers(workflow).exists():
        # Someone has taken one already; its run tells the rest.
        return []
    listed = ways_of_reason(trouble.reason) if trouble.reason else entry(trouble.code).resolutions
    names = listed if trouble.reason else (*listed, *(name for name in ALWAYS if name not in listed))
    if not is_of_the_same_list(workflow):
        # Its orchestration feeds another list by now. What waits is not left without any way out.
        names = FROM_ELSEWHERE if workflow.state == State.PAUSED and not trouble.reason else ()
    found = [(WAYS[name], _offer(WAYS[name], trouble)) for name in names if name in WAYS]
    return [(way, resolution) for way, resolution in found if resolution is not None]


def _offer(way: Way, trouble: Trouble) -> Resolution | None:
    """Ask one way out whether it fits; one that fails leaves the others to be taken, and is logged."""
    try:
        found = way.offer(trouble)
        old = told_when_old(trouble, way.name, DatabaseClock()) if found else ""
        return replace(found, effect=f"{found.effect}{old}") if found and old else found
    except Exception as error:
        # The text of an unknown error may hold a person's data, so the log gets its kind and place alone.
        place = traceback.extract_tb(error.__traceback__)[-1]
        told = {"workflow": str(trouble.workflow.pk), "resolution": way.name, "kind": type(error).__name__}
        where = f"{Path(place.filename).name}:{place.lineno}"
        log.error("a resolution could not be offered", extra={**told, "reason": where})
        return None


def _chosen(trouble: Trouble, name: str) -> tuple[Way, Resolution]:
    for way, resolution in _offered(trouble):
        if way.name == name:
            return way, resolution
    raise NotOffered("This way out is not open any more. Look at what the workflow says now.")


def _allow(person: Person | None, resolution: Resolution) -> None:
    if person and not person.may(resolution.permission):
        raise NotAllowed("Your account may not do this. Ask the person who runs Rollcall.")


def _check(fields: Sequence[Field], answers: Answers) -> None:
    for field in fields:
        given = [text for text in answers.many(field.name) if text.strip()]
        if not given:
            # A number or a text that was not given is the one that stood there.
            if field.required and not field.value:
                raise Refused(f"{field.label} is needed.", field=field.name)
            continue
        _check_given(field, given, answers)


def _check_given(field: Field, given: Sequence[str], answers: Answers) -> None:
    if field.kind in (Kind.CHOICE, Kind.CHOICES):
        open_ones = {choice.value for choice in field.choices if not choice.blocked}
        if not set(given) <= open_ones:
            raise Refused("Choose from what is there.", field=field.name)
    if field.kind == Kind.TYPED and given[0] != field.expected:
        raise Refused(f"Type {field.expected} to go on.", field=field.name)
    if field.kind == Kind.NUMBER:
        number = answers.number(field.name)
        low, high = field.minimum, field.maximum
        if (low is not None and number < low) or (high is not None and number > high):
            raise Refused(f"Enter a number between {low:,} and {high:,}.", field=field.name)
