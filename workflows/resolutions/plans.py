"""Ways out of a plan that a guard holds: approve exactly it, or another limit for good."""

from dataclasses import replace

from accounts import activity
from workflows import decisions
from workflows.clock import Clock
from workflows.durations import duration
from workflows.guards import NUMBERS, Change, Limits, letting_pass, objections
from workflows.models import Orchestration, Workflow
from workflows.moves import State
from workflows.resolutions.going_on import resume
from workflows.resolutions.offers import (
    Answers,
    Field,
    Kind,
    NotAllowed,
    NotOffered,
    Person,
    Refused,
    Resolution,
    Resolved,
    Trouble,
    Way,
)
from workflows.resolutions.permissions import APPROVES, KEEPS_ORCHESTRATIONS
from workflows.steps.compare import change_of
from workflows.words import counted, people

PERCENT = ("max_removed_share", "max_not_loaded_share")
MOST = 1_000_000_000
MANY = 1_000
SURE = "sure"
_LABELS = {
    "max_removed_share": ("Removed at most, in % of the list", "Of everybody who is on it."),
    "max_removed": ("Removed at most, in people", ""),
    "max_not_loaded_share": ("Rows not loaded at most, in % of the query", ""),
    "max_flow_adds": ("Added to a list with live flows at most, in people", ""),
}


def _held(workflow: Workflow) -> bool:
    return workflow.state == State.PAUSED and workflow.code in decisions.FOR_A_PLAN and bool(workflow.plan)


def _objected(workflow: Workflow) -> set[str]:
    return {each["code"] for each in workflow.error.get("objections", [])}


# -- exactly this plan


def _offer_approve(trouble: Trouble) -> Resolution | None:
    workflow = trouble.workflow
    if not _held(workflow):
        return None
    plan = workflow.plan
    adds, removes, updates = (plan.get(name, 0) for name in ("adds", "removes", "updates"))
    calls = sum(plan.get("calls", {}).values())
    typed = sure(workflow)
    return Resolution(
        "approve",
        "Approve exactly this plan",
        f"Adds {people(adds)} to “{workflow.list_name}”, removes {removes:,} and updates {updates:,}, in "
        f"about {duration(workflow.estimate_seconds or 0)} and {counted(calls, 'request')}. The approval "
        "is for these people alone and lasts a day.",
        steps=("Look at the numbers", "Rollcall delivers exactly this plan", "Read the list back"),
        fields=(typed,) if typed else (),
        numbers=(
            ("To add", adds),
            ("To remove", removes),
            ("To update", updates),
            ("On the list now", plan.get("members", 0)),
        ),
        permission=APPROVES,
    )


def sure(workflow: Workflow) -> Field | None:
    """What must be typed before much changes at once; None for a small plan."""
    plan = workflow.plan
    if (removes := plan.get("removes", 0)) > MANY:
        label = f"Type {removes} to remove so many people"
        return Field(SURE, Kind.TYPED, label, expected=str(removes))
    if "starts_flows" in _objected(workflow):
        label = f"Type {plan['adds']} to enter so many people into flows"
        return Field(SURE, Kind.TYPED, label, expected=str(plan["adds"]))
    return None


def _approve(trouble: Trouble, answers: Answers, probed: object, person: Person, clock: Clock) -> Resolved:
    plan = pass_plan(trouble, answers, person, clock)
    return Resolved(trouble.workflow, "This plan is on its way.", {"plan": plan})


def pass_plan(trouble: Trouble, answers: Answers, person: Person, clock: Clock) -> str:
    """Approve exactly the plan that waits and return its hash. Raises NotAllowed for who may not approve."""
    workflow = trouble.workflow
    if not person.may(APPROVES):
        raise NotAllowed("Your account may not approve plans. Ask the person who runs Rollcall.")
    # A page made before the plan changed says which one it has shown.
    shown = answers.one("plan_hash") or workflow.plan_hash
    try:
        decisions.approve(workflow, plan_hash=shown, by=person.user, as_name=person.name, clock=clock)
    except decisions.Stale as stale:
        raise NotOffered(str(stale)) from stale
    return shown


# -- another limit


def _change(workflow: Workflow) -> Change | None:
    """The numbers of the plan that is held, None when they are not kept any more."""
    plan = workflow.steps.filter(kind__in=("compare", "draft"), outcome__hash=workflow.plan_hash).first()
    return change_of(workflow, plan.outcome) if plan else None


def _passing(workflow: Workflow, limits: Limits) -> Limits | None:
    change = _change(workflow)
    return letting_pass(change, limits) if change else None


def _offer_limit(trouble: Trouble) -> Resolution | None:
    workflow = trouble.workflow
    if not _held(workflow) or workflow.code != "guard":
        return None
    limits = Limits.of(workflow.config["guards"])
    passing = _passing(workflow, limits)
    if passing is None:
        return None
    changed = [name for name in NUMBERS if getattr(passing, name) != getattr(limits, name)]
    told = ", ".join(f"{_LABELS[name][0].lower()}: now {_shown(limits, name):,}" for name in changed)
    typed = sure(workflow)
    return Resolution(
        "change_limit",
        "Change the limit",
        f"Changes the limits of “{workflow.orchestration}” for good ({told}), and judges this plan anew: "
        "it passes at the numbers that stand here, and stops again below. Every later run passes up to "
        "them unasked.",
        steps=("Enter the limits", "The guard judges this plan by them", "Deliver, and read the list back"),
        fields=(*(_number(passing, name) for name in changed), *((typed,) if typed else ())),
        numbers=(("To add", workflow.plan["adds"]), ("To remove", workflow.plan.get("removes", 0))),
        permission=KEEPS_ORCHESTRATIONS,
    )


def _number(passing: Limits, name: str) -> Field:
    label, words = _LABELS[name]
    most = 100 if name in PERCENT else MOST
    return Field(
        name, Kind.NUMBER, label, help=words, value=str(_shown(passing, name)), minimum=0, maximum=most
    )


def _shown(limits: Limits, name: str) -> int:
    value = getattr(limits, name)
    return round(value * 100) if name in PERCENT else value


def _probe_limit(trouble: Trouble, answers: Answers, clock: Clock) -> dict[str, float]:
    """Return the limits as they will be. Raises Refused when this plan would still be held by them."""
    workflow = trouble.workflow
    limits = Limits.of(workflow.config["guards"])
    change, passing = _change(workflow), _passing(workflow, limits)
    if change is None or passing is None:
        raise NotOffered("No limit lets this plan pass.")
    given: dict[str, float] = {}
    for name in NUMBERS:
        if getattr(passing, name) != getattr(limits, name):
            number = answers.number(name, _shown(passing, name))
            given[name] = number / 100 if name in PERCENT else number
    if still := objections(change, replace(limits, **given)):  # type: ignore[arg-type]  # numbers by their names
        raise Refused(still[0].sentence, field=next(iter(given), ""))
    return given


def _change_limit(
    trouble: Trouble, answers: Answers, probed: object, person: Person, clock: Clock
) -> Resolved:
    if not isinstance(probed, dict):
        raise TypeError("limits are judged before they are kept")
    workflow = trouble.workflow
    # Read again: somebody may have changed another limit meanwhile.
    orchestration = Orchestration.objects.select_for_update().get(pk=workflow.orchestration_id)
    orchestration.guards = {**orchestration.guards, **probed}
    orchestration.save(update_fields=["guards", "updated_at"])
    activity.record(person.user, "changed", orchestration, fields=[f"guards.{name}" for name in probed])
    workflow.config = {**workflow.config, "guards": {**workflow.config["guards"], **probed}}
    workflow.save(update_fields=["config"])
    note = f"The limits are {', '.join(f'{name} {value:g}' for name, value in probed.items())} from now on."
    return Resolved(resume(trouble, person, clock), note, {"limits": probed})


WAYS = (
    Way("approve", _offer_approve, _approve),
    Way("change_limit", _offer_limit, _change_limit, probe=_probe_limit),
)
