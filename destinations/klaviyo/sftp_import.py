"""What a file for Klaviyo's SFTP import looks like. What Klaviyo does not tell is a choice with a default.

Source: https://developers.klaviyo.com/en/docs/use_klaviyos_sftp_import_tool
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from destinations import file_choices
from destinations.csv_file import CannotWrite, Column, Layout
from destinations.file_choices import MIB, Choices
from destinations.klaviyo import mapping as rules

__all__ = ["DEFAULTS", "TAKES", "Choices", "choice_problems", "choices", "file_name", "layout", "problem"]

# Byte for byte as Klaviyo wants them: another spelling would make a property of that name.
EMAIL_HEADER = "Email"
IDENTIFIERS = {"email": EMAIL_HEADER, "phone_number": "PhoneNumber", "external_id": "ExternalID"}

# None of these is in Klaviyo's documents. Folder and list column are those of its own sample; the sizes
# bound what is sent again after a cut; nothing says that a file may be renamed in its folder, so none is.
# The spelling of the other standard fields is not known, so none has a header until a person who has seen
# it work gives one. Taken without proof, and the same in every file: UTF-8 without a byte order mark, line
# feeds, ISO dates, JSON as its text, and that an empty cell leaves a field as it is.
DEFAULTS = Choices(
    folder="profiles",
    part_rows=50_000,
    part_bytes=64 * MIB,
    wait_minutes=60,
    list_column="List ID",
    staging=False,
    headers={},
)
TAKES = frozenset({"folder", "part_rows", "part_bytes", "wait_minutes", "list_column", "staging", "headers"})

# What stands for a list's id in a plan that is made before the list: as long as every id, so that the parts
# have their true sizes.
LIST_TO_COME = "000000"

file_name = file_choices.file_name


def choices(settings: Mapping[str, Any], *, folder: str = "") -> Choices:
    """Return what the settings of a destination (under `sftp`) choose. Raises BadChoice with a sentence.

    `folder` is the credential's, which holds where the destination states none.
    """
    given = settings.get("sftp") or {}
    if found := choice_problems(given):
        raise file_choices.BadChoice(found[0])
    return file_choices.chosen(given, defaults=DEFAULTS.at(folder), takes=TAKES)


def choice_problems(given: Mapping[str, Any]) -> list[str]:
    """Return in sentences why these choices cannot be used; nothing when they can."""
    found = file_choices.problems(given, defaults=DEFAULTS, takes=TAKES)
    if found or not given.get("headers"):
        return found
    for target in given["headers"]:
        if target in IDENTIFIERS:
            found.append(
                f"“{target}” always goes under “{IDENTIFIERS[target]}”: Klaviyo asks for that header."
            )
        elif target not in rules.STANDARD and not target.startswith(rules.PROPERTY):
            found.append(f'Klaviyo\'s profiles have no field "{target}" that could have a header.')
    return found


def layout(
    mapping: Sequence[Mapping[str, Any]], *, list_id: str, full_profile: bool, choices: Choices
) -> Layout:
    """Return the columns of a file: the identifiers, the mapped fields, and the list's id on every row.

    Without a `list_id` the file changes profiles and puts nobody on a list. Raises CannotWrite with a
    sentence.
    """
    columns = [Column(EMAIL_HEADER, rules.EMAIL)]
    for target in rules.targets(mapping) if full_profile else ():
        columns.append(Column(_header(target.name, choices), target.name, target.type))
    if list_id:
        # Last, so that the end of a row is the same text everywhere.
        columns.append(Column(choices.list_column, None, constant=list_id))
    headers = [column.header for column in columns]
    for header in headers:
        if headers.count(header) > 1:
            raise CannotWrite(f"Two columns of the file would be named “{header}”. Rename one of them.")
    return Layout(tuple(columns))


def problem(mapping: Sequence[Mapping[str, Any]], full_profile: bool, choices: Choices) -> str:
    """Return in a sentence why such profiles cannot go by SFTP; '' when they can."""
    try:
        layout(mapping, list_id="id", full_profile=full_profile, choices=choices)
    except CannotWrite as refused:
        return refused.message
    return ""


def _header(target: str, choices: Choices) -> str:
    if target in IDENTIFIERS:
        return IDENTIFIERS[target]
    if target in choices.headers:
        return choices.headers[target]
    if not target.startswith(rules.PROPERTY):
        raise CannotWrite(
            f"{target} cannot go by SFTP: Klaviyo does not tell its header. If you know it, put it under "
            "the headers of the destination's SFTP settings; otherwise this template goes by API."
        )
    name = target.removeprefix(rules.PROPERTY)
    if _bare(name) in _RESERVED or _bare(name) == _bare(choices.list_column):
        raise CannotWrite(
            f"The property “{name}” cannot go by SFTP: a column of that name could be taken for a field of "
            "Klaviyo's own. Rename the property, or send this template by API."
        )
    if refused := file_choices.header_problem(name):
        raise CannotWrite(f"The property “{name}” cannot go by SFTP. {refused}")
    return name


def _bare(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())


# "Email", "first_name", "Zip": which of these the import takes for its own, and how spelled, is not known.
_RESERVED = frozenset(_bare(name.removeprefix("location.")) for name in (*IDENTIFIERS, *rules.STANDARD)) | {
    _bare("List ID")
}
