"""What is wrong with a mapping at any destination: columns that are not there, targets filled twice."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any


def problems(
    mapping: Sequence[Mapping[str, Any]],
    *,
    columns: Iterable[str] | None,
    of_target: Callable[[str, str], list[str]],
    same: Callable[[str], str] = str,
    takes_one: str,
) -> list[str]:
    """Return in sentences why a mapping (of `column`, `target`, `type`) cannot be used; nothing if it can.

    `columns` are those of the query, when it is known. `of_target` has the destination's own rules for a
    target and its type. Targets that `same` makes equal are one; `takes_one` ends the sentence about them.
    """
    known = None if columns is None else set(columns)
    found: list[str] = []
    seen: set[str] = set()
    for entry in mapping:
        column, target, kind = (entry.get(name) or "" for name in ("column", "target", "type"))
        if not column:
            found.append(f'The field "{target}" has no column.')
        elif known is not None and column not in known:
            found.append(f'The query has no column "{column}".')
        found.extend(of_target(target, kind))
        if same(target) in seen:
            found.append(f'Two columns go to "{target}". {takes_one}')
        seen.add(same(target))
    return found
