"""Rows that were not sent or not taken: a few masked for the page, all encrypted until they expire."""

import json
from collections import defaultdict
from typing import Any

from accounts import masking
from audiences.files import whole
from credentials import vault
from workflows import rows
from workflows.files import Folder, sealed_path
from workflows.models import Workflow

SAMPLES = 3
MOST_SEALED = 100_000
SEALED = "refused.sealed"


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
    """Return the refused rows of a closed workflow in the clear: row_no, reason, column_name, email.

    Empty when there were none, or when their time is over. For operators at the machine; pages show masks.
    Raises VaultError when the key they were sealed with is missing.
    """
    path = sealed_path(workflow.pk, SEALED)
    if not path.exists():
        return []
    return json.loads(vault.unseal(path.read_bytes(), context=context(workflow)))


def context(workflow: Workflow) -> str:
    return f"workflows.refused|{workflow.pk}"


def _rows(folder: Folder, refused: dict[str, str]) -> Any:
    for batch in rows.stream(folder.file("not_loaded.parquet"), ("row_no", "reason", "column_name", "email")):
        yield from batch.to_pylist()
    if not refused:
        return
    for batch in rows.stream(folder.file("candidates.parquet"), ("row_no", "key", "email")):
        for row in batch.to_pylist():
            if row["key"] in refused:
                reason = refused[row["key"]]
                yield {"row_no": row["row_no"], "reason": reason, "column_name": "", "email": row["email"]}
