"""Receipts: what Klaviyo acknowledged, by keyed hash, until a reading of the list has taken it in.

A workflow that is stopped half-way never reads the list back. Without its receipts the next one would take
those it removed for people who left by themselves, and put those it added and who left back on the list.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from uuid import UUID

from audiences.ledger import Receipt
from workflows import rows
from workflows.files import ledger_path
from workflows.models import Step, Workflow

# `sent`: an import was accepted, and whether it took these people is not known yet.
State = Literal["on", "off", "sent"]


@dataclass(frozen=True)
class Filed:
    """One receipt on disk; names sort in the order things were acknowledged."""

    path: Path

    @property
    def _parts(self) -> list[str]:
        return self.path.name.split("~")

    @property
    def workflow_id(self) -> str:
        return self._parts[1]

    @property
    def step_key(self) -> str:
        return self._parts[3]

    @property
    def state(self) -> str:
        return self._parts[4].removesuffix(".parquet")


def file(
    list_: UUID, workflow: Workflow, step: Step, people: Sequence[tuple[str, str | None]], state: State
) -> None:
    """Keep that these people (key, profile id) were acknowledged; a later word replaces an earlier."""
    folder = _folder(list_)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    stem = f"{workflow.created_at:%Y%m%d%H%M%S%f}~{workflow.pk}~{step.position:012d}~{step.key}~"
    keys, ids = [key for key, _ in people], [profile_id for _, profile_id in people]
    rows.write(folder / f"{stem}{state}.parquet", {"key": keys, "profile_id": ids})
    for other in ("on", "off", "sent"):
        if other != state:
            (folder / f"{stem}{other}.parquet").unlink(missing_ok=True)


def filed(list_: UUID) -> Iterator[Filed]:
    """Every receipt of a list, the oldest first."""
    for path in sorted(_folder(list_).glob("*.parquet")):
        yield Filed(path)


def known(list_: UUID) -> list[Receipt]:
    """The receipts whose outcome is known, for the ledger."""
    return [Receipt(each.path, each.state) for each in filed(list_) if each.state != "sent"]


def drop(receipts: Sequence[Receipt | Filed]) -> None:
    """Forget receipts that a reading has taken in."""
    for receipt in receipts:
        receipt.path.unlink(missing_ok=True)


def _folder(list_: UUID) -> Path:
    return ledger_path(list_, 0).parent / "receipts"
