"""A small company for flow tests: a CSV of people, a list in Klaviyo, and an orchestration between them."""

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from audiences import queries
from audiences.models import Query, Source
from credentials import host_keys, ssh_keys, vault
from credentials.models import Credential
from destinations.accounts_check import check_credential
from destinations.models import DataTemplate, Destination
from simulator.control import Account
from workflows import decisions, engine
from workflows.clock import Clock, DatabaseClock
from workflows.models import Orchestration, Workflow
from workflows.start import start

LIST = "VIP"


class HurriedClock(DatabaseClock):
    """A clock on which waiting takes a fiftieth of the time."""

    def __init__(self, *, pace: int = 50) -> None:
        self._ahead = timedelta()
        self._pace = pace

    def now(self) -> datetime:
        return super().now() + self._ahead

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            super().sleep(seconds / self._pace)
            self._ahead += timedelta(seconds=seconds * (1 - 1 / self._pace))


def sftp_credential(klaviyo: Account, *, name: str = "Shop files") -> Credential:
    """A key made here, let in by the account's server, whose own key somebody has accepted."""
    key = ssh_keys.generate()
    klaviyo.authorize(key.public_line)
    place = klaviyo.sftp
    credential = Credential(
        name=name,
        kind="klaviyo_sftp",
        settings={"host": place.host, "port": place.port, "user": place.user, "folder": "profiles"},
    )
    vault.save_secret(credential, key.openssh)
    pin = host_keys.parse(place.host_key)
    host_keys.accept(credential, type=pin.type, fingerprint=pin.fingerprint, by="a test")
    return credential


def people(count: int, *, first: int = 0) -> list[dict[str, Any]]:
    return [{"email": f"person{number}@example.org"} for number in range(first, first + count)]


@dataclass
class World:
    """Everything a run needs. `write` what the query gives, then `run`; `tag` tells several worlds apart."""

    klaviyo: Account
    folder: Path
    template: Mapping[str, Any] = field(default_factory=dict)
    guards: Mapping[str, Any] = field(default_factory=dict)
    sql: str = "select * from people"
    test_credential: bool = True
    sftp: Mapping[str, Any] | None = None
    clock: Clock | None = None
    rows: Sequence[Mapping[str, Any]] | None = None
    tag: str = ""
    orchestration: Orchestration = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.csv = self.folder / "people.csv"
        self.write(people(3) if self.rows is None else self.rows)
        self.credential = Credential(name=f"Shop{self.tag}", kind="klaviyo_api_key")
        vault.save_secret(self.credential, self.klaviyo.key)
        destination = Destination.objects.create(
            name=f"Klaviyo{self.tag}", plugin="klaviyo", credential=self.credential
        )
        if self.test_credential:
            check_credential(self.credential)
            destination.refresh_from_db()
        if self.sftp is not None:
            destination.sftp_credential = self.sftp_key = sftp_credential(
                self.klaviyo, name=f"Shop files{self.tag}"
            )
            destination.settings = {"sftp": dict(self.sftp)} if self.sftp else {}
            destination.save()
        source = Source.objects.create(
            name=f"Files{self.tag}", kind="files", settings={"files": {"people": str(self.csv)}}
        )
        self.query = Query.objects.create(name=f"People{self.tag}", source=source, sql=self.sql)
        queries.activate(self.query)
        settings = {"name": "Template", "list_name": LIST, **self.template}
        self.orchestration = Orchestration.objects.create(
            name=f"People to VIP{self.tag}",
            query=self.query,
            template=DataTemplate.objects.create(destination=destination, **settings),
            guards=dict(self.guards),
        )

    def write(self, rows: Sequence[Mapping[str, Any]], *, columns: Sequence[str] = ("email",)) -> None:
        """Replace what the query gives."""
        names = list(rows[0]) if rows else list(columns)
        with self.csv.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, names)
            writer.writeheader()
            writer.writerows(rows)

    def activate(self) -> None:
        """Let the query know the columns that were written since."""
        queries.activate(self.query)

    def list_made(self) -> str:
        """The list, made by hand when it is not there yet."""
        return self.klaviyo.list_named(LIST)

    def start(self, **given: Any) -> Workflow:
        return start(self.orchestration, by="a test", trigger="manual", **given)

    def run(self, *, on_change: Callable[[Workflow], None] | None = None, **given: Any) -> Workflow:
        """Start a workflow and work on it until it is over or waits for a decision."""
        return self.go_on(self.start(**given), on_change=on_change)

    def go_on(self, workflow: Workflow, *, on_change: Callable[[Workflow], None] | None = None) -> Workflow:
        return engine.run_to_rest(workflow.pk, worker="test", on_change=on_change, clock=self.clock)

    def approve(self, workflow: Workflow) -> Workflow:
        decisions.approve(workflow, plan_hash=workflow.plan_hash, by=None, as_name="a test")
        return self.go_on(workflow)

    def another(self, *, list_name: str) -> Orchestration:
        """A second standing order with the same query and account, for a list of that name."""
        template = DataTemplate.objects.create(
            destination=self.orchestration.template.destination, name=list_name, list_name=list_name
        )
        return Orchestration.objects.create(
            name=f"People to {list_name}", query=self.query, template=template
        )

    def run_of(self, orchestration: Orchestration) -> Workflow:
        return self.go_on(start(orchestration, by="a test", trigger="manual"))

    def members_of(self, list_name: str) -> set[str]:
        return self.klaviyo.members(list_name)

    def members(self) -> set[str]:
        return self.klaviyo.members(LIST)
