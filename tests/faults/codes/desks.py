"""Where somebody takes a way out: at the page in a browser, or by the function behind it."""

from dataclasses import dataclass

from accounts.models import User
from tests.faults.codes.scenario import Given, Press
from workflows import resolutions
from workflows.models import Workflow
from workflows.resolutions import Answers, Person


@dataclass(frozen=True)
class CodeDesk:
    """Takes a way out by the function that the page calls: quick, to see whether the way itself works."""

    user: User

    def press(self, workflow: Workflow, press: Press, given: dict[str, Given]) -> str:
        offered = {way.name: way for way in resolutions.offered(workflow, press.reason)}
        assert press.resolution in offered, f"not offered: {press.resolution}; there are {', '.join(offered)}"
        answers = {name: [text] if isinstance(text, str) else list(text) for name, text in given.items()}
        person = Person(self.user.username, self.user)
        resolutions.resolve(workflow, press.resolution, Answers(answers), by=person, reason=press.reason)
        return offered[press.resolution].verb
