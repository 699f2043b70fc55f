"""How many requests a workflow made of each endpoint, beside what Klaviyo allows in a minute."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from destinations import registry
from workflows.drawing import Part, bar
from workflows.models import Workflow

MINUTE = 60.0
# What is counted like a request and has no limit of its own.
ELSEWHERE = {"sftp.upload": "uploading a file"}


@dataclass(frozen=True)
class EndpointPace:
    """`a_minute` is the mean since the start; `limit` what the destination allows in one."""

    endpoint: str
    purpose: str
    requests: int
    a_minute: float
    burst: int
    limit: int

    @property
    def told(self) -> str:
        return f"{self.a_minute:,.0f} a minute" if self.a_minute >= 1 else "under one a minute"

    @property
    def bar(self) -> list[Part]:
        return bar([("run", "a minute", min(round(self.a_minute), self.limit))], whole=self.limit)


@dataclass(frozen=True)
class Pace:
    endpoints: Sequence[EndpointPace]
    throttled: int

    @property
    def requests(self) -> int:
        return sum(each.requests for each in self.endpoints)


def pace(workflow: Workflow, *, now: datetime) -> Pace:
    """Return the requests of a workflow, the busiest endpoint first."""
    plugin = registry.PLUGINS[workflow.orchestration.template.destination.plugin]
    allowances = {endpoint.name: endpoint for endpoint in plugin.endpoints}
    minutes = _minutes(workflow, now)
    found = [
        EndpointPace(
            endpoint=name,
            purpose=allowances[name].purpose if name in allowances else ELSEWHERE.get(name, name),
            requests=number,
            # A run shorter than a minute spends no more of a minute's allowance than what it sent.
            a_minute=number / max(minutes, 1.0),
            burst=allowances[name].windows.burst if name in allowances else 0,
            limit=allowances[name].windows.steady if name in allowances else 0,
        )
        for name, number in sorted(workflow.requests.items(), key=lambda pair: -pair[1])
    ]
    return Pace(found, workflow.throttled)


def _minutes(workflow: Workflow, now: datetime) -> float:
    if workflow.started_at is None:
        return 0.0
    # While a person decides, nothing is sent: that time would only make the rate look low.
    until = workflow.finished_at or (workflow.progress_at if workflow.needs_decision else None) or now
    return (until - workflow.started_at).total_seconds() / MINUTE
