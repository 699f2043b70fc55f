"""The table as it is printed: a block for each code, a line for each way out, and the sums."""

from collections.abc import Sequence
from textwrap import shorten

from tests.faults.codes.row import End, Row
from workflows.catalogue import CATALOGUE, REASONS

WIDTH = 118
ENDS = {
    End.VERIFIED: "the list was read back and equals the query",
    End.GIVEN_UP: "given up on purpose: nothing more was sent",
    End.LEFT: "left as it is on purpose: the next run compares anew",
}


def line(row: Row) -> str:
    """One line of one way out; a second one says what the trouble is."""
    sign = "ok  " if row.is_proved else "FAIL"
    came_to = f"{row.came_to}{', verified' if row.verified else ''}"
    told = f"  {sign} {row.resolution:<18} {row.pressed:<9} {came_to:<42} {row.seconds:6.1f} s"
    elsewhere = f"\n       elsewhere: {row.outside}" if row.outside else ""
    trouble = f"\n       {shorten(row.trouble, 400)}" if row.trouble else ""
    return f"{told}{elsewhere}{trouble}"


def table(rows: Sequence[Row]) -> str:
    """Every row, in the order of the catalogue."""
    blocks: list[str] = []
    for code, entry in CATALOGUE.items():
        blocks += _block(f"{entry.title} ({code})", [row for row in rows if row.code == code])
    for reason in REASONS:
        blocks += _block(f"Rows set aside: {reason}", [row for row in rows if row.reason == reason])
    return "\n".join(blocks)


def _block(title: str, rows: Sequence[Row]) -> list[str]:
    lines, told = ["", title], ""
    for row in rows:
        if row.provoked != told:
            lines.append(f"  {row.provoked}")
            told = row.provoked
        lines.append(line(row))
    return lines if rows else []


def summary(rows: Sequence[Row], *, wanted: int, seconds: float, where: str) -> str:
    """The last line: how many rows are proved, and what they came to."""
    proved = [row for row in rows if row.is_proved]
    ends = " · ".join(f"{sum(row.end == end for row in proved)} {end}" for end in End)
    codes = len({row.code for row in proved if row.code})
    reasons = len({row.reason for row in proved if row.reason})
    meanings = "\n".join(f"{end}: {told}" for end, told in ENDS.items())
    return (
        f"\n{meanings}\n\n{len(proved)} of {wanted} ways out proved {where}: {codes} codes, "
        f"{reasons} reasons of rows · {ends} · {len(rows) - len(proved)} failed, "
        f"{wanted - len(rows)} not played · {seconds:.0f} s"
    )
