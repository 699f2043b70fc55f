"""One row of the table, proved: provoked, resolved by somebody, and looked at in the end."""

import time
from collections.abc import Callable

from tests.faults.codes.desks import Desk
from tests.faults.codes.row import End, Row
from tests.faults.codes.scenario import Press, Scenario, nothing
from tests.faults.codes.stage import Stage
from workflows.models import Event, Workflow
from workflows.moves import State

SUCCEEDED = (State.SUCCEEDED, State.SUCCEEDED_WITH_ISSUES)


def prove(scenario: Scenario, stage: Stage, desk: Desk) -> Row:
    """Play a scenario to its end and return its row, whether it holds or not."""
    begun, pressed, came_to, verified, trouble = time.monotonic(), "", "", False, ""
    try:
        workflow = _provoked(scenario, stage)
        scenario.outside(stage)
        pressed = _resolved(scenario, stage, desk, workflow)
        last = stage.last(workflow)
        came_to, verified = _told(last), last.is_verified
        _look(scenario, stage, workflow, last)
    except AssertionError as error:
        trouble = str(error).strip() or "an assertion failed"
    except Exception as error:
        trouble = f"{type(error).__name__}: {error}"
    return Row(
        code=scenario.code,
        reason=scenario.press.reason,
        resolution=scenario.press.resolution,
        provoked=_first_line(scenario.provoke),
        outside=" ".join(_first_line(each) for each in _elsewhere(scenario)),
        pressed=pressed,
        came_to=came_to,
        verified=verified,
        end=scenario.end,
        seconds=time.monotonic() - begun,
        trouble=trouble,
    )


def _provoked(scenario: Scenario, stage: Stage) -> Workflow:
    workflow = scenario.provoke(stage)
    found = f"it came to {workflow.state} {workflow.code}: {workflow.message}"
    if scenario.press.reason:
        aside = _set_aside(workflow)
        assert scenario.press.reason in aside, f"set aside for {aside}; {found}"
    else:
        assert workflow.code == scenario.code, found
    stage.prepared["stopped"] = workflow
    return workflow


def _set_aside(workflow: Workflow) -> set[str]:
    return {*workflow.counts.get("not_loaded", {}), *workflow.counts.get("rejected", {})}


def _resolved(scenario: Scenario, stage: Stage, desk: Desk, workflow: Workflow) -> str:
    """Take the way out and those that follow; return the word on the first button."""
    pressed = ""
    for press in (scenario.press, *scenario.then):
        now = stage.last(workflow)
        word = desk.press(now, press, press.given(stage))
        pressed = pressed or word
        _check_entry(now, press)
        stage.rest(workflow)
    if scenario.later is not nothing:
        scenario.later(stage)
        stage.rest(workflow)
    return pressed


def _check_entry(workflow: Workflow, press: Press) -> None:
    """Who decided what stands in the history of the workflow."""
    decided = Event.objects.filter(workflow=workflow, kind="decision").last()
    told = decided.data.get("decided", {}).get("resolution") if decided else None
    assert told == press.resolution, f"the timeline says that {told} was chosen, not {press.resolution}"


def _look(scenario: Scenario, stage: Stage, first: Workflow, last: Workflow) -> None:
    """Hold what it came to against what it should."""
    told = f"{last.state} {last.code}: {last.message}"
    match scenario.end:
        case End.VERIFIED:
            assert last.state in SUCCEEDED, f"it ended {told}"
            assert last.is_verified, f"it was not verified: {told}"
            there, wanted = stage.on_list(last), scenario.members(stage)
            assert there == wanted, f"{len(there)} people on the list, {len(wanted)} wanted"
        case End.GIVEN_UP:
            assert last.pk == first.pk, "another run followed"
            assert last.state == State.CANCELLED, f"it ended {told}"
        case End.LEFT:
            assert last.pk == first.pk, "another run followed"
            assert not last.code, f"it still says {told}"
    if scenario.check:
        scenario.check(stage, last)


def _elsewhere(scenario: Scenario) -> list[Callable[[Stage], None]]:
    """What happened outside of the page."""
    return [each for each in (scenario.outside, scenario.later) if each is not nothing]


def _told(workflow: Workflow) -> str:
    state = workflow.get_state_display().lower()
    return f"{state} ({workflow.code})" if workflow.code else state


def _first_line(function: object) -> str:
    return (function.__doc__ or "").strip().split("\n")[0]
