"""What is chosen about the files of a destination, each with its default, and the names of the files."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

MIB = 1 << 20
MAX_HEADER_CHARS = 255
MAX_SLUG_CHARS = 40
MAX_FOLDER_CHARS = 500
_CONTROL = re.compile("[\\x00-\\x1f\\x7f\u0080-\u009f]")
_ADDRESS = re.compile(r"\S*@\S*")
_LEAST = {"part_rows": 1, "part_bytes": 64 * 1024, "wait_minutes": 1}
_MOST = {"part_rows": 50_000_000, "part_bytes": 50 << 30, "wait_minutes": 7 * 24 * 60}
_WORDS = {
    "part_rows": "Rows in a part",
    "part_bytes": "Bytes in a part",
    "wait_minutes": "Minutes to wait",
}


class BadChoice(ValueError):
    """A setting of the files cannot be used; `message` is a sentence."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True)
class Choices:
    """How files are made and where they go.

    `folder` is on the server. A part has at most `part_rows` rows and `part_bytes` bytes with its header. A
    row counts as not seen when no other came for `wait_minutes`. `list_column` is the header over
    the list's id. With `staging` a file is written under another name first and renamed when it is whole,
    where the tested server allows that. `headers` gives a field its header.
    """

    folder: str
    part_rows: int
    part_bytes: int
    wait_minutes: int
    list_column: str
    staging: bool
    headers: Mapping[str, str] = field(default_factory=dict)

    def at(self, folder: str) -> "Choices":
        """Return the same in another folder; '' changes nothing."""
        return replace(self, folder=folder) if folder else self


def chosen(given: Mapping[str, Any], *, defaults: Choices, takes: frozenset[str]) -> Choices:
    """Return the defaults with what is `given` in their place. Raises BadChoice with the first problem."""
    if found := problems(given, defaults=defaults, takes=takes):
        raise BadChoice(found[0])
    headers = {**defaults.headers, **given.get("headers", {})}
    return replace(defaults, **{**given, "headers": headers})


def problems(given: Mapping[str, Any], *, defaults: Choices, takes: frozenset[str]) -> list[str]:
    """Return in sentences why `given` cannot be used; nothing when it can."""
    found = []
    for name, value in given.items():
        if name not in takes:
            found.append(f"“{name}” is no setting of these files. Known: {', '.join(sorted(takes))}.")
        elif problem := _problem(name, value):
            found.append(problem)
    return found


def _problem(name: str, value: Any) -> str:
    if name in _WORDS:
        least, most = _LEAST[name], _MOST[name]
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            return f"{_WORDS[name]} is a whole number from {least:,} to {most:,}."
    elif name == "staging":
        if not isinstance(value, bool):
            return "“staging” is true or false."
    elif name == "folder":
        if not isinstance(value, str) or not value.strip() or len(value) > MAX_FOLDER_CHARS:
            return f"The folder is a text of at most {MAX_FOLDER_CHARS} characters."
        if _CONTROL.search(value) or ".." in value.split("/"):
            return "The folder has a control character or “..” in it. Write the path itself."
    elif name == "list_column":
        return header_problem(value)
    elif name == "headers":
        return _headers_problem(value)
    return ""


def _headers_problem(value: Any) -> str:
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        return "“headers” goes from a field to the header of its column."
    return next((problem for header in value.values() if (problem := header_problem(header))), "")


def header_problem(header: Any) -> str:
    """Return why a text cannot be the header of a column, '' when it can."""
    if not isinstance(header, str) or not header.strip():
        return "A header is a text, and not an empty one."
    if header != header.strip() or _CONTROL.search(header):
        return "A header has no white space around it and no control characters."
    if len(header) > MAX_HEADER_CHARS:
        return f"A header has at most {MAX_HEADER_CHARS} characters."
    return ""


def file_name(
    *, list_name: str, workflow: str, round: int = 0, part: int = 1, parts: int = 1, attempt: int = 1
) -> str:
    """Return the name of one part: the same for the same part, ASCII, and without any person in it.

    `workflow` is the id, of which eight characters are kept. `round` counts from 0, `part` and `attempt` from
    1; the first round and the first attempt are not written, later ones are: nothing is overwritten.
    """
    if round < 0 or attempt < 1 or not 1 <= part <= parts:
        raise ValueError(f"no such part: round {round}, part {part} of {parts}, attempt {attempt}")
    width = max(3, len(str(parts)))
    again = (f"-again-{round}" if round else "") + (f"-try-{attempt}" if attempt > 1 else "")
    short = re.sub("[^0-9a-z]", "", workflow.lower())[:8]
    return f"{_slug(list_name)}-{short}-part-{part:0{width}}-of-{parts:0{width}}{again}.csv"


def _slug(name: str) -> str:
    # A list may be named after the person it is for.
    plain = unicodedata.normalize("NFKD", _ADDRESS.sub(" ", name)).encode("ascii", "ignore").decode().lower()
    return re.sub("[^a-z0-9]+", "-", plain).strip("-")[:MAX_SLUG_CHARS].strip("-") or "list"
