"""One masked example of each reason why a row is not on the list."""

from accounts import masking
from workflows import rows
from workflows.files import Folder
from workflows.models import Workflow


def masked(workflow: Workflow) -> dict[str, str]:
    """Return reason to a masked address: kept with the counts once it is over, from its files until then.

    Looks at the first slice of the file alone: an example is worth no more reading than that.
    """
    if kept := workflow.counts.get("samples"):
        return {reason: some[0] for reason, some in kept.items() if some}
    path = Folder(workflow.pk).file("not_loaded.parquet")
    if not path.exists():
        return {}
    found: dict[str, str] = {}
    for batch in rows.stream(path, ("reason", "email")):
        for reason, email in zip(*(batch.column(name).to_pylist() for name in range(2)), strict=True):
            if email and reason not in found:
                found[reason] = masking.email(email)
        break
    return found
