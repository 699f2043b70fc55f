"""Guards: the reasons to hold a plan until a person has seen its numbers."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace

# Why a row was not loaded, and the code of a plan that has too many of those. Somebody who stands twice in
# the query with the same values is no trouble.
CODE_OF_REASON = {
    "phone_no_country": "phone_format",
    "phone_invalid": "phone_format",
    "email_missing": "no_identifier",
    "email_invalid": "email_format",
    "duplicate_conflict": "duplicate_key",
    "value_type": "column_type",
}
OF_ROWS = frozenset(CODE_OF_REASON.values())
_WHAT_ROWS_HAVE = {
    "phone_format": "have a phone number that is not in international format",
    "no_identifier": "have no e-mail address",
    "email_format": "have an e-mail address that cannot be",
    "duplicate_key": "speak of a person whom another row describes differently",
    "column_type": "have a value of another type than its field",
}


# What a person may raise to let a plan pass, each a number.
NUMBERS = ("max_removed_share", "max_removed", "max_flow_adds", "max_not_loaded_share")


@dataclass(frozen=True)
class Limits:
    """What an orchestration lets pass without asking.

    `max_removed_share` is a fraction of the list as it stood, 0.0 to 1.0; `always_allowed` is a number of
    removals too small to ask about; `max_flow_adds` is how many people may enter a live flow unasked.
    `max_not_loaded_share` is a fraction of the rows of the query, `always_allowed_not_loaded` a number of
    rows too small to ask about; they hold as well for what the destination refuses of a delivery.
    """

    max_removed_share: float = 0.2
    max_removed: int = 50_000
    always_allowed: int = 10
    max_flow_adds: int = 1_000
    approve_first_run: bool = True
    max_not_loaded_share: float = 0.1
    always_allowed_not_loaded: int = 10

    @classmethod
    def of(cls, given: Mapping[str, object]) -> "Limits":
        """Return the limits an orchestration states, with the defaults for the rest.

        Raises ValueError for a name that is no guard.
        """
        unknown = set(given) - {field.name for field in fields(cls)}
        if unknown:
            raise ValueError(f"There is no guard named {', '.join(sorted(unknown))}.")
        return cls(**given)  # type: ignore[arg-type]  # the mapping comes from validated JSON


@dataclass(frozen=True)
class Change:
    """The numbers a guard looks at. `removed` counts every removal of this workflow, earlier rounds too.

    `size` is what the query's own thresholds say, or ''. `not_loaded` counts rows by reason.
    """

    candidates: int
    rows: int
    listed: int
    added: int
    removed: int
    first_run: bool
    size: str = ""
    live_flows: tuple[str, ...] = ()
    not_loaded: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Objection:
    code: str
    sentence: str

    def as_dict(self) -> dict[str, str]:
        return {"code": self.code, "sentence": self.sentence}


def objections(change: Change, limits: Limits) -> list[Objection]:
    """Return every reason to hold this plan; an empty list lets it pass."""
    found = [
        _size(change),
        _empty_query(change),
        _large_removal(change, limits),
        _first_run(change, limits),
        _flows(change, limits),
        _not_loaded(change, limits),
    ]
    return [objection for objection in found if objection]


def letting_pass(change: Change, limits: Limits) -> Limits | None:
    """Return the limits, each raised as little as need be, that let this plan pass; None when none would.

    A share is rounded up to a whole percent, so that it can be written down.
    """
    raised = limits
    if change.removed > limits.always_allowed and change.listed:
        share = max(_share(change.removed, change.listed), limits.max_removed_share)
        raised = replace(raised, max_removed_share=share, max_removed=max(change.removed, limits.max_removed))
    if change.live_flows:
        raised = replace(raised, max_flow_adds=max(change.added, limits.max_flow_adds))
    if _not_loaded(change, limits):
        not_loaded = sum(number for reason, number in change.not_loaded.items() if reason in CODE_OF_REASON)
        raised = replace(raised, max_not_loaded_share=_share(not_loaded, change.rows))
    return None if objections(change, raised) else raised


def _share(number: int, of: int) -> float:
    return -(-number * 100 // of) / 100


def _size(change: Change) -> Objection | None:
    return Objection("size_threshold", change.size) if change.size else None


def _empty_query(change: Change) -> Objection | None:
    if change.candidates:
        return None
    gave = "The query gave no rows" if not change.rows else f"None of the {change.rows:,} rows can be loaded"
    then = f"would take all {change.listed:,} people off the list" if change.listed else "has nobody to send"
    return Objection("empty_query", f"{gave}, so this plan {then}.")


def _large_removal(change: Change, limits: Limits) -> Objection | None:
    if change.removed <= limits.always_allowed or not change.listed:
        return None
    share = change.removed / change.listed
    if share > limits.max_removed_share:
        return Objection(
            "large_removal",
            f"It would remove {change.removed:,} of {change.listed:,} people ({share:.0%}); "
            f"your limit is {limits.max_removed_share:.0%}.",
        )
    if change.removed > limits.max_removed:
        return Objection(
            "large_removal",
            f"It would remove {change.removed:,} people; your limit is {limits.max_removed:,}.",
        )
    return None


def _first_run(change: Change, limits: Limits) -> Objection | None:
    if not (limits.approve_first_run and change.first_run and change.listed):
        return None
    return Objection(
        "first_run",
        f"This is the first run, and the list already has {_people(change.listed, 'member')}: "
        f"{change.removed:,} of them are not in the query and would be removed.",
    )


def _flows(change: Change, limits: Limits) -> Objection | None:
    if not change.live_flows or change.added <= limits.max_flow_adds:
        return None
    names = ", ".join(f"“{name}”" for name in change.live_flows)
    return Objection(
        "starts_flows",
        f"Adding {change.added:,} people will enter them into {names}; "
        f"your limit without asking is {limits.max_flow_adds:,}.",
    )


def too_many(number: int, of: int, limits: Limits) -> bool:
    """Whether so many rows out of so many are more than may stay out unasked."""
    return number > limits.always_allowed_not_loaded and number > limits.max_not_loaded_share * of


def _not_loaded(change: Change, limits: Limits) -> Objection | None:
    by_code: Counter[str] = Counter()
    for reason, number in change.not_loaded.items():
        if code := CODE_OF_REASON.get(reason):
            by_code[code] += number
    total = by_code.total()
    if not too_many(total, change.rows, limits):
        return None
    [(code, number)] = by_code.most_common(1)
    more = f" {total:,} rows were not loaded in all." if total > number else ""
    return Objection(
        code,
        f"{number:,} of {change.rows:,} rows {_WHAT_ROWS_HAVE[code]}; "
        f"your limit is {limits.max_not_loaded_share:.0%}.{more}",
    )


def code_of(objections: list[Objection]) -> str:
    """Return the code a plan is held with: that of its rows when nothing else is the matter."""
    codes = {objection.code for objection in objections}
    return next(iter(codes)) if codes and codes <= OF_ROWS else "guard"


def reasons_of(code: str) -> tuple[str, ...]:
    """Return the reasons for rows that a code stands for."""
    return tuple(reason for reason, found in CODE_OF_REASON.items() if found == code)


def _people(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
