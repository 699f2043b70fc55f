"""What a step has at hand while it works: its workflow, the clock, the files, and the way out."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from django.conf import settings

from audiences.keys import Keyer
from audiences.models import Query
from credentials import vault
from destinations import registry
from destinations.models import AudienceList, Destination
from workflows.clock import Clock
from workflows.files import Folder, ledger_path
from workflows.models import Step, Workflow
from workflows.outside import Recorder

PULSE_SECONDS = 5.0
T = TypeVar("T")


class Run:
    """One slice of one workflow in one worker. Close it: it holds connections."""

    def __init__(self, workflow: Workflow, *, clock: Clock, worker: str) -> None:
        self.workflow = workflow
        self.clock = clock
        self.worker = worker
        self.folder = Folder(workflow.pk)
        self.recorder = Recorder(workflow, clock, worker)
        self.began = time.monotonic()
        self._service: registry.Service | None = None
        self._keyer: Keyer | None = None

    # -- the settings frozen at the start

    @property
    def template(self) -> dict[str, Any]:
        return self.workflow.config["template"]

    @property
    def query(self) -> Query:
        return Query.objects.select_related("source", "source__credential").get(
            pk=self.workflow.config["query"]["id"]
        )

    @property
    def destination(self) -> Destination:
        return Destination.objects.select_related("credential").get(
            pk=self.workflow.config["destination"]["id"]
        )

    @property
    def audience_list(self) -> AudienceList:
        return AudienceList.objects.get(account_id=self.workflow.account_id, name=self.workflow.list_key)

    @property
    def ledger(self) -> Path | None:
        """The newest ledger of the list, or None before its first verified run."""
        kept = self.audience_list
        return ledger_path(kept.pk, kept.ledger_version) if kept.ledger_version else None

    @property
    def keyer(self) -> Keyer:
        if self._keyer is None:
            self._keyer = Keyer(vault.derive("people"))
        return self._keyer

    # -- the way out

    @property
    def service(self) -> "registry.Service":
        """The vendor's calls, each through the limiter and this workflow's recorder."""
        if self._service is None:
            self._service = registry.service(
                self.destination,
                account_id=self.workflow.account_id,
                clock=self.clock,
                hooks=self.recorder,
            )
        return self._service

    def close(self) -> None:
        if self._service is not None:
            self._service.close()
            self._service = None

    # -- time

    def slice_over(self) -> bool:
        return time.monotonic() - self.began >= settings.SLICE_SECONDS

    def pulse(self, **progress: Any) -> None:
        """Say that work goes on. Raises LostLease or StopAsked when it must not."""
        self.recorder.heartbeat()
        step = self.recorder.step
        if progress and step is not None and progress != step.progress:
            step.progress = progress
            Step.objects.filter(pk=step.pk).update(progress=progress)

    def rest(self, wait: timedelta) -> None:
        """Sleep a short while, keeping the lease."""
        left = wait.total_seconds()
        while left > 0:
            self.clock.sleep(min(left, PULSE_SECONDS))
            left -= PULSE_SECONDS
            self.recorder.heartbeat()

    def meanwhile(self, work: Callable[[], T]) -> T:
        """Do long work that has no database in it in a thread, keeping the lease from this one."""
        with ThreadPoolExecutor(max_workers=1) as pool:
            future = pool.submit(work)
            while True:
                try:
                    return future.result(timeout=PULSE_SECONDS)
                except NotYet:
                    if future.done():
                        raise
                    self.recorder.heartbeat()
