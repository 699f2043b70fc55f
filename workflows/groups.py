"""The lists and segments of a full account: what is known of each, and which are likely to be spare."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

Kind = Literal["list", "segment"]
KINDS: tuple[Kind, ...] = ("list", "segment")


@dataclass(frozen=True)
class Group:
    """A list or a segment. `created` and `updated` are ISO texts, '' when they are not told.

    `members` is None until it was counted, `flows` (the names of those it starts) until they were looked up.
    """

    kind: Kind
    id: str
    name: str
    created: str = ""
    updated: str = ""
    members: int | None = None
    flows: tuple[str, ...] | None = None

    @property
    def key(self) -> str:
        return f"{self.kind}:{self.id}"


@dataclass(frozen=True)
class Ours:
    """What Rollcall has to do with the lists of an account.

    `made` are ids of lists it made; `fed` goes from the id of a list, or from the name of one without a
    known id, to the orchestration that feeds it.
    """

    made: frozenset[str] = frozenset()
    fed: Mapping[str, str] = field(default_factory=dict)

    def feeds(self, group: Group) -> str:
        """Return the orchestration that feeds a list, '' when none does."""
        if group.kind == "segment":
            return ""
        return self.fed.get(group.id) or self.fed.get(f"name:{group.name}", "")

    def made_it(self, group: Group) -> bool:
        return group.kind == "list" and group.id in self.made


@dataclass
class Survey:
    """A look at a whole account, as far as it has come: it goes on from `cursors` and `looked`.

    `cursors` says for each kind where its next page begins, None when there is none; `looked` goes from the
    key of a group to its members and flows. `hidden` are the kinds that the key may not see.
    """

    groups: list[Group] = field(default_factory=list)
    cursors: dict[str, str | None] = field(default_factory=lambda: dict.fromkeys(KINDS, ""))
    looked: dict[str, dict[str, Any]] = field(default_factory=dict)
    hidden: list[str] = field(default_factory=list)
    done: bool = False

    @property
    def used(self) -> int:
        return len(self.groups)

    def count(self, kind: Kind) -> int:
        return sum(group.kind == kind for group in self.groups)

    def known(self) -> list[Group]:
        """The groups with what was found out about them."""
        return [_with(group, self.looked.get(group.key, {})) for group in self.groups]

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"groups": [_row(group) for group in self.groups]}

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> "Survey":
        return cls(**{**kept, "groups": [Group(*row) for row in kept["groups"]]})


def _row(group: Group) -> list[str]:
    return [group.kind, group.id, group.name, group.created, group.updated]


def _with(group: Group, found: Mapping[str, Any]) -> Group:
    flows = found.get("flows")
    return replace(group, members=found.get("members"), flows=None if flows is None else tuple(flows))


def to_look_at(survey: Survey, ours: Ours, most: int) -> list[Group]:
    """Return those most likely to be spare that nothing is known of, so that `most` will have been looked at.

    Lists that Rollcall made and nothing feeds come first, then whatever was not changed for longest.
    """
    left = most - len(survey.looked)
    found = [group for group in survey.known() if group.key not in survey.looked and not ours.feeds(group)]
    return sorted(found, key=lambda group: (not ours.made_it(group), _age(group)))[: max(left, 0)]


def likeliest_first(groups: Iterable[Group], ours: Ours) -> list[Group]:
    """Order groups for a person who looks for those to delete; what is in use comes last."""
    return sorted(
        groups,
        key=lambda group: (
            bool(why_kept(group, ours)),
            not ours.made_it(group),
            group.members != 0,
            group.members is None,
            _age(group),
        ),
    )


def why_kept(group: Group, ours: Ours) -> str:
    """Say in a sentence why a group is not to be deleted here, '' when it may be."""
    if orchestration := ours.feeds(group):
        return f"“{orchestration}” feeds it."
    return starts(group.flows or ())


def starts(flows: Collection[str]) -> str:
    """Say which flows a group starts; '' for none."""
    names = ", ".join(f"“{name}”" for name in flows)
    return f"It starts {names}." if names else ""


def _age(group: Group) -> tuple[str, str]:
    return (group.updated or "9999", group.id)
