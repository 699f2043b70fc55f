"""What a workflow came to in people, by the counts it keeps."""

from workflows.models import Workflow


def people(workflow: Workflow) -> dict[str, int]:
    """Every outcome of a workflow in people; a count kept by reason is summed."""
    names = (
        "added",
        "updated",
        "removed",
        "unchanged",
        "kept_out",
        "not_loaded",
        "rejected",
        "skipped",
        "unknown",
    )
    return {name: total(workflow.counts.get(name, 0)) for name in names}


def changed(workflow: Workflow) -> int:
    """How many people a workflow put on, updated and took off."""
    numbers = people(workflow)
    return sum(numbers[name] for name in ("added", "updated", "removed"))


def is_counted(workflow: Workflow) -> bool:
    """Whether its books are closed: every row has its outcome."""
    return "on_list" in workflow.counts


def total(count: object) -> int:
    """A count, or the sum of counts by reason."""
    if isinstance(count, dict):
        return sum(total(number) for number in count.values())
    return count if isinstance(count, int) else 0
