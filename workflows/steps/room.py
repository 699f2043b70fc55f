"""Before a list is made: is there room for one more, and if not, which of the others could go.

An account is read ten lists a call, so a full one costs a hundred calls; members and flows are looked up for
the likeliest few alone, since counting is slow. What was read is kept on the step, and goes on there.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from destinations.errors import DeliveryError, NeedsDecision, Rejected
from destinations.lists import Slots
from workflows import feeding, lease
from workflows.groups import KINDS, Group, Kind, Survey, to_look_at
from workflows.models import Step, Workflow
from workflows.results import Paused
from workflows.run import Run
from workflows.words import counted

LOOKED_AT = 15
SURVEY, FOUND, LOOK_AT = "survey", "found", "look_at"


def make_sure(run: Run, step: Step) -> None:
    """Count lists and segments. Raises Paused(max_lists), with a survey on the step, when it is full."""
    survey = _begun(run, step)
    if _counted(run, step, survey) >= run.plugin.max_lists:
        raise full(run, step, survey)
    _end(run, step, survey)


def full(run: Run, step: Step, survey: Survey, message: str = "") -> Paused:
    """Finish the survey of an account that takes no more lists, and return the pause to raise."""
    survey.done = False
    _keeping(run, step, survey, lambda: _look(run, survey))
    _end(run, step, survey)
    return Paused("max_lists", message or _sentence(survey, run.plugin.max_lists))


def counted_before(step: Step) -> Survey:
    """The survey that `make_sure` has made right before, when it found room."""
    return Survey.of(step.checkpoint[SURVEY])


def slots(step: Step) -> Slots:
    """How many lists and segments `make_sure` has counted."""
    survey = counted_before(step)
    return Slots(survey.count("list"), None if "segment" in survey.hidden else survey.count("segment"))


def _end(run: Run, step: Step, survey: Survey) -> None:
    """Keep a survey that is whole. What was asked of it is done, so a later one begins with the usual few."""
    survey.done = True
    run.keep(step, checkpoint={**step.checkpoint, SURVEY: survey.as_json()})
    if LOOK_AT in run.workflow.instructions:
        drop_instructions(run, LOOK_AT)


def drop_instructions(run: Run, *names: str) -> None:
    """Take what a person asked for out of the instructions, since it is done."""
    with lease.fenced(run.workflow) as held:
        left = {name: told for name, told in held.instructions.items() if name not in names}
        Workflow.objects.filter(pk=held.pk).update(instructions=left)
    run.workflow.instructions = left


def _sentence(survey: Survey, most: int) -> str:
    lists, segments = counted(survey.count("list"), "list"), counted(survey.count("segment"), "segment")
    if "segment" in survey.hidden:
        segments = "segments that this key may not see"
    return (
        f"The account has {lists} and {segments}; {most:,} together are allowed. No list was made. "
        "Delete some, or use a list that exists."
    )


def _begun(run: Run, step: Step) -> Survey:
    """Go on with a survey that was held up, or begin a new one; to look further keeps what was looked up."""
    kept: dict[str, Any] = step.checkpoint.get(SURVEY) or {}
    if kept and not kept["done"]:
        return Survey.of(kept)
    return Survey(looked=kept.get("looked", {}) if run.workflow.instructions.get(LOOK_AT) else {})


def _counted(run: Run, step: Step, survey: Survey) -> int:
    def read() -> None:
        for kind in KINDS:
            _read(run, survey, kind)

    _keeping(run, step, survey, read)
    return survey.used


def _keeping(run: Run, step: Step, survey: Survey, work: Callable[[], None]) -> None:
    try:
        work()
    except DeliveryError:
        # The pace asks for a pause: what was read so far is not read again.
        run.keep(step, checkpoint={**step.checkpoint, SURVEY: survey.as_json()})
        raise


def _read(run: Run, survey: Survey, kind: Kind) -> None:
    while (cursor := survey.cursors[kind]) is not None:
        try:
            page = run.client.groups(kind, cursor=cursor)
        except NeedsDecision as error:
            if error.code != "permission_missing" or kind == "list":
                raise
            survey.hidden.append(kind)
            survey.cursors[kind] = None
            return
        survey.groups += [Group(kind, each.id, each.name, each.created, each.updated) for each in page.groups]
        survey.cursors[kind] = page.cursor or None
        run.pulse(done=survey.used, unit="lists and segments")


def _look(run: Run, survey: Survey) -> None:
    """Count the members of the likeliest, and look which flows they start."""
    ours = feeding.ours(run.workflow.account_id)
    most = run.workflow.instructions.get(LOOK_AT, LOOKED_AT)
    for group in to_look_at(survey, ours, most):
        found = look_at(run, group)
        survey.looked[group.key] = {
            "members": found.members,
            "flows": None if found.flows is None else list(found.flows),
        }
        run.pulse(done=len(survey.looked), total=most, unit="lists looked at")


def look_at(run: Run, group: Group) -> Group:
    """Return a group with its members and flows; without both when it is gone."""
    try:
        return replace(
            group, members=run.client.counted(group.kind, group.id).members, flows=flows_of(run, group)
        )
    except (NeedsDecision, Rejected) as error:
        if error.code not in ("list_gone", "not_found"):
            raise
        return group


def flows_of(run: Run, group: Group) -> tuple[str, ...] | None:
    """Return the names of all flows a group starts, drafts too; None when the key may not look."""
    try:
        return tuple(flow.name for flow in run.client.flows(group.id, kind=group.kind))
    except NeedsDecision as error:
        if error.code != "permission_missing":
            raise
        return None


def ambiguous(run: Run, step: Step) -> Paused:
    """Gather what tells lists of one name apart, and return the pause to raise."""
    name = run.workflow.list_key
    named = [Group("list", each.id, each.name, each.created) for each in run.client.find_lists(name)]
    run.keep(step, checkpoint={**step.checkpoint, FOUND: [_shown(each) for each in _looked(run, named)]})
    told = f"{counted(len(named), 'list')} in Klaviyo are called “{name}”; none was touched."
    return Paused("list_ambiguous", told)


def _looked(run: Run, named: list[Group]) -> Iterable[Group]:
    yield from (look_at(run, group) for group in named[:LOOKED_AT])
    yield from named[LOOKED_AT:]


def _shown(group: Group) -> dict[str, Any]:
    return {
        "id": group.id,
        "created": group.created,
        "members": group.members,
        "flows": None if group.flows is None else list(group.flows),
    }
