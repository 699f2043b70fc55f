"""What one row of the table proves: a code, how it comes about, the way out, and what that comes to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from tests.faults.codes.stage import Stage
from workflows.models import Workflow

Given = str | tuple[str, ...]
Answer = Given | Callable[[Stage], Given]
Provoke = Callable[[Stage], Workflow]


class End(StrEnum):
    """What a way out comes to: a list read back and equal, a run given up on purpose, or one that waits."""

    VERIFIED = "verified"
    GIVEN_UP = "given up"
    WAITING = "waiting"


@dataclass(frozen=True)
class Press:
    """One way out taken on the page. `answers` are by the names of its fields."""

    resolution: str
    answers: Mapping[str, Answer] = field(default_factory=dict)
    reason: str = ""

    def given(self, stage: Stage) -> dict[str, Given]:
        return {name: each(stage) if callable(each) else each for name, each in self.answers.items()}


def nothing(stage: Stage) -> None:
    """Nothing has to happen elsewhere."""


@dataclass(frozen=True)
class Scenario:
    """`outside` is what somebody mends elsewhere before the press, such as scopes in Klaviyo.

    `then` are presses that follow once the run rests again, such as the approval of a plan. `members` are
    who is on the list in the end, everybody of the query unless it says otherwise; None where no list is.
    """

    code: str
    provoke: Provoke
    press: Press
    outside: Callable[[Stage], None] = nothing
    then: tuple[Press, ...] = ()
    end: End = End.VERIFIED
    members: Callable[[Stage], set[str]] | None = None
    check: Callable[[Stage, Workflow], None] | None = None

    @property
    def name(self) -> str:
        about = f"{self.code}.{self.press.reason}" if self.press.reason else self.code
        return f"{about}-{self.press.resolution}"
