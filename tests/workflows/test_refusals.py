"""When much of a delivery was refused: each round answers for what it has sent itself."""

from types import SimpleNamespace
from typing import Any

import pytest

from tests.workflows.factories import a_workflow
from workflows import rows
from workflows.files import Folder
from workflows.models import Step
from workflows.steps import refusals

pytestmark = pytest.mark.django_db


@pytest.fixture
def run() -> Any:
    """A run that has sent 100 people in its first round and three in its second."""
    workflow = a_workflow()
    folder = Folder(workflow.pk)
    for number, sent in enumerate((people("first", 100), people("second", 3))):
        made = folder.make(f"r{number}")
        rows.write(made / "adds.parquet", {"key": sent})
        rows.write(made / "updates.parquet", {"key": []})
        outcome = {"adds": len(sent), "updates": 0}
        compare = {"kind": "compare", "stage": "compare", "position": 9, "outcome": outcome}
        Step.objects.update_or_create(workflow=workflow, key=f"compare:r{number}", defaults=compare)
    folder.make("rejected")
    return SimpleNamespace(workflow=workflow, folder=folder)


def people(name: str, number: int) -> list[str]:
    return [f"{name} {n}" for n in range(number)]


def refuse(run: Any, keys: list[str]) -> None:
    codes: dict[str, Any] = {"key": keys, "code": ["too_large"] * len(keys), "field": [""] * len(keys)}
    rows.write(run.folder.file("rejected", f"{len(keys)}.parquet"), codes)


def asks(run: Any, round_: int) -> bool:
    step = Step.objects.create(
        workflow=run.workflow, key=f"jobs:r{round_}", kind="jobs", stage="deliver", round=round_, position=9
    )
    return bool(refusals.asked(run, step))


class TestAsked:
    def test_asks_in_the_round_that_sent_them(self, run: Any):
        refuse(run, people("first", 50))

        assert asks(run, 0)

    def test_asks_of_nobody_whom_another_round_has_sent(self, run: Any):
        refuse(run, people("first", 50))

        assert not asks(run, 1)

    def test_passes_over_a_few(self, run: Any):
        refuse(run, people("second", 3))

        assert not asks(run, 1)
