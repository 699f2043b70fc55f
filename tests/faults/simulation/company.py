"""The company of one seed: its configuration in the product, its account, and the rows of its query."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
from django.conf import settings

from audiences import queries
from audiences.columns import Column
from audiences.errors import SourceCode, SourceError
from audiences.models import Query, Source
from credentials import vault
from credentials.models import Credential
from destinations.models import DataTemplate, Destination
from tests.faults.simulation.hub import Hub, HubClock
from tests.faults.simulation.klaviyo import Klaviyo
from tests.faults.simulation.tale import LIST, Row, Tale
from workflows.models import Orchestration, Workflow
from workflows.start import start

TEXT = {b"label": b"text"}
SCHEMA = pa.schema(
    [pa.field("email", pa.string(), metadata=TEXT), pa.field("tier", pa.string(), metadata=TEXT)]
)
MAPPING = [{"column": "tier", "target": "properties.Tier", "type": "text"}]


class Company:
    """One orchestration and its account."""

    def __init__(self, hub: Hub, klaviyo: Klaviyo, tale: Tale) -> None:
        self.hub = hub
        self.klaviyo = klaviyo
        self.tale = tale
        self.rows: tuple[Row, ...] = ()
        self.source_fails = 0
        self.account = klaviyo.account("Example Shop", **tale.imports)
        self.stranger = klaviyo.account("Another Shop")
        self._configure()
        if tale.list_exists:
            klaviyo.make_list(self.account, LIST)
            klaviyo.add(self.account, LIST, *tale.listed)
            if tale.has_twin:
                klaviyo.make_list(self.account, LIST)

    def _configure(self) -> None:
        self.credential = Credential(name="Shop", kind="klaviyo_api_key")
        vault.save_secret(self.credential, self.account.key)
        self.destination = Destination.objects.create(
            name="Klaviyo", plugin="klaviyo", credential=self.credential
        )
        if self.tale.tested:
            name = self.account.name
            self.credential.note_test(
                account_id=self.account.id, account_name=name, scopes=[], at=self.hub.now()
            )
            Destination.objects.update(account_id=self.account.id, account_name=name)
        source = Source.objects.create(
            name="Files", kind="files", settings={"files": {"people": str(_file())}}
        )
        query = Query.objects.create(name="People", source=source, sql="select * from people")
        columns = [Column("email", "text", "email", pii=True), Column("tier", "text", None, pii=False)]
        queries.activate(query, seen=columns)
        template = DataTemplate.objects.create(
            destination=self.destination,
            name="Template",
            list_name=LIST,
            mode=self.tale.mode,
            full_profile=self.tale.full_profile,
            mapping=MAPPING if self.tale.full_profile else [],
        )
        self.orchestration = Orchestration.objects.create(
            name="People to VIP", query=query, template=template, guards=dict(self.tale.guards)
        )

    def start(self) -> Workflow:
        """Start a run, as somebody at the page would."""
        orchestration = Orchestration.objects.select_related("query", "template__destination").get()
        return start(orchestration, by="somebody", trigger="manual", clock=HubClock(self.hub))

    def put_key(self, key: str) -> None:
        credential = Credential.objects.get(pk=self.credential.pk)
        vault.save_secret(credential, key)

    def list_exists(self) -> bool:
        return any(each["name"] == LIST for each in self.klaviyo.lists(self.account))

    def members(self) -> set[str]:
        return self.klaviyo.members(self.account, LIST) if self.list_exists() else set()


def _file() -> Path:
    """A file that is there; what it would give is said by QueryStandIn."""
    path = Path(settings.DATA_DIR).parent / "people.csv"
    path.touch()
    return path


class QueryStandIn:
    """Gives the company's rows where the product's sandbox would run a process."""

    def __init__(
        self, company: Company, given: Callable[[tuple[Row, ...]], None], pulse: Callable[[int], None]
    ) -> None:
        self.schema = SCHEMA
        self.rows = 0
        self._company = company
        self._given = given
        self._pulse = pulse

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def batches(self) -> Iterator[pa.RecordBatch]:
        self._pulse(0)
        if self._company.source_fails:
            self._company.source_fails -= 1
            raise SourceError(SourceCode.UNAVAILABLE, "The source could not be reached.")
        rows = self._company.rows
        self._given(rows)
        columns: list[Any] = [[row.email for row in rows], [row.tier for row in rows]]
        yield pa.record_batch([pa.array(column, pa.string()) for column in columns], schema=SCHEMA)
        self._pulse(len(rows))
