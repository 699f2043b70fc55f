"""What a way out of trouble looks like before anybody takes it: its steps, its numbers, what it asks for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from django.contrib.auth.models import AnonymousUser

from accounts.models import User
from workflows.clock import Clock
from workflows.models import Workflow
from workflows.resolutions.permissions import DECIDES

CONTINUE, RESOLVE = "Continue", "Resolve"


class NotOffered(Exception):
    """This resolution does not fit this workflow, or no more; nothing was changed."""


class NotAllowed(NotOffered):
    """The account of this person may not take this way out."""


class Refused(Exception):
    """An answer will not do, or a probe failed: `message` says why, `field` which; nothing was changed."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.field = field


class Kind(StrEnum):
    """How a field is asked for. A `typed` one must be `expected`, letter by letter."""

    SECRET = "secret"  # noqa: S105 - the name of a kind of field
    TEXT = "text"
    NUMBER = "number"
    SQL = "sql"
    CHOICE = "choice"
    CHOICES = "choices"
    COUNTRY = "country"
    TYPED = "typed"


@dataclass(frozen=True)
class Choice:
    """One thing to choose. `cells` are the columns of its row, when the field has `heads`."""

    value: str
    label: str
    detail: str = ""
    cells: tuple[str, ...] = ()
    blocked: str = ""


@dataclass(frozen=True)
class Field:
    """One thing a resolution asks; `value` stands in it at first, `heads` are titles over its choices' cells.

    A number has bounds. Whatever is not `required` may stay empty. What may have several lines, such as a
    private key of SSH, says how many in `lines`.
    """

    name: str
    kind: Kind
    label: str
    help: str = ""
    value: str = ""
    choices: tuple[Choice, ...] = ()
    heads: tuple[str, ...] = ()
    expected: str = ""
    minimum: int | None = None
    maximum: int | None = None
    required: bool = True
    lines: int = 1


@dataclass(frozen=True)
class Resolution:
    """A way out as it is offered.

    `label` is what it is called, `effect` says in numbers what it will do, `steps` what happens or is to be
    done, in order, `numbers` are counts worth seeing before. `verb` is on the button: Resolve when something
    is probed first, else Continue. `previews` when answers can be tried out, `permission` who may take it.
    """

    name: str
    label: str
    effect: str
    steps: tuple[str, ...] = ()
    verb: str = CONTINUE
    fields: tuple[Field, ...] = ()
    numbers: tuple[tuple[str, int], ...] = ()
    permission: str = DECIDES
    previews: bool = False


@dataclass(frozen=True)
class Preview:
    """What the answers would do: a sentence, and masked examples as (before, after)."""

    told: str
    examples: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Answers:
    """What was filled in, by the name of the field; a secret among them is never shown or kept."""

    given: Mapping[str, Sequence[str]] = field(default_factory=dict, repr=False)

    def one(self, name: str) -> str:
        """Return the answer, '' when there is none."""
        return next(iter(self.given.get(name, ())), "")

    def many(self, name: str) -> tuple[str, ...]:
        return tuple(self.given.get(name, ()))

    def number(self, name: str, default: int = 0) -> int:
        """Return a whole number; commas between its digits are fine. Raises Refused."""
        text = self.one(name).replace(",", "").strip()
        if not text:
            return default
        try:
            return int(text)
        except ValueError:
            raise Refused("Enter a whole number.", field=name) from None


@dataclass(frozen=True)
class Person:
    """Who decides: the name as timeline and log tell it, and the account; None on the command line."""

    name: str
    user: User | None = None

    @property
    def account(self) -> User | AnonymousUser:
        """Whom the log of activity names; whoever has the command line has no account here."""
        return self.user or AnonymousUser()

    def may(self, permission: str) -> bool:
        """Whoever has the command line has the whole server."""
        return self.user is None or self.user.has_perm(permission)


@dataclass(frozen=True)
class Trouble:
    """What is to be resolved: what a workflow came to, or one `reason` of those it set aside."""

    workflow: Workflow
    code: str
    reason: str = ""


@dataclass(frozen=True)
class Resolved:
    """What taking a way out came to: the run to look at now, the line of the timeline, plain facts of it."""

    workflow: Workflow
    note: str
    facts: Mapping[str, object] = field(default_factory=dict)


def no_probe(trouble: Trouble, answers: Answers, clock: Clock) -> object:
    """Nothing needs to be tried before."""
    return None


@dataclass(frozen=True)
class Way:
    """A way out in code.

    `offer` returns None when it does not fit. `probe` tries what must work before, over the network where
    need be, and raises Refused; what it returns is handed to `apply`, which changes the database alone, in
    one transaction with the entries of who decided what.
    """

    name: str
    offer: Callable[[Trouble], Resolution | None]
    apply: Callable[[Trouble, Answers, object, Person, Clock], Resolved]
    probe: Callable[[Trouble, Answers, Clock], object] = no_probe
    preview: Callable[[Trouble, Answers], Preview] | None = None
