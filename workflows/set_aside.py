"""Rows and people that were set aside, grouped by reason, each with a masked example and a remedy."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workflows import reasons, samples
from workflows.models import Workflow
from workflows.panels import Panel
from workflows.reasons import Reason
from workflows.tallies import total

# What can stand in an address of ours and in the id of a part of a page.
_A_CODE = re.compile(r"[A-Za-z0-9_-]{1,60}")


@dataclass(frozen=True)
class Outcome:
    """Those set aside for one reason; `code` names it, '' when nobody can do anything about it here.

    `panel` are its ways out when they are to be shown with the page.
    """

    code: str
    title: str
    stage: str
    number: int
    sample: str
    remedy: str
    panel: Panel | None = None


def outcomes(workflow: Workflow, panel: Panel | None = None) -> list[Outcome]:
    """Return every reason that somebody was set aside for; `panel` is that of one of them, opened."""
    counts, examples = workflow.counts, samples.masked(workflow)
    not_loaded = _by_code(counts, "not_loaded") or _by_code(workflow.plan, "not_loaded")
    found = [_of_rows(reasons.not_loaded(code), "Check", code, n, examples) for code, n in not_loaded]
    rejected = _by_code(counts, "rejected")
    found += [_of_rows(reasons.rejected(code), "Deliver", code, n, examples) for code, n in rejected]
    kept_out = total(counts.get("kept_out", workflow.plan.get("kept_out", 0)))
    found.append(_of_people(reasons.KEPT_OUT, "Compare", kept_out))
    unknown = reasons.NOT_SEEN if workflow.code == "sftp_unconfirmed" else reasons.UNKNOWN
    doubted = total(counts.get("unknown", 0))
    found.append(_of_people(unknown, "Verify", doubted, examples.get("not_seen", "")))
    return [_with(panel, outcome) for outcome in found if outcome.number]


def refused(workflow: Workflow) -> str:
    """Whom Klaviyo would not take, and why; empty when nobody."""
    return reasons.refused(dict(_by_code(workflow.counts, "rejected")))


def _of_rows(reason: Reason, stage: str, code: str, number: int, examples: Mapping[str, str]) -> Outcome:
    named = code if _A_CODE.fullmatch(code) else ""
    return Outcome(named, reason.title, stage, number, examples.get(code, ""), reason.remedy)


def _of_people(reason: Reason, stage: str, number: int, sample: str = "") -> Outcome:
    return Outcome("", reason.title, stage, number, sample, reason.remedy)


def _with(panel: Panel | None, outcome: Outcome) -> Outcome:
    if panel is None or panel.reason != outcome.code:
        return outcome
    return Outcome(
        outcome.code,
        outcome.title,
        outcome.stage,
        outcome.number,
        outcome.sample,
        outcome.remedy,
        panel,
    )


def _by_code(counts: Mapping[str, Any], name: str) -> list[tuple[str, int]]:
    """Counts by code, the most first; a bare number has no code."""
    given = counts.get(name, {})
    by_code = given if isinstance(given, dict) else {"": given}
    return sorted(((code, total(number)) for code, number in by_code.items()), key=lambda pair: -pair[1])
