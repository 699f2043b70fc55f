"""Watching a workflow from beside it, and saying each thing that changes once."""

import threading
from collections.abc import Callable
from types import TracebackType
from uuid import UUID

from django.db import OperationalError, connection

from workflows.models import Workflow
from workflows.stages import StageView, stages

LOOK_EVERY_SECONDS = 0.5
TELL_EVERY_LOOKS = 4


class Watch:
    """Tell how the stages of one workflow get on, from a thread of its own, until the block ends.

    The thread has its own connection and only reads. `tell` gets one line at a time, `planned` the workflow
    once, when its plan is there.
    """

    def __init__(
        self,
        workflow_id: UUID,
        tell: Callable[[str], None],
        *,
        planned: Callable[[Workflow], None] | None = None,
    ) -> None:
        self.workflow_id = workflow_id
        self.tell = tell
        self._planned = planned
        self._told: dict[str, tuple[str, str]] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="progress", daemon=True)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        looks = 0
        try:
            while not self._over.wait(LOOK_EVERY_SECONDS):
                self._look(with_progress=looks % TELL_EVERY_LOOKS == 0)
                looks += 1
            self._look(with_progress=True)
        finally:
            connection.close()

    def _look(self, *, with_progress: bool) -> None:
        try:
            workflow = Workflow.objects.select_related("orchestration").filter(pk=self.workflow_id).first()
            seen = stages(workflow) if workflow else ()
        except OperationalError:
            # A busy database is looked at again in a moment; progress is a courtesy.
            return
        if workflow and workflow.plan and self._planned:
            self._planned(workflow)
            self._planned = None
        for stage in seen:
            self._consider(stage, with_progress=with_progress)

    def _consider(self, stage: StageView, *, with_progress: bool) -> None:
        """Tell a stage when its state changed, and now and then when only its figures did."""
        now, before = (stage.state, said(stage)), self._told.get(stage.label)
        if stage.state == "waiting" or now == before:
            return
        if before and before[0] == stage.state and not with_progress:
            return
        self._told[stage.label] = now
        self.tell(f"  {now[1]}")


def said(stage: StageView) -> str:
    """Return a stage in one line: its label, its figure, and what the figure is of."""
    figure = "" if stage.headline == "–" else f"{stage.headline} "
    mark = " ✓" if stage.state == "done" else ""
    return f"{stage.label:<8} {figure}{stage.detail}{mark}"
