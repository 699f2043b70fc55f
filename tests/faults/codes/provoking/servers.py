"""Trouble with servers that take files."""

from collections.abc import Callable
from typing import Any

from credentials import addresses, host_keys, keeping
from destinations.models import Destination
from destinations.sftp import session
from destinations.sftp.session import Timeouts
from tests.faults.codes.stage import FREE, Stage
from tests.flows.world import LIST, people
from workflows import decisions
from workflows.models import Workflow

BY_FILE = {"path": "sftp"}
STRANGER = "stranger@example.org"
# The product waits ten seconds and more at each place.
BRIEF = Timeouts(connect=0.2, banner=0.2, auth=0.2, channel=0.2, stall=0.2)


def by_file(stage: Stage, **given: Any) -> None:
    stage.open(**{"template": BY_FILE, "sftp": {}, "guards": FREE, **given})
    stage.company.write(people(40))


def misbehaving(action: str, **details: Any) -> Callable[[Stage], Workflow]:
    """Return what lets a server of files go wrong in one way from the first run on."""

    def provoke(stage: Stage) -> Workflow:
        by_file(stage)
        stage.klaviyo.sftp_fault(action, **details)
        return stage.run()

    return provoke


def in_events(action: str, **details: Any) -> Callable[[Stage], Workflow]:
    """Return what lets one folder of the server go wrong, the one that the destination names."""

    def provoke(stage: Stage) -> Workflow:
        by_file(stage, sftp={"folder": "events"})
        stage.klaviyo.sftp_fault(action, **details)
        return stage.run()

    return provoke


full = misbehaving("full", bytes=200, mode="error")
denied = misbehaving("deny", at="open")
without_a_folder = misbehaving("missing_folder")
another_host_key = misbehaving("other_host_key")
denied_in_events = in_events("deny", at="open", path="^/events/")
without_events = in_events("missing_folder", folder="events")
full.__doc__ = "The disk of the server is full."
denied.__doc__ = "The server lets nobody write into the folder."
without_a_folder.__doc__ = "The folder on the server is gone."
another_host_key.__doc__ = "Another machine answers under the address of the server."
denied_in_events.__doc__ = "The server lets nobody write into the folder that the destination names."
without_events.__doc__ = "The folder that the destination names is gone."


def silent(stage: Stage) -> Workflow:
    """The server takes the connection and says nothing."""
    by_file(stage)
    stage.monkeypatch.setattr(session, "Timeouts", lambda: BRIEF)
    stage.klaviyo.sftp_fault("silent", at="tcp")
    return stage.run()


def cut(stage: Stage) -> Workflow:
    """Every connection breaks before the file is whole."""
    by_file(stage)
    stage.klaviyo.sftp_fault("cut", bytes=100)
    return stage.run()


def refusing_the_login(stage: Stage) -> Workflow:
    """The server does not let our key in any more."""
    by_file(stage)
    stage.klaviyo.withdraw()
    return stage.run()


def moved(stage: Stage) -> Workflow:
    """Somebody changed the user of the SFTP credential after the run was planned."""
    workflow = _planned(stage)
    credential = stage.company.sftp_key
    settings = {**credential.settings, "user": "somebody_else"}
    keeping.set_address(credential, addresses.tidy(credential.kind, settings))
    return _approved(stage, workflow)


def not_accepted(stage: Stage) -> Workflow:
    """The host keys that were accepted were taken back after the run was planned."""
    workflow = _planned(stage)
    host_keys.keep_only(stage.company.sftp_key, [], by="a test")
    return _approved(stage, workflow)


def without_a_key(stage: Stage) -> Workflow:
    """The template asks for SFTP, and the destination has no SFTP credential any more."""
    by_file(stage)
    Destination.objects.update(sftp_credential=None)
    return stage.run()


def losing_people(stage: Stage) -> Workflow:
    """The files arrived, and some of the people in them were never taken in."""
    by_file(stage, sftp={"wait_minutes": 1})
    stage.klaviyo.sftp_settings(drop=["person7@"], drop_files=1)
    return stage.run()


def slow_to_take_in(stage: Stage) -> Workflow:
    """The files arrived, and nobody in them shows for a long time."""
    by_file(stage, sftp={"wait_minutes": 1})
    stage.klaviyo.sftp_settings(delay_seconds=3600)
    return stage.run()


def _planned(stage: Stage) -> Workflow:
    """A run that waits for somebody to approve its plan of uploads."""
    by_file(stage, guards={})
    stage.klaviyo.create_list(LIST)
    stage.klaviyo.add(LIST, STRANGER)
    return stage.run()


def _approved(stage: Stage, workflow: Workflow) -> Workflow:
    decisions.approve(workflow, plan_hash=workflow.plan_hash, by=None, as_name="a test")
    return stage.rest(workflow)
