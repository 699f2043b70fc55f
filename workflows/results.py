"""What a step comes back with, and what only the engine may raise."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class NewStep:
    """A step to be added in the same transaction that finishes the one before it."""

    key: str
    kind: str
    stage: str
    round: int
    position: int
    input: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Done:
    """The step is finished for good. `columns` are written to the workflow with it."""

    outcome: dict[str, Any] = field(default_factory=dict)
    steps: tuple[NewStep, ...] = ()
    columns: dict[str, Any] = field(default_factory=dict)
    note: str = ""
    skipped: bool = False


@dataclass(frozen=True)
class Wait:
    """Not yet: come back at `until`.

    `reason` is one of timer, rate, job, files, settle, verify, upstream, circuit.
    """

    until: datetime
    reason: str
    message: str = ""


@dataclass(frozen=True)
class Again:
    """The slice is over, the step is not: go on at once in the next slice."""


@dataclass(frozen=True)
class Ended:
    """The workflow is over in `state`; `columns` are written with it."""

    state: str
    note: str
    columns: dict[str, Any] = field(default_factory=dict)


Result = Done | Wait | Again | Ended


class Paused(Exception):
    """A person must decide before the workflow goes on; nothing of this step was half done."""

    def __init__(self, code: str, message: str, *, wake_at: datetime | None = None, **facts: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.wake_at = wake_at
        self.facts = facts


class StopAsked(Exception):
    """Someone asked the workflow to stop; the next call is not made."""
