"""Every row of the table, and which of them the everyday suite plays."""

from tests.faults.codes.rows import inside, keys, lists, people, queries, servers, upstream
from tests.faults.codes.scenario import Scenario
from workflows.catalogue import CATALOGUE, REASONS

ROWS: tuple[Scenario, ...] = (
    *keys.ROWS,
    *lists.ROWS,
    *queries.ROWS,
    *people.ROWS,
    *people.REASONS,
    *upstream.ROWS,
    *inside.ROWS,
    *servers.ROWS,
)


def promised() -> set[tuple[str, str, str]]:
    """Code, reason and resolution of all that the catalogue offers."""
    codes = {(code, "", name) for code, entry in CATALOGUE.items() for name in entry.resolutions}
    return codes | {("", reason, name) for reason, names in REASONS.items() for name in names}


def held() -> set[tuple[str, str, str]]:
    """Code, reason and resolution of every row."""
    return {(row.code, row.press.reason, row.press.resolution) for row in ROWS}
