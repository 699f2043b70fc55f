"""The general SFTP destination: an audience as a CSV file with columns of one's own, on any server."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from destinations import file_choices, mapping_problems
from destinations.csv_file import CannotWrite, Column, Layout
from destinations.file_choices import Choices

TYPES = ("text", "number", "boolean", "date", "json")
EMAIL = "email"
PHONE = "phone_number"
# The columns that rows have here before they become a file, in any spelling.
_TAKEN = frozenset({"email", "key", "row_no", "row_hash", "profile_id", "joined_at", "state"})
STANDARD: dict[str, str] = {PHONE: "Phone number, written as +46…"}

# Whoever fetches the file expects one; only what would be unwieldy anywhere is cut.
DEFAULTS = Choices(
    folder=".",
    part_rows=5_000_000,
    part_bytes=2 << 30,
    wait_minutes=60,
    list_column="",
    staging=True,
    headers={EMAIL: "Email"},
)
TAKES = frozenset({"folder", "part_rows", "part_bytes", "staging", "headers"})

file_name = file_choices.file_name


def choices(settings: Mapping[str, Any], *, folder: str = "") -> Choices:
    """Return what the settings of a destination (under `sftp`) choose. Raises BadChoice with a sentence.

    `folder` is the credential's, which holds where the destination states none.
    """
    return file_choices.chosen(settings.get("sftp") or {}, defaults=DEFAULTS.at(folder), takes=TAKES)


def choice_problems(given: Mapping[str, Any]) -> list[str]:
    """Return in sentences why these choices cannot be used; nothing when they can."""
    return file_choices.problems(given, defaults=DEFAULTS, takes=TAKES)


def layout(
    mapping: Sequence[Mapping[str, Any]], *, list_id: str = "", full_profile: bool, choices: Choices
) -> Layout:
    """Return the columns of a file: the address, then the mapped ones in their order.

    `list_id` is taken for the sake of its likes and not written. Raises CannotWrite with a sentence.
    """
    columns = [Column(choices.headers[EMAIL], EMAIL)]
    for entry in mapping if full_profile else ():
        if entry["target"] != EMAIL:
            name = choices.headers.get(entry["target"], entry["target"])
            columns.append(Column(name, entry["target"], entry.get("type", "text")))
    headers = [column.header for column in columns]
    for header in headers:
        if headers.count(header) > 1:
            raise CannotWrite(f"Two columns of the file would be named “{header}”. Rename one of them.")
        if refused := file_choices.header_problem(header):
            raise CannotWrite(f"The column “{header}” cannot be written. {refused}")
    return Layout(tuple(columns), identifiers=(choices.headers[EMAIL],))


def problem(mapping: Sequence[Mapping[str, Any]], full_profile: bool, choices: Choices) -> str:
    """Return in a sentence why such rows make no file; '' when they do."""
    try:
        layout(mapping, full_profile=full_profile, choices=choices)
    except CannotWrite as refused:
        return refused.message
    return ""


def problems(mapping: Sequence[Mapping[str, Any]], *, columns: Iterable[str] | None = None) -> list[str]:
    """Return in sentences why a mapping (of `column`, `target`, `type`) cannot be used; nothing if it can.

    A target is the header of its column. `columns` are those of the query, when it is known.
    """
    return mapping_problems.problems(
        mapping,
        columns=columns,
        of_target=_target_problems,
        # Whoever reads the file may not tell “Name” from “name”.
        same=str.casefold,
        takes_one="Each column of the file is filled by one.",
    )


def _target_problems(target: str, kind: str) -> list[str]:
    if target in (EMAIL, PHONE):
        return [] if kind == "text" else [f'"{target}" is text, not {kind}.']
    found = []
    if refused := file_choices.header_problem(target):
        found.append(f'"{target}" cannot be a column of the file. {refused}')
    elif target.casefold() in _TAKEN:
        found.append(
            f'"{target}" is a name that rows have here already. Use another one, and give it this header in '
            "the destination's SFTP settings."
        )
    if kind not in TYPES:
        found.append(f'"{kind}" is no type. Use one of {", ".join(TYPES)}.')
    return found


def targets(mapping: Sequence[Mapping[str, Any]]) -> tuple[Mapping[str, Any], ...]:
    """Return the mapped columns less the address, which is in every file anyway."""
    return tuple(entry for entry in mapping if entry["target"] != EMAIL)
