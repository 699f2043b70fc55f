"""Small companies that together reach every kind of step; each can be run again and again."""

import csv
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from audiences import queries
from audiences.models import Query, Source
from destinations.models import DataTemplate, Destination, Limit
from simulator.control import Account, Simulator
from tests import sshd
from tests.flows.conftest import BY_FILE, FREE
from tests.flows.test_file import MAPPING as FILE_MAPPING
from tests.flows.test_file import key_for
from tests.flows.world import LIST, World, people
from workflows.models import Orchestration, Workflow
from workflows.start import start

ADDRESS = re.compile(r"[\w.+-]+@example\.org")
PHONE = {"column": "phone", "target": "phone_number", "type": "text"}
TIER = {"column": "tier", "target": "properties.Tier", "type": "text"}


def emails(count: int, first: int = 0) -> set[str]:
    return {row["email"] for row in people(count, first=first)}


@dataclass
class Scene:
    """One company. `begin` the next run, let others work on it; `problems` then says what is wrong.

    `wanted` is who shall be on the list at the end, `may_send` who may be sent at all.
    """

    simulator: Simulator
    folder: Path
    tag: str = ""
    turn: int = 0
    wanted: set[str] = field(default_factory=set)
    may_send: set[str] = field(default_factory=set)
    company: World = field(init=False)

    def __post_init__(self) -> None:
        self.account: Account = self.simulator.account(f"Shop{self.tag}", key=None)
        self.set_up()

    def set_up(self) -> None:
        self.company = World(klaviyo=self.account, folder=self.folder, tag=self.tag, guards=FREE)

    def begin(self) -> Workflow:
        self.turn += 1
        # A run should not wait for the pace of those before it.
        Limit.objects.all().delete()
        workflow = self.prepare()
        self.account.forget_log()
        self.account.keep_bodies()
        return workflow

    def prepare(self) -> Workflow:
        raise NotImplementedError

    def problems(self) -> list[str]:
        """What differs at the destination from what was planned."""
        found = []
        if (there := self.members()) != self.wanted:
            missing, surplus = self.wanted - there, there - self.wanted
            found.append(f"{len(missing)} missing, {len(surplus)} too many on the list")
        if strangers := self.sent() - self.may_send:
            found.append(f"{len(strangers)} people were sent who were not planned")
        if odd := self.account.deviations():
            found.append(f"{len(odd)} requests that Klaviyo's document does not allow")
        return found

    def members(self) -> set[str]:
        return self.company.members()

    def sent(self) -> set[str]:
        """The addresses in every request that changes profiles, and in every file."""
        changing = [entry for entry in self.account.writes() if "import" in entry["operation"]]
        found = {address for entry in changing for address in ADDRESS.findall(str(entry["body"]))}
        for name in {file["name"] for file in self.account.sftp_files()}:
            found |= set(ADDRESS.findall(self.account.sftp_file(name).decode(errors="replace")))
        return found

    def repeated(self) -> int:
        """How many requests that change something were made more than once, word for word."""
        sent = Counter(
            f"{entry['operation']} {entry['path']} {entry['body']}" for entry in self.account.writes()
        )
        return sum(times - 1 for times in sent.values())


class NewList(Scene):
    """Two groups that somebody chose are deleted, a list is made, and 130 people are imported."""

    def prepare(self) -> Workflow:
        name = f"List {self.tag} {self.turn}"
        spare = [f"Spare {self.turn} {n}" for n in range(2)]
        self.spare = {self.account.create_list(each): each for each in spare}
        self.company.write(people(130, first=self.turn * 1_000))
        self.wanted = self.may_send = emails(130, self.turn * 1_000)
        workflow = start(self.company.another(list_name=name), by="a test", trigger="manual")
        chosen = [{"kind": "list", "id": each, "name": named} for each, named in self.spare.items()]
        Workflow.objects.filter(pk=workflow.pk).update(instructions={"delete": chosen})
        self.name = name
        return workflow

    def members(self) -> set[str]:
        return self.company.members_of(self.name)

    def problems(self) -> list[str]:
        named = [shown["id"] for shown in self.account.lists() if shown["name"] == self.name]
        left = {shown["id"] for shown in self.account.lists()}.intersection(self.spare)
        found = [f"{len(named)} lists of one name"] if len(named) != 1 else []
        return found + ([f"{len(left)} lists were not deleted"] if left else []) + super().problems()


class ById(Scene):
    """Eleven hundred people leave, and as many come back whose ids are remembered, in two batches each."""

    COUNT = 1_100

    def set_up(self) -> None:
        super().set_up()
        self.company.klaviyo.seed(LIST, 2 * self.COUNT + 20, email="person{n}@example.org", first=0)
        ended = self.company.go_on(self.prepare())
        assert ended.state == "succeeded", (ended.code, ended.message)

    def prepare(self) -> Workflow:
        first = 20 + (self.turn % 2) * self.COUNT
        self.company.write(people(20) + people(self.COUNT, first=first))
        self.wanted = emails(20) | emails(self.COUNT, first)
        return self.company.start()


class Profiles(Scene):
    """Profiles change, new ones are imported, a third of them clash and go again; others leave."""

    NEW, CLASH, STAY = 130, 40, 30

    def set_up(self) -> None:
        template = {"full_profile": True, "mapping": [PHONE, TIER]}
        self.company = World(
            klaviyo=self.account, folder=self.folder, tag=self.tag, guards=FREE, template=template
        )
        self.account.create_list("Others")
        self.company.write(self.rows(range(self.STAY)))
        self.company.activate()
        self.account.add(self.company.list_made(), "old@example.org")
        ended = self.company.run()
        assert ended.state == "succeeded", (ended.code, ended.message)

    def rows(self, numbers: range) -> list[dict[str, Any]]:
        tier = f"tier {self.turn}"
        return [
            {"email": f"person{n}@example.org", "phone": f"+1212{5_550_000 + n}", "tier": tier}
            for n in numbers
        ]

    def prepare(self) -> Workflow:
        first = self.turn * 1_000
        clashing = [
            profile
            for row in self.rows(range(first, first + self.CLASH))
            for profile in (
                {"email": row["email"]},
                {"email": f"other.{row['email']}", "phone_number": row["phone"]},
            )
        ]
        self.account.add("Others", profiles=clashing)
        self.company.write(self.rows(range(self.STAY)) + self.rows(range(first, first + self.NEW)))
        self.wanted = self.may_send = emails(self.STAY) | emails(self.NEW, first)
        workflow = self.company.start()
        decided = {"several_profiles": {"leave_out": ["phone_number"]}}
        Workflow.objects.filter(pk=workflow.pk).update(instructions=decided)
        return workflow

    def problems(self) -> list[str]:
        tiers = {
            self.account.profile(email)["properties"].get("Tier")
            for email in (
                f"person{self.turn * 1_000}@example.org",
                "person0@example.org",
                "person29@example.org",
            )
        }
        stale = [] if tiers == {f"tier {self.turn}"} else ["a profile was not changed"]
        return stale + super().problems()


class Few(Scene):
    """Eight new people, one call each, and one for all; as many leave."""

    def prepare(self) -> Workflow:
        self.account.list_named(LIST)
        self.company.write(people(8, first=self.turn * 8))
        self.wanted = self.may_send = emails(8, self.turn * 8)
        return self.company.start()


class ByFile(Scene):
    """Three hundred new people in two files over Klaviyo's SFTP; as many leave."""

    def set_up(self) -> None:
        self.account.sftp_settings(delay_seconds=0.0)
        self.company = World(
            klaviyo=self.account,
            folder=self.folder,
            tag=self.tag,
            guards=FREE,
            template=BY_FILE,
            sftp={"part_rows": 150},
        )
        self.account.list_named(LIST)

    def prepare(self) -> Workflow:
        self.company.write(people(300, first=self.turn * 1_000))
        self.wanted = emails(300, self.turn * 1_000)
        # What was uploaded before stays readable there.
        self.may_send = self.may_send | self.wanted
        self.files_before = len(self.account.sftp_files())
        return self.company.start()

    def repeated(self) -> int:
        whole = [file for file in self.account.sftp_files()[self.files_before :] if file["bytes"]]
        return super().repeated() + max(len(whole) - 2, 0)


class AFile(Scene):
    """A destination that takes files, on OpenSSH's own server: 250 people in three of them."""

    def set_up(self) -> None:
        self.server = sshd.start()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.csv = self.folder / "people.csv"
        self._write(0)
        source = Source.objects.create(
            name=f"Files{self.tag}", kind="files", settings={"files": {"people": str(self.csv)}}
        )
        query = Query.objects.create(name=f"People{self.tag}", source=source, sql="select * from people")
        queries.activate(query)
        credential = key_for(self.server)
        files = {"sftp": {"folder": "profiles", "part_rows": 100}}
        destination = Destination.objects.create(
            name=f"Partner{self.tag}", plugin="sftp", credential=credential, settings=files
        )
        template = DataTemplate.objects.create(
            destination=destination, name="CSV", list_name="VIP", full_profile=True, mapping=FILE_MAPPING
        )
        self.orchestration = Orchestration.objects.create(
            name=f"People to partner{self.tag}", query=query, template=template, guards=FREE
        )

    def _write(self, first: int) -> None:
        rows = [f"person{n}@example.org,P,{n}\n" for n in range(first, first + 250)]
        self.csv.write_text("email,name,spent\n" + "".join(rows), encoding="utf-8")

    def prepare(self) -> Workflow:
        self.server.reset()
        self._write(self.turn * 1_000)
        self.wanted = self.may_send = emails(250, self.turn * 1_000)
        return start(self.orchestration, by="a test", trigger="manual")

    def problems(self) -> list[str]:
        files = list((self.server.folder / "profiles").iterdir())
        rows = [row for file in files for row in csv.DictReader(file.read_text().splitlines())]
        named = sorted(next(iter(row.values())) for row in rows)
        found = [f"{len(files)} files instead of 3"] if len(files) != 3 else []
        return found + ([] if named == sorted(self.wanted) else ["the files hold other people than planned"])


SCENES: dict[str, Callable[..., Scene]] = {
    "new list": NewList,
    "by id": ById,
    "profiles": Profiles,
    "few": Few,
    "by file": ByFile,
    "a file": AFile,
}
