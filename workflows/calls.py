"""What was asked and what was answered: the steps of a workflow, a page at a time, each with its calls."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.core.paginator import Page, Paginator

from accounts.redaction import clean
from destinations import registry
from workflows import step_words
from workflows.looks import Look, of_step
from workflows.models import Attempt, Step, Workflow
from workflows.words import counted, size

PAGE_SIZE = 20
CALLS_SHOWN = 20
_KINDS_OF_ANSWER = {
    "ok": Look("ok", "check", "accepted"),
    "retrylater": Look("warn", "clock", "later"),
    "holdon": Look("idle", "clock", "held back"),
    "ambiguous": Look("warn", "alert", "outcome unknown"),
    "crashed": Look("warn", "alert", "worker ended"),
    "removed": Look("idle", "skip", "taken back"),
    "": Look("run", "spin", "on its way"),
}
_REFUSED = Look("bad", "alert", "refused")
_THROTTLED = Look("warn", "clock", "asked to wait")


@dataclass(frozen=True)
class CallShown:
    """One call with what was sent and what came back; people and secrets in them are blotted out."""

    attempt: Attempt
    purpose: str

    @property
    def look(self) -> Look:
        if self.attempt.code == "throttled":
            return _THROTTLED
        return _KINDS_OF_ANSWER.get(self.attempt.outcome, _REFUSED)

    @property
    def seconds(self) -> float | None:
        ended = self.attempt.ended_at
        return (ended - self.attempt.intent_at).total_seconds() if ended else None

    @cached_property
    def line(self) -> str:
        """The request in one line: “POST /api/profile-bulk-import-jobs”."""
        request = self.attempt.request
        return clean(f"{request.get('method', '')} {request.get('path', '')}".strip())

    @property
    def sent_size(self) -> str:
        sent = self.attempt.request.get("bytes")
        return size(sent) if isinstance(sent, int) and sent else ""

    @cached_property
    def request(self) -> str:
        return _text(self.attempt.request.get("body"))

    @cached_property
    def answer(self) -> str:
        return _text(self.attempt.answer.get("body"))

    @property
    def headers(self) -> list[tuple[str, str]]:
        headers = self.attempt.answer.get("headers")
        told = headers if isinstance(headers, Mapping) else {}
        return [(str(name), clean(str(value))) for name, value in told.items()]

    @property
    def ids(self) -> Sequence[str]:
        """Klaviyo's own ids of what went wrong, for its support."""
        return [str(each) for each in self.attempt.error_ids]


@dataclass(frozen=True)
class StepShown:
    """One step: how many calls it made that may have changed something, the last of them, all when `here`."""

    step: Step
    look: Look
    label: str
    calls: int
    last: Attempt | None
    here: bool
    shown: Sequence[CallShown] | None = None

    @property
    def people(self) -> int | None:
        """How many the step is about, None when it is about none."""
        told = self.step.outcome.get("rows", self.step.input.get("limit"))
        return told if isinstance(told, int) else None

    @property
    def earlier(self) -> int:
        return max(self.calls - CALLS_SHOWN, 0)

    @property
    def told(self) -> str:
        """The last answer in a few words: “202”, “429 throttled”."""
        if self.last is None:
            return ""
        parts = (str(self.last.http_status or ""), self.last.code.replace("_", " "))
        return " ".join(part for part in parts if part)


@dataclass(frozen=True)
class StepsPage:
    rows: Sequence[StepShown]
    page: Page

    @property
    def told(self) -> str:
        return counted(self.page.paginator.count, "step")


def steps_page(
    workflow: Workflow,
    steps: Sequence[Step],
    *,
    number: int = 0,
    opened: Step | None = None,
    stopped: Step | None = None,
) -> StepsPage:
    """Return a page of `steps`; without a number the one with `opened`, which comes with its calls.

    `stopped` is the step where the workflow came to its error.
    """
    if not number and opened in steps:
        number = steps.index(opened) // PAGE_SIZE + 1
    page = Paginator(steps, PAGE_SIZE).get_page(number or 1)
    on_it = list(page.object_list)
    tried = _summed(on_it)
    rows = [
        _row(
            workflow,
            step,
            tried.get(step.pk, []),
            is_opened=step == opened,
            look=of_step(step, workflow, stopped=step == stopped),
        )
        for step in on_it
    ]
    return StepsPage(rows, page)


def step_shown(workflow: Workflow, step: Step) -> StepShown:
    """Return one step with its last calls, the newest first."""
    return _row(
        workflow, step, _summed([step]).get(step.pk, []), is_opened=True, look=of_step(step, workflow)
    )


def _row(
    workflow: Workflow, step: Step, tried: Sequence[Attempt], *, is_opened: bool, look: Look
) -> StepShown:
    return StepShown(
        step=step,
        look=look,
        label=step_words.label(step),
        calls=len(tried),
        last=tried[-1] if tried else None,
        here=is_opened,
        shown=_calls(workflow, step) if is_opened else None,
    )


def _summed(steps: Iterable[Step]) -> dict[int, list[Attempt]]:
    """The calls of each of these steps without what was sent and answered, in one query."""
    found: dict[int, list[Attempt]] = defaultdict(list)
    light = Attempt.objects.filter(step__in=[step.pk for step in steps]).only(
        "step_id", "http_status", "code"
    )
    for attempt in light.order_by("pk"):
        found[attempt.step_id].append(attempt)
    return found


def _calls(workflow: Workflow, step: Step) -> list[CallShown]:
    plugin = registry.PLUGINS[workflow.orchestration.template.destination.plugin]
    purposes = {endpoint.name: endpoint.purpose for endpoint in plugin.endpoints}
    newest = step.calls.order_by("-pk")[:CALLS_SHOWN]
    return [CallShown(attempt, purposes.get(attempt.endpoint, attempt.endpoint)) for attempt in newest]


def _text(body: Any) -> str:
    """What was sent or answered, as text; the second line of defence blots out what looks like a person."""
    return clean(body) if isinstance(body, str) else ""
