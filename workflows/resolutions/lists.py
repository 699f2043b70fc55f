"""Ways out of lists: room for one more, another list, which of several, one that is gone."""

from django.utils import timezone

from destinations import accounts_check, keeping
from destinations import lists as known_lists
from destinations.errors import DeliveryError, NeedsDecision
from destinations.models import DataTemplate
from workflows import alone, feeding
from workflows.clock import Clock
from workflows.groups import Group, Ours
from workflows.models import Workflow
from workflows.moves import STOPPED, State
from workflows.resolutions import opening
from workflows.resolutions.common import stopped_step
from workflows.resolutions.going_on import restart, resume
from workflows.resolutions.offers import (
    RESOLVE,
    Answers,
    Choice,
    Field,
    Kind,
    NotOffered,
    Person,
    Refused,
    Resolution,
    Resolved,
    Trouble,
    Way,
)
from workflows.resolutions.permissions import APPROVES, KEEPS_TEMPLATES
from workflows.resolutions.surveys import kept_survey, members_told, moment_told
from workflows.words import counted

NAME, LIST = "name", "list"
MOST_NAME_CHARS = DataTemplate._meta.get_field("list_name").max_length or 200


# -- another list


def _offer_use(trouble: Trouble) -> Resolution | None:
    workflow = trouble.workflow
    if workflow.state not in STOPPED or workflow.feeds_a_file:
        return None
    choices = _existing(workflow)
    chooses = Field(
        LIST,
        Kind.CHOICE,
        "List",
        choices=choices,
        heads=("Name", "Members", "Last change"),
        required=False,
    )
    typed = Field(
        NAME,
        Kind.TEXT,
        "Name of the list in Klaviyo",
        help="Exactly as it is written there." + (" Or choose it below." if choices else ""),
        required=not choices,
    )
    return Resolution(
        "use_list",
        "Use a list that exists",
        f"Feeds another list instead of “{workflow.list_name}” from now on: {_template_told(workflow)}. "
        "Starts a linked run, which compares with that list. Whoever is on it and not in the query would "
        "be removed, so a first run against a list with members shows its plan before anything is sent.",
        steps=("Name the list", "Rollcall looks for it in Klaviyo", "A linked run compares with it"),
        verb=RESOLVE,
        fields=(typed, chooses) if choices else (typed,),
        numbers=(("Lists to choose from", len(choices)),) if choices else (),
        permission=KEEPS_TEMPLATES,
    )


def _template_told(workflow: Workflow) -> str:
    template = workflow.orchestration.template
    users = counted(template.orchestrations.count(), "orchestration")
    return f"the data template “{template}”, used by {users}, is changed for good"


def _existing(workflow: Workflow) -> tuple[Choice, ...]:
    survey = kept_survey(workflow)
    if survey is None:
        return ()
    ours = feeding.ours(workflow.account_id)
    lists = sorted(
        (each for each in survey.known() if each.kind == "list"), key=lambda each: each.name.lower()
    )
    return tuple(_list_choice(each, ours) for each in lists)


def _list_choice(group: Group, ours: Ours) -> Choice:
    cells = (group.name, members_told(group), moment_told(group.updated))
    feeds = ours.feeds(group)
    blocked = f"“{feeds}” feeds it." if feeds else ""
    return Choice(group.id, group.name, f"{cells[1]}; changed {cells[2]}", cells, blocked)


def _find_list(trouble: Trouble, answers: Answers, clock: Clock) -> tuple[str, str]:
    """Return id and name of the list that was named. Raises Refused unless there is exactly one."""
    workflow, list_id, name = trouble.workflow, answers.one(LIST), answers.one(NAME).strip()
    if bool(list_id) == bool(name):
        raise Refused("Name one list: type its name, or choose it.", field=NAME)
    field = LIST if list_id else NAME
    destination = opening.destination_of(workflow)
    try:
        with accounts_check.open_checked(destination, clock=clock) as session:
            found = [session.client.list_info(list_id)] if list_id else session.client.find_lists(name)
    except DeliveryError as error:
        raise Refused(error.message, field=field) from None
    if len(found) != 1:
        told = f"{counted(len(found), 'list')} in Klaviyo are" if found else "No list in Klaviyo is"
        raise Refused(f"{told} called “{name}”. Name one that is there once.", field=field)
    _refuse_taken(workflow, found[0].name, field)
    return found[0].id, found[0].name


def _refuse_taken(workflow: Workflow, name: str, field: str) -> None:
    if not name or len(name) > MOST_NAME_CHARS:
        raise Refused(f"A list has a name of 1 to {MOST_NAME_CHARS} characters.", field=field)
    if sentence := alone.beside(workflow.orchestration, list_name=name):
        raise Refused(sentence, field=field)


def _use(trouble: Trouble, answers: Answers, probed: object, person: Person, clock: Clock) -> Resolved:
    if not isinstance(probed, tuple):
        raise TypeError("a list is looked for before it is used")
    list_id, name = probed
    workflow = trouble.workflow
    _bind(workflow, list_id, name, instead=trouble.code == "list_gone")
    return _with_list(trouble, name, person, clock, f"Feeds the list “{name}” ({list_id}) from now on.")


def _bind(workflow: Workflow, list_id: str, name: str, *, instead: bool) -> None:
    """Let a name stand for a list's id, so that it is this very list from now on; `instead` of a gone one."""
    account = opening.destination_of(workflow).account_id
    before = feeding.pinned(account, name)
    if instead and before not in ("", list_id):
        feeding.forget(account, before)
    _pin(account, name, list_id, field=NAME)


def _pin(account: str, name: str, list_id: str, *, field: str) -> None:
    """Bind a name to a list. Raises Refused when it is bound to another one meanwhile."""
    try:
        known_lists.pin(known_lists.claim(account, name), list_id)
    except NeedsDecision as error:
        raise Refused(error.message, field=field) from None


def _with_list(trouble: Trouble, name: str, person: Person, clock: Clock, note: str) -> Resolved:
    """Change the data template for good, and start anew with it."""
    workflow = trouble.workflow
    template = workflow.orchestration.template
    before = template.list_name
    keeping.change_template(template, by=person.account, list_name=name)
    facts = {"template": str(template.pk), "list": name, "before": before}
    return Resolved(restart(trouble, person, clock), note, facts)


def _offer_rename(trouble: Trouble) -> Resolution | None:
    workflow = trouble.workflow
    if workflow.state not in STOPPED:
        return None
    return Resolution(
        "rename_list",
        "Give the list another name",
        f"Feeds a list of another name instead of “{workflow.list_name}” from now on: "
        f"{_template_told(workflow)}. Starts a linked run. A list of that name is used when there is one, "
        f"else made; “{workflow.list_name}” stays as it is.",
        steps=("Write a name that no other orchestration feeds", "A linked run finds or makes that list"),
        fields=(Field(NAME, Kind.TEXT, "Name of the list"),),
        permission=KEEPS_TEMPLATES,
    )


def _probe_rename(trouble: Trouble, answers: Answers, clock: Clock) -> str:
    name = answers.one(NAME).strip()
    if name == trouble.workflow.list_key:
        raise Refused("That is the name it has.", field=NAME)
    _refuse_taken(trouble.workflow, name, NAME)
    return name


def _rename(trouble: Trouble, answers: Answers, probed: object, person: Person, clock: Clock) -> Resolved:
    name = str(probed)
    return _with_list(trouble, name, person, clock, f"Feeds the list “{name}” from now on.")


# -- which of several


def _offer_choose(trouble: Trouble) -> Resolution | None:
    workflow = trouble.workflow
    step = stopped_step(workflow) if workflow.state == State.PAUSED else None
    found = step.checkpoint.get("found", []) if step else []
    if not found:
        return None
    flows = sum(bool(each["flows"]) for each in found)
    return Resolution(
        "choose_list",
        "Choose which of them it is",
        f"Ties “{workflow.list_name}” to the chosen one of {len(found):,} lists for good, whatever it is "
        "called later, and goes on. The others are not touched.",
        steps=("Choose a list by who is on it and what it starts", "The run goes on with it"),
        fields=(
            Field(
                LIST,
                Kind.CHOICE,
                "List",
                choices=tuple(_found_choice(each) for each in found),
                heads=("Id", "Members", "Made", "Starts flows"),
            ),
        ),
        numbers=(("Lists of this name", len(found)), ("Of them start flows", flows)),
    )


def _found_choice(each: dict[str, object]) -> Choice:
    group = Group("list", str(each["id"]), "", str(each["created"]), members=each["members"])  # type: ignore[arg-type]
    flows = each["flows"]
    told = "not known" if not isinstance(flows, list) else ", ".join(flows) or "none"
    cells = (group.id, members_told(group), moment_told(group.created), told)
    return Choice(group.id, group.id, f"{cells[1]}; made {cells[2]}; starts {told}", cells)


def _choose(trouble: Trouble, answers: Answers, probed: object, person: Person, clock: Clock) -> Resolved:
    workflow, list_id = trouble.workflow, answers.one(LIST)
    _pin(workflow.account_id, workflow.list_key, list_id, field=LIST)
    note = f"“{workflow.list_key}” is the list {list_id} from now on."
    return Resolved(resume(trouble, person, clock), note, {"list_id": list_id})


# -- one that is gone


def _offer_recreate(trouble: Trouble) -> Resolution | None:
    workflow = trouble.workflow
    if workflow.state not in STOPPED:
        return None
    list_id = workflow.list_id or _pinned(workflow)
    if not list_id:
        return None
    kept = feeding.members_of(workflow.account_id, list_id)
    return Resolution(
        "recreate_list",
        "Make the list again",
        f"Forgets the list {list_id} with what is remembered of its {counted(kept, 'member')}, and starts "
        f"a linked run that makes a new “{workflow.list_name}”. Flows, campaigns and forms that used the "
        "old one do not know the new one, and those who had left the old one by themselves are not known "
        "any more: whoever is in the query goes on.",
        steps=(
            "See in Klaviyo whether somebody deleted it by mistake, and who used it",
            "Type the name of the list",
            "A linked run makes it and sends everybody anew",
            "Choose it again in the flows, campaigns and forms that used it",
        ),
        fields=(Field(NAME, Kind.TYPED, "Name of the list", expected=workflow.list_name),),
        numbers=(("Members remembered", kept),),
        permission=APPROVES,
    )


def _pinned(workflow: Workflow) -> str:
    return feeding.pinned(workflow.account_id, workflow.list_key)


def _recreate(trouble: Trouble, answers: Answers, probed: object, person: Person, clock: Clock) -> Resolved:
    workflow = trouble.workflow
    list_id = workflow.list_id or _pinned(workflow)
    feeding.forget(workflow.account_id, list_id)
    note = f"The list {list_id} is forgotten; “{workflow.list_name}” is made again."
    return Resolved(restart(trouble, person, clock), note, {"forgotten": list_id})


# -- the allowance of a day


def _offer_reset(trouble: Trouble) -> Resolution | None:
    workflow = trouble.workflow
    if workflow.state != State.PAUSED or workflow.wake_at is None:
        return None
    when = f"{timezone.localtime(workflow.wake_at):%-d %B, %H:%M}"
    return Resolution(
        "wait_for_reset",
        "Wait until lists may be made again",
        f"Goes on by itself on {when}, when Klaviyo counts anew; until then nothing is sent. "
        f"{opening.waits(workflow)}",
        steps=(f"Wait until {when}", "Make the list", "Send the plan, or compare anew when it is hours old"),
        numbers=opening.waiting_numbers(workflow, 0),
    )


def _wait(trouble: Trouble, answers: Answers, probed: object, person: Person, clock: Clock) -> Resolved:
    until = trouble.workflow.wake_at
    if until is None:
        raise NotOffered("There is nothing to wait for any more.")
    # It stays paused: whatever wakes it then looks how old its plan is by that time.
    note = f"Waits until {until:%Y-%m-%d %H:%M} UTC."
    return Resolved(trouble.workflow, note, {"until": until.isoformat()})


WAYS = (
    Way("use_list", _offer_use, _use, probe=_find_list),
    Way("rename_list", _offer_rename, _rename, probe=_probe_rename),
    Way("choose_list", _offer_choose, _choose),
    Way("recreate_list", _offer_recreate, _recreate),
    Way("wait_for_reset", _offer_reset, _wait),
)
