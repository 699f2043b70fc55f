"""Trouble with destinations that take files, on OpenSSH's own server."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from credentials import host_keys, ssh_keys, vault
from credentials.models import Credential
from destinations.models import DataTemplate, Destination
from destinations.registry import PLUGINS
from tests.faults.codes.stage import Stage
from workflows import faults
from workflows.models import Orchestration, Workflow
from workflows.start import start

OTHERS = "somebody else's"


def partner(stage: Stage) -> Orchestration:
    """A standing order that puts the people of the company in a file on another server."""
    company, server = stage.open(), stage.openssh()
    where = {"host": server.host, "port": server.port, "user": server.user, "folder": "profiles"}
    credential = Credential(name="Partner key", kind="sftp", settings=where)
    vault.save_secret(credential, ssh_keys.read(server.private_key, None).openssh)
    for line in server.host_keys.values():
        pin = host_keys.parse(f"{line.split()[0]} {ssh_keys.fingerprint(line)}")
        host_keys.accept(credential, type=pin.type, fingerprint=pin.fingerprint, by="a test")
    destination = Destination.objects.create(name="Partner", plugin="sftp", credential=credential)
    template = DataTemplate.objects.create(destination=destination, name="CSV", list_name="VIP people")
    return Orchestration.objects.create(name="People to partner", query=company.query, template=template)


def fetched_at_once(stage: Stage) -> Workflow:
    """Somebody took the file away before it was read back."""
    return _before_it_is_read_back(stage, lambda: stage.openssh().reset())


def overwritten(stage: Stage) -> Workflow:
    """Somebody wrote another file over ours before it was read back."""

    def overwrite() -> None:
        for path in (stage.openssh().folder / "profiles").iterdir():
            path.write_text(OTHERS)

    return _before_it_is_read_back(stage, overwrite)


def _before_it_is_read_back(stage: Stage, happens: Callable[[], None]) -> Workflow:
    orchestration = partner(stage)

    def meddle(moment: str, facts: Mapping[str, Any]) -> None:
        if moment == "step_started" and facts["step"].kind == "confirm" and "meddled" not in stage.prepared:
            stage.prepared["meddled"] = True
            happens()

    stage.closing.enter_context(faults.hooked(meddle))
    return stage.rest(start(orchestration, by="a test", trigger="manual"))


def names_taken(stage: Stage) -> Workflow:
    """Whatever name the run chooses, a file of that name is there already."""
    orchestration = partner(stage)
    workflow = start(orchestration, by="a test", trigger="manual")
    stage.prepared["others"] = [_put(stage, workflow, attempt) for attempt in range(1, 6)]
    return stage.rest(workflow)


def _put(stage: Stage, workflow: Workflow, attempt: int) -> Path:
    name = PLUGINS["sftp"].files.file_name(
        list_name=workflow.list_key, workflow=str(workflow.pk), round=0, part=1, parts=1, attempt=attempt
    )
    path = stage.openssh().folder / "profiles" / name
    path.write_text(OTHERS)
    return path
