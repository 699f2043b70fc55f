"""Orchestrations, the workflows that execute them, their steps, attempts, events and approvals."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from workflows.moves import CLAIMABLE, FINAL, LIVE, WORDS, State


class WorkflowState(models.TextChoices):
    QUEUED = State.QUEUED, WORDS[State.QUEUED]
    RUNNING = State.RUNNING, WORDS[State.RUNNING]
    WAITING = State.WAITING, WORDS[State.WAITING]
    PAUSED = State.PAUSED, WORDS[State.PAUSED]
    SUCCEEDED = State.SUCCEEDED, WORDS[State.SUCCEEDED]
    SUCCEEDED_WITH_ISSUES = State.SUCCEEDED_WITH_ISSUES, WORDS[State.SUCCEEDED_WITH_ISSUES]
    FAILED = State.FAILED, WORDS[State.FAILED]
    CANCELLING = State.CANCELLING, WORDS[State.CANCELLING]
    CANCELLED = State.CANCELLED, WORDS[State.CANCELLED]


class StepState(models.TextChoices):
    PENDING = "pending", "Pending"
    INFLIGHT = "inflight", "Running"
    AMBIGUOUS = "ambiguous", "Outcome unknown"
    WAITING = "waiting", "Waiting"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"
    SKIPPED = "skipped", "Skipped"


class Stage(models.TextChoices):
    """What a person sees of the steps, in order."""

    QUERY = "query", "Query"
    CHECK = "check", "Check"
    COMPARE = "compare", "Compare"
    DELIVER = "deliver", "Deliver"
    VERIFY = "verify", "Verify"


class Orchestration(models.Model):
    """The standing order: this query, through this data template, is that list.

    One that failed time after time is not `is_active`; `probe_at` is when a run next tries it by itself.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=200, unique=True)
    query = models.ForeignKey("audiences.Query", on_delete=models.PROTECT, related_name="orchestrations")
    template = models.ForeignKey(
        "destinations.DataTemplate", on_delete=models.PROTECT, related_name="orchestrations"
    )
    guards = models.JSONField(default=dict, blank=True)
    is_active = models.BooleanField(default=True)
    inactive_since = models.DateTimeField(null=True, blank=True)
    probe_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Circuit(models.Model):
    """One credential that was refused: while this row is there, no workflow of its account sends anything.

    It counts for the secret of `credential_version` alone; another one, or a test passed since, mends it.
    `probe_at` is when one workflow may next try by itself; `probed_by` is the one that tries now.
    """

    credential = models.OneToOneField(
        "credentials.Credential", on_delete=models.CASCADE, primary_key=True, related_name="circuit"
    )
    account_id = models.CharField(max_length=64)
    code = models.CharField(max_length=64)
    message = models.TextField()
    credential_version = models.PositiveIntegerField()
    opened_at = models.DateTimeField()
    opened_by = models.ForeignKey(
        "workflows.Workflow", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    probe_at = models.DateTimeField()
    probed_by = models.ForeignKey(
        "workflows.Workflow", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    probes = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["opened_at"]

    def __str__(self) -> str:
        return f"circuit of {self.account_id}"


class Proof(models.Model):
    """When the secret of a credential, in that `version`, was last taken; one worker finds it out."""

    credential = models.OneToOneField(
        "credentials.Credential", on_delete=models.CASCADE, primary_key=True, related_name="+"
    )
    version = models.PositiveIntegerField(default=0)
    proved_at = models.DateTimeField(null=True, blank=True)
    proving_until = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"proof of {self.credential_id}"


class Workflow(models.Model):
    """One execution of an orchestration. The database owns it; workers borrow it under a lease."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    orchestration = models.ForeignKey(Orchestration, on_delete=models.PROTECT, related_name="workflows")
    number = models.PositiveIntegerField()
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="children"
    )
    account_id = models.CharField(max_length=64)
    list_key = models.CharField(max_length=255)
    list_id = models.CharField(max_length=64, blank=True)
    trigger = models.CharField(max_length=32, default="manual")
    trigger_key = models.CharField(max_length=200, unique=True)
    started_by = models.CharField(max_length=200, blank=True)
    engine_version = models.PositiveSmallIntegerField(default=1)
    config = models.JSONField(default=dict)
    # What a resolution tells the steps to do when the run goes on, such as lists to delete.
    instructions = models.JSONField(default=dict, blank=True)
    dry_run = models.BooleanField(default=False)

    state = models.CharField(max_length=24, choices=WorkflowState, default=WorkflowState.QUEUED)
    reason = models.CharField(max_length=32, blank=True)
    code = models.CharField(max_length=64, blank=True)
    message = models.TextField(blank=True)
    error = models.JSONField(default=dict, blank=True)
    round = models.PositiveSmallIntegerField(default=0)
    cancel_requested = models.BooleanField(default=False)

    fence = models.PositiveBigIntegerField(default=0)
    owner = models.CharField(max_length=120, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    wake_at = models.DateTimeField(null=True, blank=True)
    progress_at = models.DateTimeField(null=True, blank=True)
    ambiguous_until = models.DateTimeField(null=True, blank=True)

    plan = models.JSONField(default=dict, blank=True)
    plan_hash = models.CharField(max_length=64, blank=True)
    base_members = models.PositiveBigIntegerField(null=True, blank=True)
    removals_planned = models.PositiveBigIntegerField(default=0)
    counts = models.JSONField(default=dict, blank=True)
    requests = models.JSONField(default=dict, blank=True)
    throttled = models.PositiveIntegerField(default=0)
    estimate_seconds = models.FloatField(null=True, blank=True)
    row_version = models.PositiveIntegerField(default=0)

    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    verified_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(fields=["orchestration", "number"], name="workflow_number"),
            models.UniqueConstraint(
                fields=["account_id", "list_key"],
                condition=Q(state__in=sorted(LIVE)),
                name="one_live_workflow_a_list",
            ),
        ]
        indexes = [
            models.Index(fields=["wake_at"], condition=Q(state__in=sorted(CLAIMABLE)), name="workflow_due"),
            # The list is found, counted and sorted in this index alone: whole rows are wide.
            models.Index(
                fields=["-created_at", "id"],
                include=[
                    "state",
                    "orchestration",
                    "trigger",
                    "list_key",
                    "started_by",
                    "started_at",
                    "finished_at",
                ],
                name="workflow_listed",
            ),
            models.Index(fields=["state", "-created_at"], name="workflow_by_state"),
        ]

    def __str__(self) -> str:
        return f"{self.orchestration_id}#{self.number}"

    @property
    def is_open(self) -> bool:
        """Whether it may still change by itself."""
        return self.state in CLAIMABLE

    @property
    def is_final(self) -> bool:
        return self.state in FINAL

    @property
    def needs_decision(self) -> bool:
        return self.state == State.PAUSED

    @property
    def is_on_hold(self) -> bool:
        """Whether it stopped for a while and goes on by itself, at `wake_at`, if nobody decides before."""
        return self.state == State.PAUSED and self.wake_at is not None

    @property
    def is_verified(self) -> bool:
        return self.verified_at is not None

    @property
    def feeds_a_file(self) -> bool:
        """Whether its destination takes files, behind which nobody can see a list."""
        return self.config.get("destination", {}).get("delivers") == "file"

    @property
    def is_for_some_rows(self) -> bool:
        """Whether it is for rows alone that an earlier run set aside: it says nothing about the others."""
        return "only" in self.config

    @property
    def list_name(self) -> str:
        return self.config.get("template", {}).get("list_name", self.list_key)

    @property
    def total_seconds(self) -> float | None:
        """From its start to its end, in seconds; None while it is open."""
        if self.started_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()

    @property
    def actual_seconds(self) -> float | None:
        """From the moment its plan was let pass to its verified end: what its estimate is an estimate of.

        None while it is open, and for one that ended before.
        """
        passed = self.steps.filter(key="guard:r0").values_list("finished_at", flat=True).first()
        if passed is None or self.finished_at is None:
            return None
        return (self.finished_at - passed).total_seconds()


class Step(models.Model):
    """One stage, or one batch, of a workflow. A finished step is never done again.

    `throttled` counts the answers in a row that asked to slow down, the first of them at `throttled_since`.
    """

    workflow = models.ForeignKey(Workflow, on_delete=models.CASCADE, related_name="steps")
    key = models.CharField(max_length=80)
    kind = models.CharField(max_length=24)
    stage = models.CharField(max_length=16, choices=Stage)
    round = models.PositiveSmallIntegerField(default=0)
    position = models.PositiveIntegerField()
    state = models.CharField(max_length=16, choices=StepState, default=StepState.PENDING)
    attempts = models.PositiveIntegerField(default=0)
    crashes = models.PositiveSmallIntegerField(default=0)
    throttled = models.PositiveIntegerField(default=0)
    throttled_since = models.DateTimeField(null=True, blank=True)
    next_at = models.DateTimeField(null=True, blank=True)
    input = models.JSONField(default=dict, blank=True)
    external_ref = models.CharField(max_length=200, blank=True)
    progress = models.JSONField(default=dict, blank=True)
    checkpoint = models.JSONField(default=dict, blank=True)
    outcome = models.JSONField(default=dict, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["position", "key"]
        constraints = [models.UniqueConstraint(fields=["workflow", "key"], name="step_key")]
        indexes = [models.Index(fields=["workflow", "position", "key"], name="step_order")]

    def __str__(self) -> str:
        return f"{self.workflow_id} {self.key}"

    @property
    def is_done(self) -> bool:
        return self.state in (StepState.DONE, StepState.SKIPPED)

    @property
    def seconds(self) -> float | None:
        if self.started_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()


class Attempt(models.Model):
    """One call that may have changed something in Klaviyo: its intent, then what came of it. Append-only.

    A call that only reads has a row when it failed. `request` and `answer` are what was sent and what came
    back, with every person and secret blotted out.
    """

    step = models.ForeignKey(Step, on_delete=models.CASCADE, related_name="calls")
    fence = models.PositiveBigIntegerField()
    worker = models.CharField(max_length=120, blank=True)
    endpoint = models.CharField(max_length=40)
    items = models.PositiveIntegerField(default=0)
    intent_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=24, blank=True)
    http_status = models.PositiveSmallIntegerField(null=True, blank=True)
    code = models.CharField(max_length=64, blank=True)
    error_ids = models.JSONField(default=list, blank=True)
    request = models.JSONField(default=dict, blank=True)
    answer = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.endpoint} of step {self.step_id}"


class Event(models.Model):
    """One thing that happened to a workflow, in order: what the timeline shows."""

    workflow = models.ForeignKey(Workflow, on_delete=models.CASCADE, related_name="events")
    seq = models.PositiveIntegerField()
    at = models.DateTimeField()
    actor = models.CharField(max_length=200, blank=True)
    kind = models.CharField(max_length=32)
    from_state = models.CharField(max_length=24, blank=True)
    to_state = models.CharField(max_length=24, blank=True)
    message = models.TextField(blank=True)
    data = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["seq"]
        constraints = [models.UniqueConstraint(fields=["workflow", "seq"], name="event_order")]

    def __str__(self) -> str:
        return f"{self.workflow_id} event {self.seq}"


class Approval(models.Model):
    """A person's decision about exactly one plan."""

    workflow = models.ForeignKey(Workflow, on_delete=models.CASCADE, related_name="approvals")
    plan_hash = models.CharField(max_length=64)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    decided_as = models.CharField(max_length=200)
    decided_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        ordering = ["decided_at"]
        constraints = [models.UniqueConstraint(fields=["workflow", "plan_hash"], name="one_approval_a_plan")]

    def __str__(self) -> str:
        return f"approval of {self.workflow_id}"


class Coefficient(models.Model):
    """What the last runs of an account taught about one part of the time a delivery takes.

    `observations` holds one entry a run, the oldest first: the run's id and its points of (units, seconds).
    """

    account_id = models.CharField(max_length=64)
    name = models.CharField(max_length=32)
    observations = models.JSONField(default=list, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["account_id", "name"]
        constraints = [models.UniqueConstraint(fields=["account_id", "name"], name="one_coefficient_a_name")]

    def __str__(self) -> str:
        return f"{self.name} of {self.account_id}"
