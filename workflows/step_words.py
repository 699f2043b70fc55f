"""The steps of a workflow by the names a person reads."""

from workflows.models import Step

LABELS = {
    "probe": "Try the key",
    "resolve": "Find the list",
    "barrier": "Wait for what was sent before",
    "extract": "Run the query",
    "snapshot": "Read the list",
    "compare": "Compare",
    "guard": "Look at the plan",
    "create": "Create the list",
    "add": "Add by profile id",
    "upsert": "Add one by one",
    "import": "Import new people",
    "upload": "Upload a file",
    "update": "Update profiles",
    "jobs": "Wait for the imports",
    "refused": "Look at what was refused",
    "ingest": "Wait for uploaded people",
    "remove": "Remove",
    "settle": "Let things settle",
    "verify": "Read the list back",
    "finish": "Close the books",
    "reach": "Reach the server",
    "draft": "Draw the plan up",
    "confirm": "Read the file back",
    "close": "Close the books",
}
BATCHES = frozenset({"add", "upsert", "import", "upload", "update", "remove", "confirm"})


def label(step: Step) -> str:
    """Name a step: “Import new people, batch 3”, and the round when it is a later one."""
    told = LABELS.get(step.kind) or step.kind.replace("_", " ").capitalize()
    number = step.key.rpartition(":")[2]
    if step.kind in BATCHES and number.isdigit():
        told += f", batch {int(number) + 1:,}"
    return f"{told}, round {step.round + 1}" if step.round else told
