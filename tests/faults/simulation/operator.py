"""The person of one seed who decides about runs that stopped: minutes later, and not always right at once."""

from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from tests.faults.simulation.company import Company
from tests.faults.simulation.crew import Crew, Violation
from tests.faults.simulation.hub import HubClock
from tests.faults.simulation.misfortunes import chance
from tests.faults.simulation.tale import LIST, Turn
from tests.faults.simulation.trace import Trace
from tests.faults.simulation.witness import Witness
from workflows import decisions, rows
from workflows.files import Folder
from workflows.models import Workflow
from workflows.moves import State
from workflows.start import CannotStart

MOST_DECISIONS = 60
# What helps by itself in the end: the one who looks tries again.
TRY_AGAIN = frozenset(
    {
        "blocked_at_edge",
        "bug",
        # Somebody pressed the button before the account was known; one of the two runs waits for the other.
        "list_shared",
        "source_unavailable",
        "unexpected_answer",
        "upstream_unavailable",
        "unreachable",
        "worker_crashing",
    }
)


@dataclass
class Operator:
    """Acts on each stop once, some time after it was seen."""

    company: Company
    crew: Crew
    witness: Witness
    trace: Trace
    seed: int
    turn: Turn | None = None
    acted_at: float = 0.0
    _planned: set[tuple[UUID, int]] = field(default_factory=set)
    _keys_tried: int = 0

    def __post_init__(self) -> None:
        self._dice = chance(self.seed, "operator")
        self._clock = HubClock(self.company.hub)

    def see(self, waiting: list[Workflow]) -> None:
        """Plan to act on runs that wait, unless that is planned already."""
        for workflow in waiting:
            about = (workflow.pk, workflow.row_version)
            if about not in self._planned:
                self._planned.add(about)
                self.company.hub.live(lambda pk=workflow.pk: self._act(pk), after=self._dice.uniform(5, 120))

    def _act(self, pk: UUID) -> None:
        workflow = Workflow.objects.get(pk=pk)
        if workflow.state not in (State.PAUSED, State.FAILED):
            return
        self.trace.note(f"operator looks at run {workflow.number}: {workflow.code}")
        self.witness.met["decisions"] += 1
        if self.witness.met["decisions"] > MOST_DECISIONS:
            raise Violation(
                f"I7: a person decides again and again about “{workflow.code}”: {workflow.message}"
            )
        self.acted_at = self.company.hub.seconds()
        do = self._ways().get(workflow.code)
        if do is None:
            raise Violation(f"a run stopped for “{workflow.code}”: {workflow.message}")
        try:
            do(workflow)
        except decisions.TooOld:
            self._restart(workflow)
        except decisions.Stale:
            self.trace.note("operator is too late")
        self.crew.ring(pk)
        self.crew.look()

    def _ways(self) -> dict[str, Callable[[Workflow], None]]:
        ways = dict.fromkeys(TRY_AGAIN, self._retry)
        return ways | {
            "guard": self._judge,
            "invalid_credentials": self._mend_key,
            "wrong_account": self._mend_key,
            "list_ambiguous": self._keep_one_list,
            "import_stuck": self._hurry,
        }

    def _retry(self, workflow: Workflow) -> None:
        decisions.retry(workflow, by="somebody", clock=self._clock)

    def _restart(self, workflow: Workflow) -> None:
        if workflow.state == State.PAUSED:
            decisions.discard(workflow, by="somebody", clock=self._clock)
        self._start()

    def _start(self) -> None:
        try:
            self.crew.ring(self.company.start().pk)
        except CannotStart as error:
            raise Violation(f"a run cannot start: {error.code}") from error

    def _judge(self, workflow: Workflow) -> None:
        """Let a plan pass when it is what the company wants; mend the query when it is not."""
        turn = self.turn
        given = self.witness.given[workflow.pk]
        if turn and given != turn.wanted:
            self.trace.note("operator mends the query")
            self.witness.met["bad_queries_held"] += 1
            self.company.rows = turn.rows
            self._restart(workflow)
            return
        ids = rows.values(Folder(workflow.pk).file(f"r{workflow.round}", "removes.parquet"), "profile_id")
        # The numbers on the page count what earlier rounds removed too.
        seen = self.witness.approved.get(workflow.pk, set()) | self.witness.removed.get(workflow.pk, set())
        decisions.approve(
            workflow, plan_hash=workflow.plan_hash, by=None, as_name="somebody", clock=self._clock
        )
        self.witness.approved[workflow.pk] = seen | ids
        self.witness.met["approvals"] += 1

    def _mend_key(self, workflow: Workflow) -> None:
        self._keys_tried += 1
        if self.company.tale.wrong_key_first and self.company.tale.tested and self._keys_tried == 1:
            self.company.put_key(self.company.stranger.key)
        else:
            self.company.klaviyo.change(self.company.account, revoked=False)
            self.company.put_key(self.company.account.key)
        self._retry(workflow)

    def _keep_one_list(self, workflow: Workflow) -> None:
        self.witness.met["second_lists_flagged"] += 1
        found = [each for each in self.company.klaviyo.lists(self.company.account) if each["name"] == LIST]
        for each in sorted(found, key=lambda each: each["members"])[:-1]:
            self.company.klaviyo.drop_list(self.company.account, each["id"])
        self._retry(workflow)

    def _hurry(self, workflow: Workflow) -> None:
        self.company.klaviyo.change(self.company.account, lag_seconds=0.0)
        self.company.klaviyo.release_jobs()
        self._retry(workflow)
