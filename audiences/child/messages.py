"""What may be said of a database's error: its kind, and the names in the query, but no value of the data."""

import re

MAX_CHARS = 300
_LITERAL = re.compile(r"'(?:[^']|'')*'|\$\w*\$.*?\$\w*\$", re.DOTALL)
_ADDRESS = re.compile(r"[^\s\"'(]+@[^\s\"')]+")
_LONG_NUMBER = re.compile(r"\d{5,}")


def first_line(text: str) -> str:
    """Return the first line without literals, addresses and long numbers.

    Only for errors about the query's own words (unknown column, syntax); one about values is named by class.
    """
    line = text.strip().partition("\n")[0]
    for pattern in (_LITERAL, _ADDRESS, _LONG_NUMBER):
        line = pattern.sub("…", line)
    line = " ".join(line.split())
    return line if len(line) <= MAX_CHARS else f"{line[: MAX_CHARS - 1]}…"
