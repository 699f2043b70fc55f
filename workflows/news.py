"""Rules on what is news: which change of state is told, and in which words."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from workflows.catalogue import entry
from workflows.moves import State
from workflows.words import counted, people, verdict

FOR_A_PLAN = frozenset({"guard", "plan_ready"})
# What is wrong with a credential or its account is told once for the credential, not by each workflow.
OF_A_CIRCUIT = frozenset({"invalid_credentials", "wrong_account", "revision_retired"})
# It goes on by itself within the hour, and nobody need do anything.
NO_TROUBLE = frozenset({"rate_limited"})


@dataclass(frozen=True)
class Past:
    """What was told before.

    `told_before`: this code, of this run or of the one it repeats, and only Rollcall went on since.
    `circuit_open`: of the account. `in_trouble`: trouble of this orchestration is what was told last.
    """

    told_before: bool = False
    circuit_open: bool = False
    in_trouble: bool = False


def kind(to: State, code: str, past: Past) -> str:
    """Return which kind of news a move to `to` is; empty when it is none.

    What a person pressed (stop, discard) is no news, nor what went on by itself and came to the same.
    """
    if to in (State.PAUSED, State.FAILED):
        behind_a_circuit = past.circuit_open and code in OF_A_CIRCUIT
        if past.told_before or behind_a_circuit or (to == State.PAUSED and code in NO_TROUBLE):
            return ""
        return "approval" if code in FOR_A_PLAN else "trouble"
    if to == State.SUCCEEDED_WITH_ISSUES:
        return "issues"
    if to == State.SUCCEEDED and past.in_trouble:
        return "recovered"
    return ""


def title(news: str, code: str, name: str) -> str:
    """Return one line: what happened, and to which orchestration."""
    match news:
        case "recovered":
            return f"Working again: {name}"
        case "issues":
            return f"{entry(code).title if code else 'Succeeded with issues'}: {name}"
        case "approval" | "trouble":
            return f"{entry(code).title}: {name}"
    raise ValueError(f"unknown kind of news: {news}")


def body(
    news: str,
    code: str,
    *,
    list_name: str,
    plan: Mapping[str, Any],
    counts: Mapping[str, Any],
    some_rows: bool = False,
    a_file: bool = False,
    goes_on: datetime | None = None,
) -> str:
    """Return what it means, in numbers: it names no person, and no value of a row.

    `some_rows`: it was for rows alone that an earlier run set aside. `a_file`: its destination takes files.
    `goes_on`: when it goes on by itself.
    """
    match news:
        case "recovered":
            on_list = counts.get("on_list")
            told = ""
            if isinstance(on_list, int):
                told = f" Read back: {counted(on_list, 'row') if a_file else people(on_list)}."
            return f"{verdict(some_rows=some_rows, a_file=a_file)}: “{list_name}”.{told}"
        case "issues":
            return " ".join(filter(None, [entry(code).meaning if code else "", _outcomes(counts)]))
        case "approval":
            return f"{entry(code).meaning} {planned(plan)}".strip()
    known = entry(code)
    told = f"It goes on by itself at {goes_on:%Y-%m-%d %H:%M} UTC." if goes_on else ""
    return " ".join(filter(None, [known.meaning, f"{known.owner} can act.", told, planned(plan)]))


def planned(plan: Mapping[str, Any]) -> str:
    """Say what a plan would change; empty while there is none."""
    if not plan:
        return ""
    words = (("adds", "would be added"), ("removes", "removed"), ("updates", "updated"))
    told = ", ".join(f"{plan.get(name, 0):,} {word}" for name, word in words)
    return f"{told}; {people(plan.get('members', 0))} on the list now."


def _outcomes(counts: Mapping[str, Any]) -> str:
    added, updated, removed = (_number(counts.get(name)) for name in ("added", "updated", "removed"))
    told = f"{added:,} added, {updated:,} updated, {removed:,} removed."
    set_aside = [
        (_number(counts.get("rejected")), "rejected by the destination"),
        (_number(counts.get("not_loaded")), "not loaded"),
        (_number(counts.get("missing")), "missing from the list"),
    ]
    found = [f"{counted(number, 'row')} {word}" for number, word in set_aside if number]
    return f"{told} {', '.join(found).capitalize()}." if found else told


def _number(value: object) -> int:
    """A count, or the sum of counts by reason."""
    if isinstance(value, Mapping):
        return sum(_number(each) for each in value.values())
    return value if isinstance(value, int) else 0
