"""Ways out of a destination that takes no personal data from whoever started the run."""

from destinations.models import DataTemplate
from workflows import alerts
from workflows.alone import beside
from workflows.clock import Clock
from workflows.models import Orchestration
from workflows.moves import State
from workflows.resolutions import affected
from workflows.resolutions.going_on import restart, resume
from workflows.resolutions.offers import (
    Answers,
    Choice,
    Field,
    Kind,
    NotAllowed,
    Person,
    Refused,
    Resolution,
    Resolved,
    Trouble,
    Way,
)
from workflows.resolutions.permissions import APPROVES, KEEPS_ORCHESTRATIONS, SEES_PEOPLE, SEES_WORKFLOWS

CODE = "restricted_pii"
ASKED = "asked_operations"


def _fits(trouble: Trouble) -> bool:
    return trouble.code == CODE and trouble.workflow.state == State.PAUSED


def _offer_ask(trouble: Trouble) -> Resolution | None:
    workflow = trouble.workflow
    if not _fits(trouble) or workflow.instructions.get(ASKED):
        return None
    return Resolution(
        "ask_operations",
        "Ask Operations",
        "Sends one notice to Operations, with a link to this run. It stays as it is until one of them allows "
        "it once, or somebody chooses another destination. Nothing is sent meanwhile.",
        steps=("Ask", "Operations decide on this page", "This run goes on by itself then"),
        permission=SEES_WORKFLOWS,
    )


def _ask(trouble: Trouble, answers: Answers, probed: object, person: Person, clock: Clock) -> Resolved:
    workflow = trouble.workflow
    alerts.requested(
        workflow,
        title=f"Asked to allow: {workflow.orchestration.name}",
        # It leaves by e-mail and chat, so it names nobody; the activity log says who asked.
        body=f"Somebody asks to let run {workflow.number} send personal data to “{workflow.list_name}”.",
        key=f"request:{workflow.pk}",
        now=clock.now(),
    )
    workflow.instructions = {**workflow.instructions, ASKED: person.name}
    workflow.save(update_fields=["instructions"])
    return Resolved(workflow, "Operations have been asked. This run stays as it is until they decide.")


def _offer_allow(trouble: Trouble) -> Resolution | None:
    if not _fits(trouble):
        return None
    destination = affected.template_of(trouble.workflow).destination
    return Resolution(
        "allow_once",
        "Allow this run",
        f"Lets this one run send to “{destination}”. The next run of the same person is stopped again. Only "
        "somebody who may see personal data can allow it.",
        steps=("Allow it", "This run goes on", "Read the list back"),
        permission=APPROVES,
    )


def _allow(trouble: Trouble, answers: Answers, probed: object, person: Person, clock: Clock) -> Resolved:
    if not person.may(SEES_PEOPLE):
        raise NotAllowed("Only somebody who may see personal data can allow this.")
    run = resume(trouble, person, clock, restricted_allowed=person.name)
    return Resolved(run, "This run may send personal data, once.")


def _others(trouble: Trouble) -> list[DataTemplate]:
    """Data templates of destinations that take personal data from anybody, of the same kind as this one."""
    mine = affected.template_of(trouble.workflow)
    found = DataTemplate.objects.filter(
        destination__allows_restricted=True, destination__plugin=mine.destination.plugin
    )
    return list(found.exclude(pk=mine.pk).select_related("destination").order_by("destination__name", "name"))


def _offer_other(trouble: Trouble) -> Resolution | None:
    others = _others(trouble) if _fits(trouble) else []
    if not others:
        return None
    orchestration = trouble.workflow.orchestration
    choices = tuple(
        Choice(
            str(each.pk),
            f"{each.destination}: {each.name}",
            f"the list “{each.list_name}”",
            blocked=beside(Orchestration(pk=orchestration.pk, template=each), list_name=each.list_name),
        )
        for each in others
    )
    return Resolution(
        "use_destination",
        "Use another destination",
        f"“{orchestration}” goes through another data template from now on, one of {len(others):,} whose "
        "destination takes personal data from everybody. This run is replaced by one that goes there; the "
        "list it was for stays as it is.",
        steps=("Choose the data template", "Change the orchestration", "Compare with that list, and send"),
        fields=(Field("template", Kind.CHOICE, "Data template", choices=choices),),
        permission=KEEPS_ORCHESTRATIONS,
    )


def _use_other(trouble: Trouble, answers: Answers, probed: object, person: Person, clock: Clock) -> Resolved:
    chosen = {str(each.pk): each for each in _others(trouble)}.get(answers.one("template"))
    if chosen is None:
        raise Refused("Choose a data template.", field="template")
    orchestration = trouble.workflow.orchestration
    orchestration.template = chosen
    orchestration.save(update_fields=["template", "updated_at"])
    note = f"“{orchestration}” goes through “{chosen}” of “{chosen.destination}” from now on."
    facts = {"data_template": chosen.name, "destination": chosen.destination.name}
    return Resolved(restart(trouble, person, clock, note=note), note, facts)


WAYS = (
    Way("ask_operations", _offer_ask, _ask),
    Way("allow_once", _offer_allow, _allow),
    Way("use_destination", _offer_other, _use_other),
)
