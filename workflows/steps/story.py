"""The steps of a workflow in order: what exists from the start, and what each round adds.

1. probe: the key opens the account this destination is pinned to
2. resolve: the name of the list becomes its id, once
3. barrier: nothing that an earlier run of this list sent can still take effect
4. extract: rows of the query become candidates; the rest is not loaded, with reasons
5. snapshot: the list as it is; a list that takes minutes to read comes first, and the query in its pauses
6. compare: the difference, cut into batches: the plan
7. guard: a plan over a limit waits for a person
8. create: the list, when there is none of that name
9. add, upsert, import, upload, update: people on, batch by batch, by the way the plan chose
10. jobs: the import jobs have ended, and what they refused is known
11. refused: only when much was refused, a person says what shall become of it; then imports and jobs again
12. ingest: the list has taken in the uploaded files, or stands still
13. remove: people off, when everyone who stays is on
14. settle: nothing we sent can still change the list
15. verify: the list read back; equal, or one more round from 6
16. finish: outcomes that add up, the ledger, the end
"""

from collections.abc import Sequence

from workflows.models import Stage, Step, Workflow
from workflows.plan import Batch
from workflows.results import NewStep

ROUND = 10_000_000
AT = {
    "snapshot": 1_000,
    "compare": 2_000,
    "guard": 3_000,
    "create": 4_000,
    "add": 1_000_000,
    "upsert": 1_500_000,
    "import": 2_000_000,
    "upload": 2_500_000,
    "update": 3_000_000,
    "jobs": 4_000_000,
    "refused": 4_100_000,
    "again": 4_100_001,
    "ingest": 4_500_000,
    "remove": 5_000_000,
    "settle": 6_000_000,
    "verify": 6_000_001,
    "confirm": 6_000_001,
}
FINISH = 1_000_000_000
# After the reading of a list that takes minutes, nearly all of them waiting for its next turn.
LATE_EXTRACT = 1_500
INDEPENDENT_OF = {"snapshot": ("extract",)}
STAGES = {
    "probe": Stage.QUERY,
    "resolve": Stage.QUERY,
    "barrier": Stage.QUERY,
    "extract": Stage.QUERY,
    "snapshot": Stage.COMPARE,
    "compare": Stage.COMPARE,
    "guard": Stage.COMPARE,
    "settle": Stage.VERIFY,
    "verify": Stage.VERIFY,
    "finish": Stage.VERIFY,
    "reach": Stage.QUERY,
    "draft": Stage.COMPARE,
    "confirm": Stage.VERIFY,
    "close": Stage.VERIFY,
}


def open_workflow(workflow: Workflow) -> None:
    """Add the steps every workflow has from its start."""
    if workflow.feeds_a_file:
        add(workflow, _steps_of_a_file())
        return
    kinds = ["probe", "resolve", "barrier", "extract"]
    steps = [new(kind, 0, position=10 * (n + 1), key=kind) for n, kind in enumerate(kinds)]
    steps += [new(kind, 0) for kind in ("snapshot", "compare", "guard")]
    add(workflow, steps)


def _steps_of_a_file() -> list[NewStep]:
    """A file is not compared with anything: its plan is everyone who can be sent."""
    steps = [new(kind, 0, position=10 * (n + 1), key=kind) for n, kind in enumerate(("reach", "extract"))]
    draft = new("draft", 0, position=AT["compare"], key="compare:r0")
    return [*steps, draft, new("guard", 0)]


def new(kind: str, round_: int, *, position: int | None = None, key: str = "", **given: object) -> NewStep:
    at = round_ * ROUND + AT.get(kind, FINISH) if position is None else position
    stage = STAGES.get(kind, Stage.DELIVER)
    return NewStep(key or f"{kind}:r{round_}", kind, stage, round_, at, dict(given))


def delivery(batches: Sequence[Batch], round_: int, *, create: bool) -> list[NewStep]:
    """The steps that carry a plan out and check it."""
    steps = [new("create", round_)] if create else []
    steps += _sending(batches, round_)
    if any(batch.kind in ("import", "update") for batch in batches):
        steps.append(new("jobs", round_))
    if any(batch.kind == "upload" for batch in batches):
        steps.append(new("ingest", round_))
    return [*steps, new("settle", round_), new("verify", round_)]


def files(batches: Sequence[Batch]) -> list[NewStep]:
    """The steps that upload the files of a plan and read them back."""
    return [*_sending(batches, 0), new("confirm", 0)]


def _sending(batches: Sequence[Batch], round_: int) -> list[NewStep]:
    steps = []
    for number, batch in enumerate(batches):
        position = round_ * ROUND + AT[batch.kind] + number
        key = f"{batch.kind}:r{round_}:{number:05d}"
        steps.append(new(batch.kind, round_, position=position, key=key, **batch.as_input()))
    return steps


def again(round_: int, number: int) -> int:
    """The place of a batch that is sent once more, after it was refused."""
    return round_ * ROUND + AT["again"] + number


def read_list_first(workflow: Workflow) -> None:
    """Let the reading of the list begin before the query; it leaves long pauses."""
    workflow.steps.filter(key="extract").update(position=LATE_EXTRACT)


def next_round(round_: int) -> list[NewStep]:
    """One more round: it compares with what the verification before it has read."""
    return [new("compare", round_), new("guard", round_)]


def add(workflow: Workflow, steps: Sequence[NewStep]) -> None:
    Step.objects.bulk_create(
        Step(
            workflow=workflow,
            key=step.key,
            kind=step.kind,
            stage=step.stage,
            round=step.round,
            position=step.position,
            input=step.input,
        )
        for step in steps
    )
