"""The report says what has been sent, what is worth a look, and which plan waits."""

import pytest

from tests.workflows.factories import a_workflow
from workflows.models import Step, Workflow
from workflows.moves import State
from workflows.report import report
from workflows.sent import sent

pytestmark = pytest.mark.django_db


def a_batch(workflow: Workflow, kind: str, number: int, *, state: str = "done", rows: int = 0) -> None:
    Step.objects.create(
        workflow=workflow,
        key=f"{kind}:r0:{number:05d}",
        kind=kind,
        stage="deliver",
        position=5_000 + number,
        state=state,
        outcome={"rows": rows} if state in ("done", "skipped") else {},
    )


class TestSent:
    def test_is_nothing_before_the_first_batch(self):
        found = sent(a_workflow())

        assert not found
        assert found.told == "nothing"

    def test_adds_up_the_batches_that_are_done(self):
        workflow = a_workflow()
        a_batch(workflow, "add", 1, rows=1_000)
        a_batch(workflow, "import", 2, rows=234)
        a_batch(workflow, "remove", 3, rows=1)
        a_batch(workflow, "import", 4, state="skipped")
        a_batch(workflow, "update", 5, state="pending")

        assert sent(workflow).told == "1,234 adds, 1 removal"

    def test_counts_a_call_nobody_knows_the_outcome_of(self):
        workflow = a_workflow()
        a_batch(workflow, "import", 1, state="ambiguous")

        found = sent(workflow)

        assert found
        assert found.told == "1 call whose outcome is not known yet"


class TestReport:
    def test_says_what_was_sent_and_which_plan_waits(self):
        plan = {"hash": "b" * 64, "round": 1, "adds": 2, "batches": [{"kind": "import"}]}
        workflow = a_workflow(state=State.PAUSED, code="guard", plan=plan, plan_hash="b" * 64)
        a_batch(workflow, "import", 1, rows=7)

        told = report(workflow)

        assert told["sent"] == {"adds": 7, "updates": 0, "removes": 0, "doubtful": 0}
        assert (told["plan"]["round"], told["plan"]["hash"]) == (1, "b" * 64)
        assert "batches" not in told["plan"]

    def test_repeats_the_warning_of_the_query(self):
        workflow = a_workflow()
        assert report(workflow)["warnings"] == []

        workflow.steps.filter(key="extract").update(outcome={"warning": "The query gave 3 rows."})

        assert report(workflow)["warnings"] == ["The query gave 3 rows."]
