"""Rows that were not sent or not taken: a few masked for the page, all encrypted until they expire."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from accounts import masking
from audiences.files import whole
from credentials import vault
from workflows import rows
from workflows.files import Folder, sealed_path
from workflows.models import Workflow

SAMPLES = 3
MOST_SEALED = 100_000
SEALED = "refused.sealed"
KEPT = ("row_no", "reason", "column_name", "email", "value")


def seal_refused(folder: Folder, workflow: Workflow, refused: dict[str, str]) -> dict[str, list[str]]:
    """Encrypt the refused rows of a workflow, and return up to three masked addresses for each reason."""
    found: list[dict[str, Any]] = []
    samples: dict[str, list[str]] = defaultdict(list)
    for row in _rows(folder, refused):
        if len(found) < MOST_SEALED:
            found.append(row)
        if row["email"] and len(samples[row["reason"]]) < SAMPLES:
            samples[row["reason"]].append(masking.email(row["email"]))
    if found:
        data = json.dumps(found).encode()
        with whole(sealed_path(workflow.pk, SEALED)) as path:
            path.write_bytes(vault.seal(data, context=context(workflow)))
    return dict(samples)


def refused(workflow: Workflow) -> list[dict[str, Any]]:
    """Return the refused rows of a closed workflow in the clear: row_no, reason, column_name, email, value.

    Empty when there were none, or when their time is over. For operators at the machine; pages show masks.
    Raises VaultError when the key they were sealed with is missing.
    """
    path = sealed_path(workflow.pk, SEALED)
    if not path.exists():
        return []
    return json.loads(vault.unseal(path.read_bytes(), context=context(workflow)))


def set_aside(workflow: Workflow, reasons: Collection[str]) -> list[dict[str, Any]]:
    """Return the rows set aside for these reasons, in the clear, as far as they are kept: at most 100,000.

    From the files of a workflow that is open, else from what was sealed of it. They are people: show masks.
    Raises VaultError when the key they were sealed with is missing.
    """
    path = Folder(workflow.pk).file("not_loaded.parquet")
    if not path.exists():
        return [row for row in refused(workflow) if row["reason"] in reasons]
    found: list[dict[str, Any]] = []
    wanted = pa.array(sorted(reasons), pa.string())
    for batch in rows.stream(path, KEPT):
        mine = batch.filter(pc.is_in(batch.column("reason"), value_set=wanted))
        found += mine.slice(0, MOST_SEALED - len(found)).to_pylist()
        if len(found) == MOST_SEALED:
            break
    return found


def context(workflow: Workflow) -> str:
    return f"workflows.refused|{workflow.pk}"


def _rows(folder: Folder, refused: dict[str, str]) -> Iterator[dict[str, Any]]:
    for batch in rows.stream(folder.file("not_loaded.parquet"), KEPT):
        yield from batch.to_pylist()
    if not refused:
        return
    for batch in rows.stream(folder.file("candidates.parquet"), ("row_no", "key", "email")):
        for row in batch.to_pylist():
            if row["key"] in refused:
                found = {"row_no": row["row_no"], "email": row["email"], "column_name": "", "value": None}
                yield found | {"reason": refused[row["key"]]}
