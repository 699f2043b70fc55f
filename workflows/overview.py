"""The first page: how the lists stand, and how far the set-up has come."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Model, OuterRef, Subquery

from audiences.models import Query, QueryState
from credentials.models import Credential
from destinations.models import AudienceList, DataTemplate, Destination
from workflows import inactivity, looks
from workflows.guards import Limits
from workflows.history import waiting_for_a_decision
from workflows.looks import Look
from workflows.models import Orchestration, Workflow


@dataclass(frozen=True)
class Item:
    """One thing of the set-up; `url` names the page where it is done."""

    title: str
    told: str
    url: str
    done: bool
    next: bool = False


@dataclass(frozen=True)
class Standing:
    """An orchestration, the list it keeps, its last workflow, and why it rests: '' when it does not."""

    orchestration: Orchestration
    audience_list: AudienceList | None
    last: Workflow | None
    why_inactive: str = ""

    @property
    def guards(self) -> Limits | None:
        """What it lets pass unasked; None when its guards cannot be read, which a start then says."""
        try:
            return Limits.of(self.orchestration.guards)
        except (ValueError, TypeError):
            return None

    @property
    def look(self) -> Look | None:
        return looks.of_workflow(self.last) if self.last else None


@dataclass(frozen=True)
class Overview:
    standings: Sequence[Standing]
    checklist: Sequence[Item]
    waiting: int

    @property
    def done(self) -> int:
        return sum(item.done for item in self.checklist)


def overview() -> Overview:
    return Overview(standings(), checklist(), waiting_for_a_decision())


def standings() -> list[Standing]:
    """Every orchestration by name, in five queries however many there are."""
    orchestrations = list(Orchestration.objects.select_related("query__source", "template__destination"))
    lasts = _last_workflows()
    names = {each.template.list_name for each in orchestrations}
    kept = {(one.account_id, one.name): one for one in AudienceList.objects.filter(name__in=names)}
    whys = inactivity.whys(orchestrations)
    return [
        Standing(each, kept.get(_list_of(each)), lasts.get(each.pk), whys.get(each.pk, ""))
        for each in sorted(orchestrations, key=lambda each: each.name)
    ]


def _list_of(orchestration: Orchestration) -> tuple[str, str]:
    return orchestration.template.destination.account_id, orchestration.template.list_name


def _last_workflows() -> dict[UUID, Workflow]:
    """The newest workflow of each orchestration that has run."""
    newest = Workflow.objects.filter(orchestration=OuterRef("pk")).order_by("-number").values("pk")[:1]
    run = Orchestration.objects.annotate(last=Subquery(newest)).exclude(last=None)
    found = Workflow.objects.defer("plan", "error").filter(pk__in=list(run.values_list("last", flat=True)))
    return {workflow.orchestration_id: workflow for workflow in found}


def checklist() -> list[Item]:
    """The way from nothing to a first verified list, with the first open thing marked."""
    items = [
        Item("Credential", "A private API key of the Klaviyo account", "credentials:list", _any(Credential)),
        Item("Destination", "The account that key opens", "destinations:list", _any(Destination)),
        Item(
            "Query",
            "An active SELECT that gives an e-mail address",
            "audiences:queries",
            Query.objects.filter(state=QueryState.ACTIVE).exists(),
        ),
        Item("Data template", "Which list, and which fields", "destinations:list", _any(DataTemplate)),
        Item(
            "Orchestration",
            "This query, through that template, is the list",
            "workflows:orchestrations",
            _any(Orchestration),
        ),
        Item(
            "First run",
            "Its plan is shown in numbers before anything large is sent",
            "workflows:orchestrations",
            Workflow.objects.filter(verified_at__isnull=False).exists(),
        ),
    ]
    return _with_next(items)


def _any(model: type[Model]) -> bool:
    return model._default_manager.exists()


def _with_next(items: Sequence[Item]) -> list[Item]:
    first = next((item for item in items if not item.done), None)
    return [Item(item.title, item.told, item.url, item.done, next=item is first) for item in items]
