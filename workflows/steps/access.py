"""Who may not see personal data may not send it either, save where the destination says so."""

from workflows.results import Paused
from workflows.run import Run


def refuse_restricted(run: Run) -> None:
    """Raise Paused(restricted_pii) for a run of somebody who may not see people, unless it was allowed."""
    if not run.workflow.config.get("restricted") or run.workflow.instructions.get("restricted_allowed"):
        return
    destination = run.destination
    if not destination.allows_restricted:
        told = (
            f"Whoever started this run may not see personal data, and the destination “{destination.name}” "
            "takes none from them. Nothing was read or sent."
        )
        raise Paused("restricted_pii", told)
