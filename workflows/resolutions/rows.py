"""Ways out of rows that were not loaded or were refused: another rule for them, or the plan without them."""

from typing import Any

from audiences import normalise
from destinations import keeping
from destinations.models import Duplicates
from workflows.clock import Clock
from workflows.countries import NAMES
from workflows.guards import OF_ROWS
from workflows.models import Workflow
from workflows.moves import State
from workflows.resolutions import affected, masks, plans
from workflows.resolutions.affected import OF_REFUSALS, rows_of
from workflows.resolutions.going_on import resume
from workflows.resolutions.offers import (
    RESOLVE,
    Answers,
    Choice,
    Field,
    Kind,
    Person,
    Preview,
    Refused,
    Resolution,
    Resolved,
    Trouble,
    Way,
)
from workflows.resolutions.permissions import APPROVES, KEEPS_TEMPLATES, STARTS
from workflows.words import people

PHONE = "phone_number"
EXAMPLES = 5


def _fits(trouble: Trouble) -> bool:
    return affected.may_be_mended(trouble.workflow) and bool(affected.number(trouble))


def _maps_phone(workflow: Workflow) -> bool:
    template = affected.template_of(workflow)
    return template.full_profile and any(entry["target"] == PHONE for entry in template.mapping)


# -- phone numbers


def _offer_country(trouble: Trouble) -> Resolution | None:
    workflow = trouble.workflow
    if not (_fits(trouble) and _maps_phone(workflow)):
        return None
    template, query = affected.template_of(workflow), affected.query_of(workflow)
    found = affected.numbers(trouble)
    return Resolution(
        "phone_country",
        "Convert with a default country",
        f"Reads {rows_of(sum(found.values()))} with numbers of one country from now on: it becomes the "
        f"default country of the data template “{template}”.{affected.shared(template)} "
        f"{affected.then(trouble)}",
        steps=("Choose the country", "See what becomes of the numbers", "Press Resolve"),
        verb=RESOLVE,
        fields=(
            Field(
                "country",
                Kind.COUNTRY,
                "Country of numbers without a country code",
                value=template.default_country or query.default_country or "",
                choices=_countries(),
            ),
        ),
        numbers=tuple((_PHONES[reason], n) for reason, n in found.items()),
        permission=KEEPS_TEMPLATES,
        previews=True,
    )


_PHONES = {"phone_no_country": "Without a country code", "phone_invalid": "Not a phone number as written"}


def _countries() -> tuple[Choice, ...]:
    codes = normalise.calling_codes()
    return tuple(
        Choice(code, f"{name} ({codes[code]})", codes[code]) for code, name in NAMES.items() if code in codes
    )


def _country(answers: Answers) -> str:
    country = answers.one("country").strip().upper()
    if country not in normalise.calling_codes():
        raise Refused("Choose a country.", field="country")
    return country


def _read_phones(trouble: Trouble, country: str) -> tuple[list[tuple[str, str]], int, int]:
    """Return masked examples of numbers before and after, how many can be read, and how many were tried."""
    read, failed, examples, found = 0, 0, [], affected.values(trouble)
    for raw in found:
        try:
            clean = normalise.phone(raw, country)
        except normalise.Refused:
            failed += 1
            if failed <= 2:
                examples.append((masks.phone_as_written(raw), "cannot be read, stays out"))
            continue
        read += 1
        if read <= EXAMPLES:
            examples.append((masks.phone_as_written(raw), masks.phone_as_sent(clean)))
    return examples, read, len(found)


def _preview_country(trouble: Trouble, answers: Answers) -> Preview:
    country = _country(answers)
    examples, read, tried = _read_phones(trouble, country)
    told = f"{read:,} of {rows_of(tried)} can be converted; {tried - read:,} cannot and stay out."
    if tried < affected.number(trouble):
        told = f"Of the first {rows_of(tried)}: {told[0].lower()}{told[1:]}"
    return Preview(told, tuple(examples))


def _probe_country(trouble: Trouble, answers: Answers, clock: Clock) -> int:
    country = _country(answers)
    _, read, tried = _read_phones(trouble, country)
    if tried and not read:
        raise Refused(
            f"None of {rows_of(tried)} has a number of {NAMES.get(country, country)}.", field="country"
        )
    return read


def _set_country(
    trouble: Trouble, answers: Answers, probed: object, person: Person, clock: Clock
) -> Resolved:
    country, template = _country(answers), affected.template_of(trouble.workflow)
    keeping.change_template(template, by=person.account, default_country=country)
    note = f"Numbers without a country code are read as numbers of {NAMES.get(country, country)} from now on."
    run = affected.go_on(trouble, person, clock, note)
    return Resolved(run, note, {"country": country, "can_be_read": probed})


def _offer_unmap(trouble: Trouble) -> Resolution | None:
    workflow = trouble.workflow
    if not (_fits(trouble) and _maps_phone(workflow)):
        return None
    template = affected.template_of(workflow)
    return Resolution(
        "unmap_phone",
        "Do not send the phone number",
        f"Takes the phone number out of the data template “{template}” from now on, so that "
        f"{rows_of(affected.number(trouble))} can go without it. Numbers that the destination has stay there."
        f"{affected.shared(template)} {affected.then(trouble)}",
        steps=("Take the phone number out of the mapping", "Send the rows without it", "Read the list back"),
        permission=KEEPS_TEMPLATES,
    )


def _unmap(trouble: Trouble, answers: Answers, probed: object, person: Person, clock: Clock) -> Resolved:
    template = affected.locked_template(trouble.workflow)
    kept = [entry for entry in template.mapping if entry["target"] != PHONE]
    keeping.change_template(template, by=person.account, mapping=kept)
    note = "The phone number is not sent from now on."
    return Resolved(affected.go_on(trouble, person, clock, note), note)


# -- the plan as it is, without these rows


def _offer_aside(trouble: Trouble) -> Resolution | None:
    workflow, code = trouble.workflow, trouble.code
    if code in ("unconfirmed", "file_unconfirmed") and workflow.state in affected.OVER:
        return _offer_acceptance(workflow)
    if workflow.state != State.PAUSED or code not in (*OF_ROWS, *OF_REFUSALS):
        return None
    typed = plans.sure(workflow)
    out = rows_of(sum(workflow.plan.get("not_loaded", {}).values()))
    plan = (
        f"Lets exactly this plan pass: {people(workflow.plan.get('adds', 0))} to add, "
        f"{workflow.plan.get('removes', 0):,} to remove, {workflow.plan.get('updates', 0):,} to update. "
        f"{out} stay out of it. The next run asks again while it is over the limit."
    )
    if code in OF_REFUSALS:
        plan = (
            f"Goes on without {people(affected.number(trouble))} that were refused: they stay as they are, "
            f"and {workflow.plan.get('removes', 0):,} people are removed as planned. The next run tries them."
        )
    return Resolution(
        "set_aside",
        "Set these rows aside",
        plan,
        steps=("Leave these rows out", "Go on with the plan as it is", "Read the list back"),
        fields=(typed,) if typed else (),
        numbers=(("Stay out", affected.number(trouble)),),
        permission=APPROVES,
    )


def _offer_acceptance(workflow: Workflow) -> Resolution:
    missing = people(workflow.counts.get("missing", 0) or workflow.counts.get("unknown", 0))
    return Resolution(
        "set_aside",
        "Leave it as it is",
        f"Sends nothing. {missing} could not be confirmed, and stay so; the next run compares anew.",
        steps=("Note that somebody has seen it", "Compare anew in the next run"),
        permission=APPROVES,
    )


def _set_aside(trouble: Trouble, answers: Answers, probed: object, person: Person, clock: Clock) -> Resolved:
    workflow, code = trouble.workflow, trouble.code
    if workflow.state in affected.OVER:
        workflow.code = ""
        workflow.save(update_fields=["code"])
        return Resolved(workflow, "It is left as it is.")
    if code in OF_REFUSALS:
        note = f"{people(affected.number(trouble))} stay out."
        return Resolved(resume(trouble, person, clock, **{code: {"set_aside": True}}), note)
    return _pass(trouble, answers, person, clock)


def _pass(trouble: Trouble, answers: Answers, person: Person, clock: Clock) -> Resolved:
    """Let exactly the plan that waits pass, without these rows."""
    plan = plans.pass_plan(trouble, answers, person, clock)
    out = rows_of(sum(trouble.workflow.plan.get("not_loaded", {}).values()))
    return Resolved(trouble.workflow, f"The plan passes; {out} stay out.", {"plan": plan})


# -- one person in several rows


def _offer_duplicates(trouble: Trouble) -> Resolution | None:
    if not _fits(trouble):
        return None
    template = affected.template_of(trouble.workflow)
    number = affected.number(trouble)
    choices = [
        Choice(rule, Duplicates(rule).label, detail, blocked=_why_not(trouble, rule))
        for rule, detail in _RULES.items()
    ]
    first = next(choice.value for choice in choices if not choice.blocked)
    return Resolution(
        "duplicates_rule",
        "Choose which row of a person counts",
        f"{rows_of(number)} speak of a person whom another row describes differently. What you choose "
        f"becomes the rule of the data template “{template}”.{affected.shared(template)} "
        f"{affected.then(trouble)}",
        steps=("Choose the rule", "Read the rows again by it", "Read the list back"),
        fields=(Field("rule", Kind.CHOICE, "Rule", value=first, choices=tuple(choices)),),
        numbers=(("Rows put aside", number),),
        permission=KEEPS_TEMPLATES,
    )


_RULES = {
    "most_complete": "The row with the most filled fields; others that differ are named in every run.",
    "first": "The first in the order of the query: give it an ORDER BY, or the order may change.",
    "last": "The last in the order of the query: give it an ORDER BY, or the order may change.",
    "refuse": "None of a person's rows is sent; the next plan asks when these are too many.",
}


def _why_not(trouble: Trouble, rule: str) -> str:
    """The rule as it is can be chosen while a plan by it waits, unless something is to be typed before."""
    if rule != affected.template_of(trouble.workflow).duplicates:
        return ""
    if not (trouble.code == "duplicate_key" and trouble.workflow.state == State.PAUSED):
        return "It is so already"
    return (
        "It is so already. To let this plan pass, set these rows aside"
        if plans.sure(trouble.workflow)
        else ""
    )


def _set_rule(trouble: Trouble, answers: Answers, probed: object, person: Person, clock: Clock) -> Resolved:
    template, rule = affected.template_of(trouble.workflow), Duplicates(answers.one("rule"))
    if rule == template.duplicates:
        return _pass(trouble, answers, person, clock)
    keeping.change_template(template, by=person.account, duplicates=rule.value)
    note = f"Of several rows of a person, from now on: {rule.label.lower()}."
    return Resolved(affected.go_on(trouble, person, clock, note), note, {"rule": rule.value})


# -- profiles that are too large


def _offer_drop(trouble: Trouble) -> Resolution | None:
    template = affected.template_of(trouble.workflow)
    fields = [entry for entry in template.mapping if entry["target"] != affected.EMAIL]
    if not (affected.may_be_mended(trouble.workflow) and template.full_profile and fields):
        return None
    number = affected.number(trouble)
    choices = tuple(
        Choice(
            entry["target"], affected.label(template, entry["target"]), f"from the column “{entry['column']}”"
        )
        for entry in fields
    )
    return Resolution(
        "drop_fields",
        "Send fewer fields",
        f"Takes the fields you choose out of the data template “{template}” from now on, so that "
        f"{rows_of(number)} can go. What Klaviyo has in them stays there.{affected.shared(template)} "
        f"{affected.then(trouble)}",
        steps=("Choose the fields", "Send the rows without them", "Read the list back"),
        fields=(Field("fields", Kind.CHOICES, "Fields to leave out", choices=choices),),
        numbers=(("Too large", number),) if number else (),
        permission=KEEPS_TEMPLATES,
    )


def _drop(trouble: Trouble, answers: Answers, probed: object, person: Person, clock: Clock) -> Resolved:
    template, dropped = affected.locked_template(trouble.workflow), set(answers.many("fields"))
    kept = [entry for entry in template.mapping if entry["target"] not in dropped]
    keeping.change_template(template, by=person.account, mapping=kept)
    names = ", ".join(sorted(affected.label(template, target) for target in dropped))
    note = f"From now on these are not sent: {names}."
    facts: dict[str, Any] = {"fields": sorted(dropped)}
    return Resolved(affected.go_on(trouble, person, clock, note), note, facts)


# -- the rows as they are


def _offer_rerun(trouble: Trouble) -> Resolution | None:
    if not (affected.goes_alone(trouble) and affected.number(trouble)):
        return None
    return Resolution(
        "rerun_rows",
        "Run these rows again",
        f"Starts a linked run that reads {rows_of(affected.number(trouble))} as they are now and sends those "
        "that can be sent. Nobody else is touched, and nobody is removed.",
        steps=("Put the rows right at the source", "Read them again", "Send them", "Read the list back"),
        permission=STARTS,
    )


def _rerun(trouble: Trouble, answers: Answers, probed: object, person: Person, clock: Clock) -> Resolved:
    before = trouble.workflow
    note = f"Sends {rows_of(affected.number(trouble))} of run {before.number} again, as they are now."
    return Resolved(affected.go_on(trouble, person, clock, note), note)


WAYS = (
    Way("phone_country", _offer_country, _set_country, _probe_country, _preview_country),
    Way("unmap_phone", _offer_unmap, _unmap),
    Way("set_aside", _offer_aside, _set_aside),
    Way("duplicates_rule", _offer_duplicates, _set_rule),
    Way("drop_fields", _offer_drop, _drop),
    Way("rerun_rows", _offer_rerun, _rerun),
)
