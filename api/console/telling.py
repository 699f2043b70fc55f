"""A workflow's report in lines for a person: the plan, how it went, what it waits for."""

from collections.abc import Mapping, Sequence
from typing import Any

from workflows import reasons
from workflows.decisions import FOR_A_PLAN
from workflows.moves import WORDS, State
from workflows.resolutions.offers import Kind
from workflows.sent import Sent
from workflows.words import counted, people

SIGNS = (
    ("+", "adds", "to add"),
    ("−", "removes", "to remove"),
    ("~", "updates", "to update"),
    ("=", "unchanged", "unchanged"),
    ("·", "kept_out", "kept out: they left the list by themselves"),
    ("·", "skipped", "skipped: not for this run to add"),
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
MANAGE = "python3 run.py manage"
CHOICES_SHOWN = 10


def plan_lines(report: Mapping[str, Any]) -> list[str]:
    """Return the plan as a table, with what it will take; empty when there is no plan yet."""
    plan = report["plan"]
    if not plan:
        return []
    named = f"{report['orchestration']} #{report['number']}"
    named += f", round {plan['round'] + 1}," if plan.get("round") else ""
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
    lines = [f"  estimate {seconds(plan.get('estimate_seconds'))} from here to the verified end:"]
    lines += [f"    {sentence}" for sentence in plan["arithmetic"]]
    return [*lines, *([f"  {plan['why']}"] if plan.get("why") else [])]


def result_lines(report: Mapping[str, Any]) -> list[str]:
    """Return how it ended: the outcomes, the calls, the time, and either the proof or the way out."""
    lines = [f"{WORDS[State(report['state'])]}: {_came_to(report)}", *warning_lines(report)]
    if report["requests"]:
        calls = counted(sum(report["requests"].values()), "request")
        lines.append(f"  {calls}, {report['throttled']:,} of them refused for speed (429)")
    lines += took_lines(report)
    if report["verified_at"]:
        lines.append(f"  Verified: {_proof(report)}{_less(report['counts'])}.")
        refused = reasons.refused(_by_reason(report["counts"], "rejected"))
        lines += [f"  {refused}"] if refused else []
    lines += [f"  {report['waits']}"] if report.get("waits") else []
    return [*lines, *error_lines(report)]


def took_lines(report: Mapping[str, Any]) -> list[str]:
    """Return how long it took, and the part of it that was estimated beside the estimate."""
    if report["total_seconds"] is None:
        return []
    lines = [f"  took {seconds(report['total_seconds'])}"]
    actual, estimate = report["actual_seconds"], report["estimate_seconds"]
    if actual is not None and estimate:
        told = f"{seconds(actual)} after the plan, estimated {seconds(estimate)}"
        lines[0] += f": {told}"
    return lines


def warning_lines(report: Mapping[str, Any]) -> list[str]:
    return [f"  Warning: {sentence}" for sentence in report["warnings"]]


def error_lines(report: Mapping[str, Any]) -> list[str]:
    error = report["error"]
    if not error:
        return []
    lines = [f"  {error.get('title') or error['code']}: {error['message']}"]
    return [*lines, *offered_lines(report), *approval_lines(report)]


def offered_lines(report: Mapping[str, Any]) -> list[str]:
    """Return each way out with what it does in numbers, what it asks, and the command that takes it."""
    lines = ["  What can be done:"] if report["offered"] else []
    for way in report["offered"]:
        lines += [f"    {way['label']}: {way['effect']}"]
        lines += [f"      {MANAGE} resolve {report['workflow']} {way['name']}{_asked(way['fields'])}"]
        lines += [line for field in way["fields"] for line in _choices(field)]
    return lines


def _asked(fields: Sequence[Mapping[str, Any]]) -> str:
    """Say as options of the command what a way out asks; what is not needed is left out."""
    told = ""
    for field in fields:
        if field["kind"] == Kind.SECRET:
            told += f" --secret {field['name']}"
        elif field["required"]:
            told += f" --set {field['name']}={field['expected'] or field['value'] or field['name'].upper()}"
    return told


def _choices(field: Mapping[str, Any]) -> list[str]:
    free = [choice for choice in field["choices"] if not choice["blocked"]]
    lines = [
        f"        {field['name']}={choice['value']}: {choice['label']}" for choice in free[:CHOICES_SHOWN]
    ]
    left = len(free) - len(lines)
    return [*lines, f"        and {left:,} more: see --json"] if left else lines


def approval_lines(report: Mapping[str, Any]) -> list[str]:
    """Return the two commands that approve exactly the plan that waits and go on here, to be copied."""
    if report["state"] != State.PAUSED or not report["error"] or report["error"]["code"] not in FOR_A_PLAN:
        return []
    return [
        "  To approve exactly this plan, and go on here:",
        f"    {MANAGE} approve {report['workflow']} --plan {report['plan']['hash']}",
        f"    {MANAGE} workflow {report['workflow']} --resume",
    ]


def seconds(number: float | None) -> str:
    """Say a length of time: `0.4 s`, `12 s`, `3 min 05 s`."""
    if number is None:
        return "unknown"
    if number < 10:
        return f"{number:.1f} s"
    if number < 60:
        return f"{number:.0f} s"
    return f"{int(number) // 60} min {int(number) % 60:02d} s"


def _came_to(report: Mapping[str, Any]) -> str:
    """Say the outcomes once the books are closed; before that, what has reached the list so far."""
    counts = report["counts"]
    if "on_list" in counts:
        told = [
            f"{number:,} {words}"
            for name, words in OUTCOMES.items()
            if (number := sum(_by_reason(counts, name).values()))
        ]
        return ", ".join(told) or "nothing was sent"
    sent = Sent(**report["sent"])
    if not sent:
        return "nothing was sent"
    if report["state"] == State.PAUSED:
        return f"a part has been sent already ({sent.told}); nothing more is sent until someone decides"
    return f"sent so far: {sent.told}"


def _proof(report: Mapping[str, Any]) -> str:
    """Say what was read back and found right."""
    name, list_id = report["list"]["name"], report["list"]["id"]
    if report["delivers"] == "file":
        return f"the files of “{name}” were read back, byte for byte as sent"
    if report.get("only"):
        return f"the list “{name}” ({list_id}) was read back and has the rows this run was for"
    return f"the list “{name}” ({list_id}) was read back and equals the query"


def _less(counts: Mapping[str, Any]) -> str:
    """Say which rows of the query have, for a stated reason, nobody on a list that equals it."""
    kept_out, rows = (sum(_by_reason(counts, name).values()) for name in ("kept_out", "not_loaded"))
    told = [f"{people(kept_out)} kept out"] if kept_out else []
    told += [f"{counted(rows, 'row')} not loaded"] if rows else []
    return f", less {' and '.join(told)}" if told else ""


def _by_reason(counts: Mapping[str, Any], name: str) -> dict[str, int]:
    """Return how many people or rows have an outcome, by reason; a bare number has none."""
    found = counts.get(name) or 0
    return dict(found) if isinstance(found, Mapping) else {"": int(found)}
