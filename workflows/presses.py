"""The buttons of a workflow that got stuck: what each does, and what is asked before it does it."""

from collections.abc import Sequence
from dataclasses import dataclass

from workflows.durations import duration
from workflows.models import Workflow
from workflows.resolutions import Resolution, offered
from workflows.resolutions.uploads import missing_people
from workflows.sent import Sent

BUTTONS = ("send_missing", "wait_longer", "send_by_api")
_GUARDED = "A plan over your limits waits for approval; any other is delivered and read back."


@dataclass(frozen=True)
class Press:
    """One offered way out. `question` is asked first, with `numbers` and `answer`; '' when nothing is.

    `numbers` are labels with counts of people.
    """

    way: Resolution
    icon: str
    question: str = ""
    numbers: Sequence[tuple[str, int]] = ()
    told: str = ""
    answer: str = ""


def presses(workflow: Workflow, sent: Sent) -> list[Press]:
    """Return the offered ways out as buttons, in their order; `sent` is what has gone out already."""
    return [_press(way, workflow, sent) for way in offered(workflow) if way.name in BUTTONS]


def _press(way: Resolution, workflow: Workflow, sent: Sent) -> Press:
    if way.name == "send_missing":
        return _missing(way, workflow)
    if way.name == "send_by_api":
        return _by_api(way, workflow, sent)
    return Press(way, "clock" if way.name == "wait_longer" else "replay")


def _missing(way: Resolution, workflow: Workflow) -> Press:
    missing, on_list = missing_people(workflow), workflow.counts.get("on_list", 0)
    return Press(
        way,
        "send",
        question=f"Send the missing to “{workflow.list_name}” by API?",
        numbers=(("Not seen", missing), ("On the list", on_list)),
        told=f"{way.effect} {_GUARDED}",
        answer=f"Send {missing:,} by API",
    )


def _by_api(way: Resolution, workflow: Workflow, sent: Sent) -> Press:
    adds = workflow.plan.get("adds", 0)
    told = [way.effect]
    if seconds := _api_seconds(workflow):
        told.append(f"Estimated time by API, for all: {duration(seconds)}.")
    return Press(
        way,
        "send",
        question=f"Send to “{workflow.list_name}” by API instead?",
        numbers=(("To add", adds), ("Sent so far", sent.adds)),
        told=" ".join([*told, _GUARDED]),
        answer="Send by API",
    )


def _api_seconds(workflow: Workflow) -> float | None:
    others = workflow.plan.get("others", ())
    times = [each["seconds"] for each in others if each["way"] != "sftp" and each["seconds"] is not None]
    return min(times, default=None)
