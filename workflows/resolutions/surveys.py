"""Ways out of a full account: lists and segments to delete, chosen from a survey that a worker has made."""

from datetime import UTC, datetime

from django.utils import timezone

from workflows import feeding
from workflows.clock import Clock
from workflows.groups import Group, Ours, Survey, likeliest_first, why_kept
from workflows.models import Workflow
from workflows.moves import State
from workflows.resolutions import opening
from workflows.resolutions.common import stopped_step
from workflows.resolutions.going_on import resume
from workflows.resolutions.offers import (
    RESOLVE,
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
from workflows.words import counted

DELETE = "DELETE"
FURTHER = 15
HEADS = ("Name", "Kind", "Members", "Last change", "Starts flows", "Made by")


def kept_survey(workflow: Workflow) -> Survey | None:
    """The survey of the account that the step which stopped has made; None without one."""
    step = stopped_step(workflow)
    kept = step.checkpoint.get("survey") if step else None
    return Survey.of(kept) if kept else None


def members_told(group: Group) -> str:
    return "not counted" if group.members is None else f"{group.members:,}"


def moment_told(text: str) -> str:
    """Return a moment as Klaviyo writes it in the way of pages; it may be anything."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return "unknown"
    aware = found if found.tzinfo else found.replace(tzinfo=UTC)
    return f"{timezone.localtime(aware):%-d %b %Y}"


def _offer_delete(trouble: Trouble) -> Resolution | None:
    workflow = trouble.workflow
    survey = kept_survey(workflow) if workflow.state == State.PAUSED else None
    if survey is None or not survey.groups:
        return None
    ours = feeding.ours(workflow.account_id)
    ordered = likeliest_first(survey.known(), ours)
    spare = sum(ours.made_it(group) and not why_kept(group, ours) for group in ordered)
    return Resolution(
        "delete_lists",
        "Delete lists and segments that nobody needs",
        "Deletes the chosen ones in Klaviyo for good; the people on them stay profiles. Each is looked at "
        "once more right before, and stays if it starts a flow, bears another name or has more members by "
        "then. Then lists are counted again, and this run goes on when there is room for "
        f"“{workflow.list_name}”. {opening.waits(workflow)}",
        steps=(
            "Choose lists and segments; the likeliest come first",
            f"Type {DELETE}",
            "Rollcall deletes them, counts again, and goes on",
        ),
        verb=RESOLVE,
        fields=(
            Field(
                "groups",
                Kind.CHOICES,
                "Lists and segments",
                choices=tuple(_choice(group, ours) for group in ordered),
                heads=HEADS,
            ),
            Field("sure", Kind.TYPED, f"Type {DELETE}", expected=DELETE),
        ),
        numbers=(
            ("Lists", survey.count("list")),
            ("Segments", survey.count("segment")),
            ("Made by Rollcall, fed by nothing", spare),
            *opening.waiting_numbers(workflow, 0),
        ),
        permission=APPROVES,
    )


def _choice(group: Group, ours: Ours) -> Choice:
    flows = "not looked up" if group.flows is None else ", ".join(group.flows) or "none"
    maker = "Rollcall" if ours.made_it(group) else "others"
    changed = moment_told(group.updated)
    cells = (group.name, group.kind.title(), members_told(group), changed, flows, maker)
    detail = f"{group.kind}; members {cells[2]}; changed {changed}; starts flows: {flows}; made by {maker}"
    return Choice(group.key, group.name, detail, cells, why_kept(group, ours))


def _delete(trouble: Trouble, answers: Answers, probed: object, person: Person, clock: Clock) -> Resolved:
    chosen = set(answers.many("groups"))
    survey = kept_survey(trouble.workflow) or Survey()
    wanted = [
        {"kind": group.kind, "id": group.id, "name": group.name, "members": group.members}
        for group in survey.known()
        if group.key in chosen
    ]
    told = counted(len(wanted), "list or segment is", "lists and segments are")
    run = resume(trouble, person, clock, delete=wanted)
    ids = [f"{group['kind']} {group['id']}" for group in wanted]
    return Resolved(run, f"{told} deleted, then lists are counted again.", {"deletes": ids})


def _offer_look(trouble: Trouble) -> Resolution | None:
    workflow = trouble.workflow
    survey = kept_survey(workflow) if workflow.state == State.PAUSED else None
    if survey is None or not survey.groups:
        return None
    left = len(survey.groups) - len(survey.looked)
    further = min(FURTHER, left)
    calls = -(-len(survey.groups) // 10)
    return Resolution(
        "look_again",
        f"Look again, and at {further:,} more",
        f"Reads all lists and segments anew in about {calls:,} requests, then counts the members of "
        f"{further:,} more and looks which flows they start; Klaviyo allows 15 counts a minute. Goes on at "
        "once when there is room by then.",
        steps=("Count lists and segments", "Look at more of them", "Stop here again if it is still full"),
        numbers=(("Looked at so far", len(survey.looked)), ("Not looked at", left)),
    )


def _look(trouble: Trouble, answers: Answers, probed: object, person: Person, clock: Clock) -> Resolved:
    survey = kept_survey(trouble.workflow) or Survey()
    run = resume(trouble, person, clock, look_at=len(survey.looked) + FURTHER)
    return Resolved(run, "Lists and segments are counted again.")


WAYS = (
    Way("delete_lists", _offer_delete, _delete),
    Way("look_again", _offer_look, _look),
)
