"""What a destination refuses of a delivery: when it is much, a person decides before anybody is taken off.

The step `refused` is added behind the sending when there is something to decide. What was decided lies in the
workflow's instructions under the code, as `{"leave_out": [fields]}`, or as `{"set_aside": true}`.
"""

from collections import Counter
from typing import Any

from workflows import batches, guards, rows
from workflows.models import Step, StepState
from workflows.results import Done, NewStep, Paused, Result
from workflows.run import Run
from workflows.steps import story

# Why rows were refused, and the code a delivery is held with when those are many.
CODES = {"duplicate_profile": "several_profiles", "too_large": "too_large"}
_TOLD = {
    "several_profiles": "several profiles match {n} of {of} people, and Klaviyo took none of these",
    "too_large": "{n} of {of} profiles are over the 100 kB that Klaviyo takes",
}
SENDING = ("import", "update", "upsert")


def asked(run: Run, step: Step) -> tuple[NewStep, ...]:
    """Return the step that asks a person, when this round has sent all it had and too much was refused."""
    mine = run.workflow.steps.filter(round=step.round)
    if mine.filter(kind="refused").exists() or step.input.get("again"):
        return ()
    waiting = mine.filter(kind__in=(*SENDING, "jobs")).exclude(pk=step.pk)
    if waiting.exclude(state__in=(StepState.DONE, StepState.SKIPPED)).exists() or not _much(run, step.round):
        return ()
    return (story.new("refused", step.round),)


def refused(run: Run, step: Step) -> Result:
    """Ask what shall become of the many that were refused, and send those again that a person says."""
    steps: list[NewStep] = []
    for reason, number in _much(run, step.round).items():
        code = CODES[reason]
        decided = run.workflow.instructions.get(code)
        if not decided:
            raise Paused(code, _sentence(run, code, number, _sent(run, step.round)), refused=number)
        if leave_out := decided.get("leave_out"):
            steps += _again(run, step.round, reason, leave_out)
    return Done({"again": len(steps)}, steps=tuple(steps))


def _much(run: Run, round_: int) -> dict[str, int]:
    """How many of a round were refused for each reason, where that is more than may be passed over."""
    limits = guards.Limits.of(run.workflow.config["guards"])
    by_reason = Counter(_refused_in(run, round_).values())
    sent = _sent(run, round_)
    return {reason: by_reason[reason] for reason in CODES if guards.too_many(by_reason[reason], sent, limits)}


def _refused_in(run: Run, round_: int) -> dict[str, str]:
    """Whom a round sent and the destination refused, with the code; of earlier rounds was asked in those."""
    refused, found = batches.rejected(run.folder), set[str]()
    for name in ("adds.parquet", batches.UPDATES):
        for batch in rows.stream(run.folder.file(f"r{round_}", name), ("key",)):
            found |= refused.keys() & set(batch.column("key").to_pylist())
    return {key: refused[key] for key in found}


def _sent(run: Run, round_: int) -> int:
    plan = run.workflow.steps.get(key=f"compare:r{round_}").outcome
    return plan["adds"] + plan["updates"]


def _sentence(run: Run, code: str, number: int, of: int) -> str:
    share = guards.Limits.of(run.workflow.config["guards"]).max_not_loaded_share
    told = _TOLD[code].format(n=f"{number:,}", of=f"{of:,}")
    return (
        f"{told[0].upper()}{told[1:]}; your limit is {share:.0%}. "
        "Whoever else was sent was taken, and nobody was taken off the list yet."
    )


def _again(run: Run, round_: int, reason: str, leave_out: list[str]) -> list[NewStep]:
    """The steps that send the refused rows again without some of their fields."""
    keys = {key for key, why in batches.rejected(run.folder).items() if why == reason}
    steps = []
    for number, batch in enumerate(batches.again(run, run.folder.file(f"r{round_}"), keys)):
        given: dict[str, Any] = {**batch.as_input(), "leave_out": leave_out, "again": True}
        key = f"{batch.kind}:r{round_}:again:{number:05d}"
        steps.append(story.new(batch.kind, round_, position=story.again(round_, number), key=key, **given))
    if steps:
        last = story.again(round_, len(steps))
        steps.append(story.new("jobs", round_, position=last, key=f"jobs:r{round_}:again", again=True))
    return steps
