"""Servers of files: another key, login, place or folder, mended on the workflow, and the list verified."""

from collections.abc import Callable

import pytest

from credentials import host_keys, ssh_keys
from destinations.models import DataTemplate, Destination
from tests.flows.resolving import field, names, offer, take
from tests.flows.test_sftp_server import move, planned
from tests.flows.world import World, people
from workflows.models import Workflow
from workflows.moves import State
from workflows.resolutions import Refused

Maker = Callable[..., World]


def fed(company: World, workflow: Workflow) -> bool:
    """Whether the run succeeded by a file and the list is what the query gives."""
    done = company.go_on(workflow)
    return done.state == State.SUCCEEDED and len(company.members()) == 20


@pytest.fixture
def company(by_file: Maker) -> World:
    made = by_file()
    made.write(people(20))
    return made


class TestHostKey:
    def test_is_accepted_once_its_fingerprint_was_typed(self, company: World):
        workflow = company.start()
        company.klaviyo.sftp_fault("other_host_key")
        paused = company.go_on(workflow)
        assert paused.code == "host_key_changed"

        found = offer(paused, "accept_host_key")
        shown = paused.error["presented"].split()[1]
        assert found.permission == "workflows.add_approval"
        assert any(str(host_keys.pinned(company.sftp_key)[0]) in step for step in found.steps)
        with pytest.raises(Refused):
            take(paused, "accept_host_key", fingerprint="SHA256:" + "A" * 43)
        take(paused, "accept_host_key", fingerprint=shown)

        company.sftp_key.refresh_from_db()
        assert [pin.fingerprint for pin in host_keys.pinned(company.sftp_key)] == [shown]
        assert fed(company, paused)

    def test_is_refused_when_yet_another_is_shown(self, company: World):
        workflow = company.start()
        company.klaviyo.sftp_fault("other_host_key")
        paused = company.go_on(workflow)
        company.klaviyo.clear_faults()

        with pytest.raises(Refused, match="yet another key"):
            take(
                paused,
                "accept_host_key",
                fingerprint=field(paused, "accept_host_key", "fingerprint").expected,
            )

    def test_of_a_server_that_nobody_has_accepted_yet(self, by_file: Maker):
        company, workflow = planned(by_file)
        (pin,) = host_keys.pinned(company.sftp_key)[:1]
        host_keys.keep_only(company.sftp_key, [], by="a test")
        paused = company.approve(workflow)
        assert paused.code == "host_key_unknown"

        assert offer(paused, "accept_host_key").permission == "credentials.change_credential"
        take(paused, "accept_host_key", fingerprint=pin.fingerprint)

        assert company.go_on(paused).state == State.SUCCEEDED


class TestLogin:
    @pytest.fixture
    def refused(self, company: World) -> Workflow:
        company.klaviyo.withdraw()
        paused = company.run()
        assert paused.code == "sftp_login_refused"
        return paused

    def test_goes_on_with_a_key_that_is_let_in(self, company: World, refused: Workflow):
        key = ssh_keys.generate()

        with pytest.raises(Refused) as said:
            take(refused, "change_sftp_login", key=key.openssh)
        assert said.value.field == "key"
        company.klaviyo.authorize(key.public_line)
        take(refused, "change_sftp_login", key=key.openssh)

        company.sftp_key.refresh_from_db()
        assert company.sftp_key.public_key == key.public_line
        assert fed(company, refused)

    def test_compares_anew_with_another_user(self, company: World):
        user = company.klaviyo.sftp.user
        move(company.sftp_key, user="somebody_else")
        refused = company.run()
        assert refused.code == "sftp_login_refused"

        assert field(refused, "change_sftp_login", "user").value == "somebody_else"
        run = take(refused, "change_sftp_login", user=user).workflow

        assert run.parent_id == refused.pk
        assert fed(company, run)


class TestMovedServer:
    def test_is_put_back(self, by_file: Maker):
        company, workflow = planned(by_file)
        user = company.sftp_key.settings["user"]
        move(company.sftp_key, user="somebody_else")
        paused = company.approve(workflow)
        assert paused.code == "sftp_moved"

        take(paused, "put_server_back")

        assert company.go_on(paused).state == State.SUCCEEDED
        company.sftp_key.refresh_from_db()
        assert company.sftp_key.settings["user"] == user

    def test_is_put_back_with_its_host_key(self, by_file: Maker):
        company, workflow = planned(by_file)
        (pin,) = host_keys.pinned(company.sftp_key)[:1]
        move(company.sftp_key, host="sftp.example.org")
        paused = company.approve(workflow)

        with pytest.raises(Refused, match="shows another key"):
            take(paused, "put_server_back", fingerprint="SHA256:" + "A" * 43)
        take(paused, "put_server_back", fingerprint=pin.fingerprint)

        assert company.go_on(paused).state == State.SUCCEEDED


class TestFolder:
    def test_is_another_one_from_now_on(self, by_file: Maker):
        company = by_file(sftp={"folder": "nowhere"})
        company.write(people(20))
        paused = company.run()
        assert paused.code == "sftp_denied"

        with pytest.raises(Refused) as said:
            take(paused, "change_folder", folder="elsewhere")
        assert said.value.field == "folder"
        run = take(paused, "change_folder", folder="profiles").workflow

        assert Destination.objects.get().settings == {"sftp": {"folder": "profiles"}}
        assert fed(company, run)


class TestFastestWay:
    def test_is_taken_where_files_cannot_go(self, company: World):
        host_keys.keep_only(company.sftp_key, [], by="a test")
        paused = company.run()
        assert paused.code == "sftp_not_possible"

        assert names(paused)[:2] == ["fastest_way", "send_by_api"]
        run = take(paused, "fastest_way").workflow

        assert DataTemplate.objects.get().path == "auto"
        assert fed(company, run)


def test_every_way_says_who_waits(company: World):
    company.klaviyo.withdraw()
    paused = company.run()

    assert "20 people of its plan wait" in offer(paused, "change_sftp_login").effect
