"""What one row of the table proves: a code, how it comes about, the way out, and what that comes to."""

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.faults.codes.row import End
from tests.faults.codes.stage import Stage
from workflows.models import Workflow

Given = str | tuple[str, ...]
Answer = Given | Callable[[Stage], Given]
Provoke = Callable[[Stage], Workflow]


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


def everybody(stage: Stage) -> set[str]:
    """All whom the source names."""
    with stage.company.csv.open(encoding="utf-8") as lines:
        return {row["email"] for row in csv.DictReader(lines)}


def nobody(stage: Stage) -> set[str]:
    """Where files are taken, there is no list that could be looked at."""
    return set()


@dataclass(frozen=True)
class Scenario:
    """`outside` is what somebody mends elsewhere before the press, such as scopes in Klaviyo.

    `then` are presses that follow once the run rests again, such as the approval of a plan, and `later` is
    what happens by itself after them, such as the end of a wait. `members` are
    who must be on the list in the end.
    """

    code: str
    provoke: Provoke
    press: Press
    outside: Callable[[Stage], None] = nothing
    then: tuple[Press, ...] = ()
    later: Callable[[Stage], None] = nothing
    end: End = End.VERIFIED
    members: Callable[[Stage], set[str]] = everybody
    check: Callable[[Stage, Workflow], None] | None = None

    @property
    def name(self) -> str:
        about = f"{self.code}.{self.press.reason}" if self.press.reason else self.code
        return f"{about}-{self.press.resolution}"
