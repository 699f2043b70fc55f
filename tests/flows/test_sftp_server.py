"""Where files go: to the server and folder that were planned for, or nowhere."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from audiences import queries
from audiences.models import Query, Source
from credentials import addresses, keeping
from credentials.models import Credential
from destinations.models import DataTemplate, Destination
from destinations.sftp.address import Address
from tests.flows.test_file import key_for, run
from tests.flows.world import World, people
from tests.sshd import OpenSSH
from workflows.models import Orchestration, Workflow
from workflows.moves import State

STRANGER = "stranger@example.org"


def planned(by_file: Callable[..., World]) -> tuple[World, Workflow]:
    """Return a run that waits for somebody to approve its plan of uploads."""
    company = by_file(guards={})
    company.klaviyo.create_list("VIP")
    company.klaviyo.add("VIP", STRANGER)
    company.write(people(40))
    workflow = company.run()
    assert (workflow.state, workflow.plan["path"]) == (State.PAUSED, "sftp")
    return company, workflow


def move(credential: Credential, **changes: Any) -> None:
    settings = {**credential.settings, **changes}
    keeping.set_address(credential, addresses.tidy(credential.kind, settings))


class TestServer:
    def test_is_the_one_that_was_planned_for(self, by_file: Callable[..., World]):
        company, workflow = planned(by_file)
        move(company.sftp_key, user="somebody_else")

        ended = company.approve(workflow)

        assert (ended.state, ended.code) == (State.PAUSED, "sftp_moved")
        assert "“Shop files” was changed since this run was planned" in ended.message
        assert company.klaviyo.sftp_log("login") == []
        assert company.members() == {STRANGER}

    def test_is_not_looked_for_when_its_key_was_taken_off(self, by_file: Callable[..., World]):
        company, workflow = planned(by_file)
        Destination.objects.update(sftp_credential=None)

        ended = company.approve(workflow)

        assert (ended.state, ended.code) == (State.PAUSED, "sftp_not_possible")
        assert ended.message == "The destination has no SFTP credential any more."
        assert company.members() == {STRANGER}


class TestFolder:
    def test_is_the_credentials_where_the_destination_states_none(self, by_file: Callable[..., World]):
        company = by_file()
        move(company.sftp_key, folder="events")
        company.write(people(20))

        workflow = company.start()
        move(company.sftp_key, folder="profiles")
        company.go_on(workflow)

        # What was so when the run was started holds to its end.
        assert workflow.config["destination"]["folder"] == "events"
        assert {file["path"].rpartition("/")[0] for file in company.klaviyo.sftp_files()} == {"/events"}

    def test_is_the_destinations_when_it_states_one(self, by_file: Callable[..., World]):
        company = by_file(sftp={"folder": "profiles"})
        move(company.sftp_key, folder="events")
        company.write(people(20))

        workflow = company.run()

        assert workflow.state == State.SUCCEEDED
        assert company.members() == {f"person{n}@example.org" for n in range(20)}


class TestFile:
    @pytest.fixture
    def partner(self, transactional_db: None, openssh: OpenSSH, tmp_path: Path) -> Orchestration:
        path = tmp_path / "people.csv"
        path.write_text("email\na@example.org\n", encoding="utf-8")
        source = Source.objects.create(name="Files", kind="files", settings={"files": {"people": str(path)}})
        query = Query.objects.create(name="People", source=source, sql="select * from people")
        queries.activate(query)
        destination = Destination.objects.create(
            name="Partner", plugin="sftp", credential=key_for(openssh), settings={}
        )
        template = DataTemplate.objects.create(destination=destination, name="CSV", list_name="VIP people")
        return Orchestration.objects.create(name="People to partner", query=query, template=template)

    def test_goes_into_the_folder_of_the_credential(self, partner: Orchestration, openssh: OpenSSH):
        workflow = run(partner)

        assert (workflow.state, workflow.message) == (State.SUCCEEDED, "")
        assert len(list((openssh.folder / "profiles").iterdir())) == 1

    def test_goes_to_no_other_server_than_the_one_its_destination_is_for(
        self, partner: Orchestration, openssh: OpenSSH
    ):
        other = Address("sftp.example.org", 22, "partner").account_id
        Destination.objects.update(account_id=other)

        workflow = run(partner)

        assert (workflow.state, workflow.code) == (State.PAUSED, "sftp_moved")
        assert "than destination “Partner” was made for" in workflow.message
        assert list((openssh.folder / "profiles").iterdir()) == []
