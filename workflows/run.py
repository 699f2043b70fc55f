"""What a step has at hand while it works: its workflow, the clock, the files, and the way out."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from django.conf import settings

from audiences.keys import Keyer
from audiences.models import Query
from credentials import vault
from credentials.models import Credential
from destinations import accounts_check, paths, registry
from destinations.csv_file import Layout
from destinations.models import AudienceList, Destination
from destinations.registry import Klaviyo, Profile, Reading, Session, SftpSession, Target
from workflows import faults, lease, proofs
from workflows.circuits import Key
from workflows.clock import Clock
from workflows.files import Folder, ledger_path
from workflows.models import Step, Workflow
from workflows.outside import Recorder
from workflows.results import Paused

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
        self._session: Session | None = None
        self._sftp: SftpSession | None = None
        self._targets: tuple[Target, ...] | None = None
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
        return Destination.objects.select_related("credential", "sftp_credential").get(
            pk=self.workflow.config["destination"]["id"]
        )

    @property
    def audience_list(self) -> AudienceList:
        ours = AudienceList.objects.filter(account_id=self.workflow.account_id)
        if self.workflow.list_id:
            return ours.get(list_id=self.workflow.list_id)
        return ours.get(name=self.workflow.list_key)

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

    @cached_property
    def plugin(self) -> registry.Plugin:
        return registry.PLUGINS[self.destination.plugin]

    @property
    def session(self) -> Session:
        """The open line to the account, each call through the limiter and this workflow's recorder."""
        if self._session is None:
            destination = self.destination
            _refuse_another_account(self.workflow, destination)
            self.recorder.key = Key(destination.credential_id, destination.credential.version)
            self._session = accounts_check.open_checked(destination, clock=self.clock, hooks=self.recorder)
            # From now on an answer proves the key.
            self.recorder.is_open = True
        return self._session

    def test_key(self) -> None:
        """Test the secret as it is now. Raises what `check_credential` does."""
        self.reopen()
        credential = self.destination.credential
        self.recorder.key = Key(credential.pk, credential.version)
        accounts_check.check_credential(credential, clock=self.clock, hooks=self.recorder)
        proofs.note(self.recorder.key, self.clock.now())

    def reopen(self) -> None:
        """Close the line to the account; the next call opens it with the secret of that moment."""
        if self._session is not None:
            self._session.gateway.close()
        self._session = self.recorder.key = None
        self.recorder.is_open = self.recorder.finds_out = False

    @property
    def client(self) -> Klaviyo:
        """The vendor's endpoints, one method each."""
        return self.session.client

    @property
    def sftp(self) -> SftpSession:
        """The open line to the server that takes files, through this workflow's recorder."""
        if self._sftp is None:
            credential = self.sftp_credential
            planned_for = self.workflow.config["destination"].get("sftp_account", "")
            paths.check_server(self.destination, credential, planned_for=planned_for)
            self._sftp = registry.open_sftp(credential, clock=self.clock, hooks=self.recorder)
        return self._sftp

    @property
    def sftp_credential(self) -> Credential:
        """The key of the server that takes files. Raises NeedsDecision when it was taken off meanwhile."""
        return paths.required_credential(self.destination)

    @property
    def sftp_may_rename(self) -> bool:
        """Whether a test saw this server rename a file; nothing is staged where nobody has tried."""
        return bool(self.sftp_credential.settings.get("can_rename"))

    @cached_property
    def files(self) -> Any:
        """What the destination's files are like: folder, part sizes, how long to wait."""
        frozen = self.workflow.config["destination"]
        return self.plugin.files.choices(frozen.get("files", {}), folder=frozen.get("folder", ""))

    def layout(self, list_id: str) -> Layout:
        """The columns of a file of new people. Raises CannotWrite with a sentence."""
        return self.plugin.files.layout(
            self.template["mapping"],
            list_id=list_id,
            full_profile=self.template["full_profile"],
            choices=self.files,
        )

    def read_members(
        self,
        *,
        into: Path,
        since: datetime | None = None,
        state: dict[str, Any] | None = None,
        until: Callable[[], bool] = lambda: False,
    ) -> Reading:
        """Read the list, or who joined it `since`, until done or told to stop; `state` continues one."""
        return self.session.read_members(
            self.workflow.list_id, into=into, key_of=self.keyer.key, since=since, state=state, until=until
        )

    def profile(self, row: dict[str, Any], *, leave_out: Sequence[str] = ()) -> Profile:
        """A row of candidates as the vendor's profile; its fields only when the full profile is sent.

        Not those that this run leaves out, nor `leave_out`.
        """
        if self._targets is None:
            unsent = self.workflow.config.get("leave_out", ())
            mapped = self.template["mapping"] if self.template["full_profile"] else []
            kept = [entry for entry in mapped if entry["target"] not in unsent]
            self._targets = self.plugin.mapping.targets(kept)
        targets = tuple(target for target in self._targets if target.name not in leave_out)
        return self.plugin.mapping.profile(row, targets if leave_out else self._targets)

    def close(self) -> None:
        self.reopen()
        self.hang_up()

    def hang_up(self) -> None:
        """Close the line to the server that takes files; the next upload opens another."""
        if self._sftp is not None:
            self._sftp.close()
            self._sftp = None

    # -- time

    def slice_over(self) -> bool:
        return time.monotonic() - self.began >= settings.SLICE_SECONDS

    def pulse(self, **progress: Any) -> None:
        """Say that work goes on. Raises LostLease or StopAsked when it must not."""
        self.recorder.heartbeat()
        step = self.recorder.step
        faults.at("pulse", workflow=self.workflow, step=step)
        if progress and step is not None and progress != step.progress:
            self.keep(step, progress=progress)

    def keep(self, step: Step, **columns: Any) -> None:
        """Write columns of a step down. Raises LostLease when another worker has taken over."""
        with lease.fenced(self.workflow):
            Step.objects.filter(pk=step.pk).update(**columns)
        for name, value in columns.items():
            setattr(step, name, value)

    def rest(self, wait: timedelta) -> None:
        """Sleep a short while, keeping the lease."""
        left = wait.total_seconds()
        while left > 0:
            self.clock.sleep(min(left, lease.beat_seconds()))
            left -= lease.beat_seconds()
            self.recorder.heartbeat()

    def meanwhile(self, work: Callable[[], T]) -> T:
        """Do long work in a thread, keeping the lease from this one; the work must not touch the database."""
        with ThreadPoolExecutor(max_workers=1) as pool:
            future = pool.submit(work)
            while True:
                try:
                    return future.result(timeout=lease.beat_seconds())
                except NotYet:
                    if future.done():
                        raise
                    self.recorder.heartbeat()


def _refuse_another_account(workflow: Workflow, destination: Destination) -> None:
    """A plan was made for the lists of one account; it is not carried out in another. Raises Paused."""
    known = not workflow.account_id.startswith("untested:")
    if known and destination.account_id not in ("", workflow.account_id):
        account = destination.account_name or destination.account_id
        raise Paused(
            "wrong_account",
            f"“{destination}” goes to “{account}” by now, and this run was made for another account. Nothing "
            "more of it is sent. Restart it to compare with the lists of that account.",
        )
