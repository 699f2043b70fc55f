"""A workflow's report in lines for a person: the plan, how it went, what it waits for."""

from collections.abc import Mapping
from typing import Any

from workflows.moves import WORDS, State

SIGNS = (
    ("+", "adds", "to add"),
    ("−", "removes", "to remove"),
    ("~", "updates", "to update"),
    ("=", "unchanged", "unchanged"),
    ("·", "kept_out", "kept out: they left the list by themselves"),
    ("·", "skipped", "skipped by the mode of the data template"),
    ("·", "surplus_left", "on the list beyond the query, left alone"),
)
ALWAYS_SHOWN = ("adds", "removes", "updates", "unchanged")
REASONS = {
    "email_missing": "no e-mail address",
    "email_invalid": "not an e-mail address",
    "phone_invalid": "not a phone number",
    "phone_no_country": "a phone number without its country",
    "duplicate": "another row of the same person",
    "duplicate_conflict": "several rows of one person that do not agree",
    "value_type": "a value that is not of the mapped type",
}
OUTCOMES = {
    "added": "added",
    "removed": "removed",
    "updated": "updated",
    "unchanged": "unchanged",
    "kept_out": "kept out",
    "rejected": "rejected by the destination",
    "skipped": "skipped",
    "unknown": "not confirmed",
    "not_loaded": "not loaded",
}
# Rows of the query whose people are, for a stated reason, not on a list that equals it.
OUT_OF_IT = ("kept_out", "rejected", "not_loaded")


def plan_lines(report: Mapping[str, Any]) -> list[str]:
    """Return the plan as a table, with what it will take; empty when there is no plan yet."""
    plan = report["plan"]
    if not plan:
        return []
    named = f"{report['orchestration']} #{report['number']}"
    lines = [f"Plan of {named} for the list “{report['list']['name']}”"]
    lines += [
        f"  {sign} {plan.get(name, 0):>11,}  {words}"
        for sign, name, words in SIGNS
        if name in ALWAYS_SHOWN or plan.get(name)
    ]
    lines += not_loaded_lines(plan.get("not_loaded") or {})
    lines += estimate_lines(plan)
    return [*lines, f"  plan hash {plan['hash']}"]


def not_loaded_lines(reasons: Mapping[str, int]) -> list[str]:
    if not reasons:
        return []
    lines = [f"  × {sum(reasons.values()):>11,}  not loaded"]
    for reason, rows in sorted(reasons.items(), key=lambda pair: -pair[1]):
        lines.append(f"    {rows:>11,}  · {REASONS.get(reason, reason)}")
    return lines


def estimate_lines(plan: Mapping[str, Any]) -> list[str]:
    if not plan.get("arithmetic"):
        return []
    lines = [f"  estimate {seconds(plan.get('estimate_seconds'))}, from the published limits:"]
    return [*lines, *(f"    {sentence}" for sentence in plan["arithmetic"])]


def result_lines(report: Mapping[str, Any]) -> list[str]:
    """Return how it ended: the outcomes, the calls, the time, and either the proof or the way out."""
    lines = [f"{WORDS[State(report['state'])]}: {_counted(report['counts'])}"]
    if report["requests"]:
        calls = sum(report["requests"].values())
        lines.append(f"  {calls:,} requests, {report['throttled']:,} of them refused for speed (429)")
    if report["actual_seconds"] is not None:
        lines.append(f"  took {seconds(report['actual_seconds'])}")
    if report["verified_at"]:
        name, list_id = report["list"]["name"], report["list"]["id"]
        less = _less(report["counts"])
        lines.append(f"  Verified: the list “{name}” ({list_id}) was read back and equals the query{less}.")
    return [*lines, *error_lines(report)]


def error_lines(report: Mapping[str, Any]) -> list[str]:
    error = report["error"]
    if not error:
        return []
    lines = [f"  {error.get('title') or error['code']}: {error['message']}", "  What can be done:"]
    return [*lines, *(f"    - {resolution}" for resolution in error["resolutions"])]


def seconds(number: float | None) -> str:
    """Say a length of time: `0.4 s`, `12 s`, `3 min 05 s`."""
    if number is None:
        return "unknown"
    if number < 10:
        return f"{number:.1f} s"
    if number < 60:
        return f"{number:.0f} s"
    return f"{int(number) // 60} min {int(number) % 60:02d} s"


def _counted(counts: Mapping[str, Any]) -> str:
    told = [f"{_number(counts, name):,} {words}" for name, words in OUTCOMES.items() if _number(counts, name)]
    return ", ".join(told) or "nothing was sent"


def _less(counts: Mapping[str, Any]) -> str:
    told = [f"{_number(counts, name):,} {OUTCOMES[name]}" for name in OUT_OF_IT if _number(counts, name)]
    return f", less {' and '.join(told)}" if told else ""


def _number(counts: Mapping[str, Any], name: str) -> int:
    """Return how many people or rows have an outcome; some are counted by reason."""
    found = counts.get(name) or 0
    return sum(found.values()) if isinstance(found, Mapping) else int(found)
