"""Uploads cut at two hundred seeded places: no damaged row, the same bytes again, the list right."""

import hashlib
import random
from collections.abc import Callable

import pytest

from tests.flows.world import HurriedClock, World, people
from tests.plugin import ON_SQLITE
from workflows.models import Workflow
from workflows.moves import State

PARTS, ROWS_A_PART = 40, 50
# One database shows it as well as the other; the second only has to agree.
SEEDS = 1 if ON_SQLITE else 5


@pytest.mark.parametrize("seed", range(SEEDS))
class TestCuts:
    def test_leave_whole_rows_the_same_bytes_and_the_right_list(self, world: Callable[..., World], seed: int):
        company = world(
            template={"path": "sftp"}, sftp={"part_rows": ROWS_A_PART}, clock=HurriedClock(), sql=SHUFFLED
        )
        company.write(people(PARTS * ROWS_A_PART))
        chance = random.Random(seed)
        for part in range(1, PARTS + 1):
            place = chance.choice(["bytes"] * 8 + ["open", "close"])
            where = {"bytes": chance.randrange(1, 1_300)} if place == "bytes" else {"at": place}
            company.klaviyo.sftp_fault(
                "cut",
                path=rf"part-{part:03}-of-{PARTS:03}\.csv$",
                times=1,
                after=chance.random() < 0.5,
                **where,
            )
        green: list[int] = []

        def note(workflow: Workflow) -> None:
            if workflow.state in (State.SUCCEEDED, State.SUCCEEDED_WITH_ISSUES):
                green.append(workflow.steps.filter(kind="verify", state="done").count())

        workflow = company.run(on_change=note)

        assert (workflow.state, workflow.message) == (State.SUCCEEDED, "")
        assert green == [1]
        assert company.members() == {f"person{n}@example.org" for n in range(PARTS * ROWS_A_PART)}
        assert sum(fault["acted"] for fault in company.klaviyo.sftp_faults()) == PARTS
        _check_files(company, workflow)


SHUFFLED = "select * from people order by hash(email)"


def _check_files(company: World, workflow: Workflow) -> None:
    """Every torn file is the beginning of the whole one and ends with a row; the whole one is as we say."""
    files = company.klaviyo.sftp_files()
    for step in workflow.steps.filter(kind="upload"):
        told = step.outcome
        whole = company.klaviyo.sftp_file(told["name"])
        assert hashlib.sha256(whole).hexdigest() == told["sha256"]
        stem = f"part-{step.input['part']:03}-of"
        for file in files:
            if stem in file["name"] and file["name"] != told["name"]:
                torn = company.klaviyo.sftp_file(file["name"])
                assert whole.startswith(torn)
                assert not torn or torn.endswith(b"\n")
