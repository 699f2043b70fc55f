"""Reads a file of profiles as Klaviyo does: columns by their header, a profile for each row."""

import csv
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from simulator import identifiers

# At least one of these, "with exactly that spelling".
IDENTIFIERS = {"Email": "email", "PhoneNumber": "phone_number", "ExternalID": "external_id"}
LIST_ID = "List ID"
LONGEST_CELL = 1_000_000
NO_IDENTIFIER = "The header has none of Email, PhoneNumber and ExternalID."


class Unreadable(Exception):
    """The file as a whole cannot be taken in; the message says why."""


@dataclass(frozen=True)
class Row:
    """One row: the attributes of a profile, the list it names, and why it cannot be taken, if so."""

    attributes: dict[str, Any] = field(default_factory=dict)
    list_id: str = ""
    problem: str = ""

    @property
    def address(self) -> str:
        """What the person is known by: the e-mail address where there is one."""
        given = (self.attributes.get(name) for name in ("email", "phone_number", "external_id"))
        return next((value for value in given if value), "")


class Reading:
    """A file being read, row by row; `close` it."""

    def __init__(self, path: Path, headers: Mapping[str, str]) -> None:
        """Read the header. Raises Unreadable."""
        csv.field_size_limit(LONGEST_CELL)
        self._file: TextIO = path.open(encoding="utf-8", errors="replace", newline="")
        self._cells = csv.reader(self._file)
        try:
            self._targets = _targets(next(self._cells, []), headers)
        except (csv.Error, Unreadable) as error:
            self.close()
            raise Unreadable(str(error)) from error

    def take(self, count: int) -> list[Row]:
        """Return the next rows, at most `count`; fewer only at the end of the file."""
        return list(islice(self._rows(), count))

    def close(self) -> None:
        self._file.close()

    def _rows(self) -> Iterator[Row]:
        while True:
            try:
                for cells in self._cells:
                    if cells:
                        yield _row(self._targets, cells)
            except csv.Error as error:
                yield Row(problem=str(error))
                continue
            return


def is_dropped(address: str, *, patterns: Sequence[str], share: float, seed: int) -> bool:
    """Tell whether a row is one to be lost; the same for the same address and seed in every file."""
    if any(re.search(pattern, address, re.IGNORECASE) for pattern in patterns):
        return True
    if share <= 0:
        return False
    digest = hashlib.blake2b(f"{seed}:{address.lower()}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) < share * 2**64


def _targets(header: Sequence[str], headers: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return for each column the part of a profile it goes to and the name it has there."""
    if not IDENTIFIERS.keys() & set(header):
        raise Unreadable(NO_IDENTIFIER)
    known = {**IDENTIFIERS, **headers}
    targets = []
    for name in header:
        if name == LIST_ID:
            targets.append(("list", ""))
        elif name in known:
            group, _, inner = known[name].rpartition(".")
            targets.append((group, inner))
        else:
            targets.append(("properties", name))
    return targets


def _row(targets: Sequence[tuple[str, str]], cells: Sequence[str]) -> Row:
    attributes: dict[str, Any] = {}
    list_id = ""
    if len(cells) > len(targets):
        return Row(problem="The row has more cells than the header.")
    for (group, name), value in zip(targets, cells, strict=False):
        if not value:
            continue
        if group == "list":
            list_id = value
        elif group:
            attributes.setdefault(group, {})[name] = value
        else:
            attributes[name] = value
    return Row(attributes, list_id, _problem(attributes))


def _problem(attributes: dict[str, Any]) -> str:
    if not any(attributes.get(name) for name in IDENTIFIERS.values()):
        return "The row has no identifier."
    return next(iter(identifiers.problems(attributes).values()), "")
