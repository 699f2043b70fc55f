"""The panel of resolutions as a page shows it: each way out with its form, and what was filled in already."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission

from workflows.countries import NAMES
from workflows.models import Workflow
from workflows.resolutions import Person, Preview, Resolution
from workflows.resolutions.offers import Choice, Field, Kind

NAMED_PEOPLE = 3
# A list that is shorter than this is quicker read than searched.
WORTH_A_FILTER = 9
_OPEN_SELECT = (Choice("", "Choose a country"),)
_COUNTRIES = tuple(Choice(code, f"{name} ({code})") for code, name in NAMES.items())


@dataclass(frozen=True)
class Filled:
    """What a form came back with: the way that was chosen, the answers, and what is `wrong` with which field.

    `tried` is what the answers would do. A secret among the answers is never shown again.
    """

    name: str = ""
    reason: str = ""
    answers: Mapping[str, Sequence[str]] = field(default_factory=dict, repr=False)
    wrong: str = ""
    field: str = ""
    tried: Preview | None = None


@dataclass(frozen=True)
class ChoiceShown:
    id: str
    choice: Choice
    ticked: bool


@dataclass(frozen=True)
class FieldShown:
    """One field of a form: `given` are the answers so far, `wrong` what is the matter with them."""

    id: str
    field: Field
    given: Sequence[str]
    wrong: str = ""

    @property
    def kind(self) -> str:
        return self.field.kind.value

    @property
    def value(self) -> str:
        return self.given[0] if self.given and self.field.kind != Kind.SECRET else ""

    @cached_property
    def choices(self) -> list[ChoiceShown]:
        offered = self.field.choices
        if self.field.kind == Kind.COUNTRY:
            offered = _OPEN_SELECT + (offered or _COUNTRIES)
        given = set(self.given)
        return [
            ChoiceShown(f"{self.id}-{number}", choice, choice.value in given)
            for number, choice in enumerate(offered)
        ]

    @property
    def chosen(self) -> int:
        return sum(each.ticked for each in self.choices)

    @property
    def is_long(self) -> bool:
        return len(self.field.choices) >= WORTH_A_FILTER

    @property
    def is_many(self) -> bool:
        return self.field.kind == Kind.CHOICES

    @property
    def described_by(self) -> str:
        """The ids of what is said about it beside its label."""
        said = ((self.field.help, "help"), (self.wrong, "wrong"))
        return " ".join(f"{self.id}-{part}" for text, part in said if text)


@dataclass(frozen=True)
class WayShown:
    """One way out: `wrong` is what is the matter with it as a whole, `who` may take it if not this person."""

    id: str
    resolution: Resolution
    chosen: bool
    fields: Sequence[FieldShown]
    wrong: str = ""
    who: str = ""
    tried: Preview | None = None

    @property
    def may(self) -> bool:
        return not self.who

    @property
    def tries_by_itself(self) -> bool:
        """Whether a change shows at once what it would do; a secret only leaves the page when it is sent."""
        return self.resolution.previews and not any(each.kind == Kind.SECRET for each in self.fields)


@dataclass(frozen=True)
class Panel:
    """All ways out of one trouble. `seen` is the version of the workflow that they were offered for."""

    id: str
    reason: str
    ways: Sequence[WayShown]
    is_open: bool
    seen: int

    def __bool__(self) -> bool:
        return bool(self.ways)


def panel(
    workflow: Workflow,
    offers: Sequence[Resolution],
    *,
    person: Person,
    reason: str = "",
    filled: Filled | None = None,
) -> Panel:
    """Lay out `offers` for `person`; the way that `filled` names is chosen, else the likeliest.

    It stands open when a way was asked for by name, and when a form came back.
    """
    filled = filled if filled and filled.reason == reason else Filled()
    names = [offer.name for offer in offers]
    chosen = filled.name if filled.name in names else next(iter(names), "")
    who = {offer.permission: _who(offer.permission, person) for offer in offers}
    ways = [
        _way(offer, reason, offer.name == chosen, filled if offer.name == filled.name else Filled(), who)
        for offer in offers
    ]
    place = f"resolutions-{reason}" if reason else "resolutions"
    return Panel(place, reason, ways, bool(reason or filled.name), workflow.row_version)


def _way(offer: Resolution, reason: str, chosen: bool, filled: Filled, who: Mapping[str, str]) -> WayShown:
    place = f"{reason}-{offer.name}" if reason else offer.name
    fields = [_field(each, place, filled) for each in offer.fields]
    named = {each.name for each in offer.fields}
    return WayShown(
        id=place,
        resolution=offer,
        chosen=chosen,
        fields=fields,
        wrong="" if filled.field in named else filled.wrong,
        who=who[offer.permission],
        tried=filled.tried,
    )


def _field(asked: Field, place: str, filled: Filled) -> FieldShown:
    # A list with nothing ticked sends nothing at all: what stood there first must not come back by itself.
    given = filled.answers.get(asked.name, ()) if filled.answers else ((asked.value,) if asked.value else ())
    return FieldShown(
        id=f"{place}-{asked.name}",
        field=asked,
        given=() if asked.kind == Kind.SECRET else tuple(given),
        wrong=filled.wrong if filled.field == asked.name else "",
    )


def _who(permission: str, person: Person) -> str:
    """Say who may do what `person` may not; '' when they may."""
    if person.may(permission):
        return ""
    users = get_user_model().objects.with_perm(
        permission, backend="django.contrib.auth.backends.ModelBackend"
    )
    names = [user.get_username() for user in users.order_by("username")[:NAMED_PEOPLE]]
    if names:
        return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
    label, _, codename = permission.partition(".")
    given = Permission.objects.filter(content_type__app_label=label, codename=codename).first()
    return f"whoever {given.name.lower()}" if given else "the person who runs Rollcall"
