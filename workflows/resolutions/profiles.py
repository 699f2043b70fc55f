"""The way out of people for whom the destination has several profiles: which of their identifiers to send."""

from workflows.clock import Clock
from workflows.moves import State
from workflows.resolutions import affected
from workflows.resolutions.going_on import resume
from workflows.resolutions.offers import (
    Answers,
    Choice,
    Field,
    Kind,
    Person,
    Resolution,
    Resolved,
    Trouble,
    Way,
)
from workflows.resolutions.permissions import APPROVES
from workflows.words import people

CODE = "several_profiles"
ASIDE = "aside"
IDENTIFIERS = {"phone_number": "phone number", "external_id": "external id"}


def _sent_identifiers(trouble: Trouble) -> list[str]:
    template = affected.template_of(trouble.workflow)
    mapped = {entry["target"] for entry in template.mapping} if template.full_profile else set()
    return [name for name in IDENTIFIERS if name in mapped]


def _offer(trouble: Trouble) -> Resolution | None:
    workflow = trouble.workflow
    is_open = trouble.code == CODE and workflow.state == State.PAUSED
    number, sent = affected.number(trouble), _sent_identifiers(trouble)
    if not number or not sent or not (is_open or affected.goes_alone(trouble)):
        return None
    whoever = people(number)
    return Resolution(
        "handle_profiles",
        "Choose which profile keeps what",
        f"{whoever} have an address of one profile, and a phone number or an external id of another. On a "
        "list that goes by address the profile with the address is the one. Sends these people again without "
        "what you choose; nobody's number is moved, and no two profiles are merged.",
        steps=("Choose what is left out", "Send these people again by their address", "Read the list back"),
        fields=(
            Field("keep", Kind.CHOICE, "For these people", value=sent[0], choices=_choices(sent, is_open)),
        ),
        numbers=(("Several profiles", number),),
        permission=APPROVES,
    )


def _choices(sent: list[str], is_open: bool) -> tuple[Choice, ...]:
    found = [
        Choice(
            name,
            f"Leave the {IDENTIFIERS[name]} out",
            f"They are added by address; the {IDENTIFIERS[name]} stays with the profile that has it now.",
        )
        for name in sent
    ]
    if len(sent) > 1:
        found.append(Choice("both", "Leave both out", "They are added by address, with their other fields."))
    if is_open:
        found.append(
            Choice(ASIDE, "Set these people aside", "They stay as they are; the next run tries again.")
        )
    return tuple(found)


def _handle(trouble: Trouble, answers: Answers, probed: object, person: Person, clock: Clock) -> Resolved:
    kept, whoever = answers.one("keep"), people(affected.number(trouble))
    if kept == ASIDE:
        run = resume(trouble, person, clock, **{CODE: {"set_aside": True}})
        return Resolved(run, f"{whoever} stay out.")
    leave_out = list(IDENTIFIERS) if kept == "both" else [kept]
    named = " and ".join(IDENTIFIERS[name] for name in leave_out)
    note = f"{whoever} are sent again without the {named}."
    facts = {"leave_out": leave_out}
    if trouble.workflow.state == State.PAUSED:
        return Resolved(resume(trouble, person, clock, **{CODE: facts}), note, facts)
    # A file would not say whom it could not take.
    run = affected.go_on(trouble, person, clock, note, leave_out=tuple(leave_out), path="api")
    return Resolved(run, note, facts)


WAYS = (Way("handle_profiles", _offer, _handle),)
