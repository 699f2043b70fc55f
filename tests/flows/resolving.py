"""Taking ways out in tests, as the page and the command line do."""

from workflows import resolutions
from workflows.models import Workflow
from workflows.resolutions import Answers, Person, Resolution, Resolved
from workflows.resolutions.offers import Choice, Field

OPERATOR = Person("Olga")


def offer(workflow: Workflow, name: str) -> Resolution:
    return next(each for each in resolutions.offered(workflow) if each.name == name)


def names(workflow: Workflow) -> list[str]:
    return [each.name for each in resolutions.offered(workflow)]


def field(workflow: Workflow, way: str, name: str) -> Field:
    return next(each for each in offer(workflow, way).fields if each.name == name)


def choice(workflow: Workflow, way: str, name: str, label: str) -> Choice:
    return next(each for each in field(workflow, way, name).choices if each.label == label)


def take(workflow: Workflow, way: str, **answers: str | list[str]) -> Resolved:
    """Resolve with the answers and what the page showed when it was made."""
    given = {name: [told] if isinstance(told, str) else told for name, told in answers.items()}
    return resolutions.resolve(workflow, way, Answers(given), by=OPERATOR, seen=workflow.row_version)
