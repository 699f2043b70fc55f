"""Each code, provoked and resolved."""

import pytest

from tests.faults.codes.desks import CodeDesk
from tests.faults.codes.proving import prove
from tests.faults.codes.scenario import Scenario
from tests.faults.codes.stage import Stage
from tests.faults.codes.table import ROWS


@pytest.mark.parametrize("scenario", ROWS, ids=lambda row: row.name)
def test_is_resolved(scenario: Scenario, stage: Stage):
    row = prove(scenario, stage, CodeDesk(stage.ada))
    import sys

    sys.stderr.write(
        f"{row.code} {row.reason} {row.resolution} | {row.pressed} | {row.came_to} {row.verified} {row.seconds:.1f} {row.trouble[:300]}\n"
    )
    assert row.is_proved, row.trouble
