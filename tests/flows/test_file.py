"""A destination that takes files: the audience as a CSV on OpenSSH's own server, read back byte for byte."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from audiences import queries
from audiences.models import Query, Source
from credentials import host_keys, ssh_keys, vault
from credentials.models import Credential
from destinations.models import DataTemplate, Destination
from tests.sshd import OpenSSH
from workflows import engine
from workflows.models import Attempt, Orchestration, Workflow
from workflows.moves import State
from workflows.report import report
from workflows.start import start
from workflows.steps import HANDLERS, upload

MAPPING = [
    {"column": "name", "target": "Full name", "type": "text"},
    {"column": "spent", "target": "Spent", "type": "number"},
]


@pytest.fixture
def company(transactional_db: None, openssh: OpenSSH, tmp_path: Path) -> Callable[..., Orchestration]:
    """An orchestration that puts people.csv on the server; `write` its text before a run."""

    def make(text: str, **settings: Any) -> Orchestration:
        path = tmp_path / "people.csv"
        path.write_text(text, encoding="utf-8")
        source = Source.objects.create(name="Files", kind="files", settings={"files": {"people": str(path)}})
        query = Query.objects.create(name="People", source=source, sql="select * from people")
        queries.activate(query)
        destination = Destination.objects.create(
            name="Partner", plugin="sftp", credential=key_for(openssh), settings={"sftp": settings}
        )
        template = DataTemplate.objects.create(
            destination=destination, name="CSV", list_name="VIP people", full_profile=True, mapping=MAPPING
        )
        return Orchestration.objects.create(name="People to partner", query=query, template=template)

    return make


def key_for(openssh: OpenSSH) -> Credential:
    where = {"host": openssh.host, "port": openssh.port, "user": openssh.user, "folder": "profiles"}
    credential = Credential(name="Partner key", kind="sftp", settings=where)
    vault.save_secret(credential, ssh_keys.read(openssh.private_key, None).openssh)
    for line in openssh.host_keys.values():
        host_keys.accept(
            credential, type=line.split()[0], fingerprint=ssh_keys.fingerprint(line), by="a test"
        )
    return credential


def run(orchestration: Orchestration) -> Workflow:
    workflow = start(orchestration, by="a test", trigger="manual")
    return engine.run_to_rest(workflow.pk, worker="test")


class TestFile:
    def test_holds_everyone_under_the_names_of_ones_own(
        self, company: Callable[..., Orchestration], openssh: OpenSSH
    ):
        text = 'email,name,spent\nb@example.org,"Berg, Bo",12.50\na@example.org,Ann,7\nnobody,Cy,1\n'

        workflow = run(company(text, folder="profiles", headers={"email": "E-mail"}))

        (file,) = (openssh.folder / "profiles").iterdir()
        lines = file.read_bytes().splitlines()
        assert (workflow.state, workflow.message) == (State.SUCCEEDED, "")
        assert lines[0] == b"E-mail,Full name,Spent"
        assert sorted(lines[1:]) == [b"a@example.org,Ann,7", b'b@example.org,"Berg, Bo",12.5']
        assert file.name.startswith("vip-people-")
        assert workflow.is_verified
        assert workflow.counts["added"] == 2
        assert workflow.counts["not_loaded"] == {"email_invalid": 1}

    def test_is_written_anew_by_every_run_and_never_over_another(
        self, company: Callable[..., Orchestration], openssh: OpenSSH
    ):
        orchestration = company("email,name,spent\na@example.org,Ann,7\n", folder="profiles")

        first, second = run(orchestration), run(orchestration)

        assert first.state == second.state == State.SUCCEEDED
        assert len(list((openssh.folder / "profiles").iterdir())) == 2

    def test_comes_in_parts_when_asked(self, company: Callable[..., Orchestration], openssh: OpenSSH):
        rows = "".join(f"p{n}@example.org,P,{n}\n" for n in range(250))

        workflow = run(company("email,name,spent\n" + rows, folder="profiles", part_rows=100))

        assert workflow.state == State.SUCCEEDED
        assert [file["rows"] for file in report(workflow)["files"]] == [100, 100, 50]
        assert len(list((openssh.folder / "profiles").iterdir())) == 3

    def test_is_not_called_delivered_when_it_is_gone(
        self, company: Callable[..., Orchestration], openssh: OpenSSH, monkeypatch: pytest.MonkeyPatch
    ):
        orchestration = company("email,name,spent\na@example.org,Ann,7\n", folder="profiles")

        real = HANDLERS["confirm"]

        def after_it_was_fetched(*given: Any) -> Any:
            openssh.reset()
            return real(*given)

        monkeypatch.setitem(HANDLERS, "confirm", after_it_was_fetched)

        workflow = run(orchestration)

        assert (workflow.state, workflow.code) == (State.SUCCEEDED_WITH_ISSUES, "file_unconfirmed")
        assert not workflow.is_verified
        assert workflow.counts["unknown"] == 1

    def test_names_the_folder_that_is_not_there(self, company: Callable[..., Orchestration]):
        workflow = run(company("email,name,spent\na@example.org,Ann,7\n", folder="nowhere"))

        assert (workflow.state, workflow.code) == (State.PAUSED, "sftp_folder_missing")

    def test_is_not_made_of_nobody(self, company: Callable[..., Orchestration], openssh: OpenSSH):
        workflow = run(company("email,name,spent\n", folder="profiles"))

        assert (workflow.state, workflow.code) == (State.PAUSED, "guard")
        assert list((openssh.folder / "profiles").iterdir()) == []

    def test_leaves_no_torn_file_beside_the_whole_one(
        self, company: Callable[..., Orchestration], openssh: OpenSSH, monkeypatch: pytest.MonkeyPatch
    ):
        rows = "".join(f"p{n}@example.org,P,{n}\n" for n in range(250))
        orchestration = company("email,name,spent\n" + rows, folder="profiles")
        real, dying = upload._outcome, [KeyboardInterrupt]

        def torn_once(*given: Any) -> Any:
            if dying:
                (file,) = (openssh.folder / "profiles").iterdir()
                file.write_bytes(file.read_bytes()[:1_000])
                Attempt.objects.update(outcome="ambiguous")
                raise dying.pop()
            return real(*given)

        monkeypatch.setattr(upload, "_outcome", torn_once)
        workflow = start(orchestration, by="a test", trigger="manual")
        with pytest.raises(KeyboardInterrupt):
            engine.run_to_rest(workflow.pk, worker="test")

        ended = engine.run_to_rest(workflow.pk, worker="test")

        (file,) = (openssh.folder / "profiles").iterdir()
        assert ended.state == State.SUCCEEDED
        assert file.name.endswith("-try-2.csv")
        assert len(file.read_bytes().splitlines()) == 251
