"""Keys and accounts: refused with a plain sentence, mended where that is said, and the list verified."""

import base64
from collections.abc import Callable
from typing import Any

import pytest

from accounts.models import Activity
from credentials import vault
from credentials.models import Credential
from destinations.accounts_check import check_credential
from simulator.control import Simulator
from tests.flows.resolving import offer, take
from tests.flows.world import World
from workflows import decisions
from workflows.models import Event, Workflow
from workflows.moves import State
from workflows.resolutions import Refused


@pytest.fixture
def revoked(world: Callable[..., World]) -> tuple[World, Workflow]:
    """A run that stopped because its key was taken back, and a new key of the same account."""
    company = world()
    company.klaviyo.change(revoked=True)
    return company, company.run()


class TestReplaceKey:
    def test_says_in_numbers_who_waits_and_for_what(self, revoked: tuple[World, Workflow]):
        company, paused = revoked

        found = offer(paused, "replace_key")

        assert (paused.code, found.verb) == ("invalid_credentials", "Resolve")
        assert "It stopped before anybody was counted." in found.effect
        assert f"“{company.klaviyo.name}”" in found.effect
        assert any("lists:write" in step for step in found.steps)

    def test_goes_on_with_a_key_that_was_tried(self, revoked: tuple[World, Workflow]):
        company, paused = revoked
        key = company.klaviyo.new_key()

        resolved = take(paused, "replace_key", key=key)

        assert company.go_on(resolved.workflow).state == State.SUCCEEDED
        assert company.members() == {f"person{n}@example.org" for n in range(3)}
        company.credential.refresh_from_db()
        assert company.credential.account_id == company.klaviyo.id
        told = Event.objects.get(workflow=paused, kind="decision")
        assert told.actor == "Olga"
        assert key not in str(told.data) + told.message
        assert Activity.objects.filter(action="replaced_secret").count() == 1

    @pytest.mark.parametrize("key", ["pk_" + "0" * 34, "ABC123", ""])
    def test_keeps_the_old_key_when_the_new_one_opens_nothing(
        self, revoked: tuple[World, Workflow], key: str
    ):
        company, paused = revoked

        with pytest.raises(Refused) as refused:
            take(paused, "replace_key", key=key)

        assert refused.value.field == "key"
        company.credential.refresh_from_db()
        assert company.credential.version == 1
        paused.refresh_from_db()
        assert paused.state == State.PAUSED

    def test_refuses_a_key_of_another_account(self, revoked: tuple[World, Workflow], simulator: Simulator):
        _, paused = revoked

        with pytest.raises(Refused, match="opens the account"):
            take(paused, "replace_key", key=simulator.account("Another shop").key)

    def test_refuses_a_key_that_may_not_read_lists(self, revoked: tuple[World, Workflow]):
        company, paused = revoked
        key = company.klaviyo.new_key(["accounts:read", "profiles:read"])

        with pytest.raises(Refused, match="lacks lists:read"):
            take(paused, "replace_key", key=key)

    def test_mends_a_secret_that_cannot_be_opened_any_more(self, world: Callable[..., World], settings: Any):
        company = world()
        settings.CREDENTIALS_KEYS = [base64.urlsafe_b64encode(bytes(range(32))).decode()]
        paused = company.run()
        assert paused.code == "secret_unreadable"

        take(paused, "replace_key", key=company.klaviyo.key)

        assert company.go_on(paused).state == State.SUCCEEDED


class TestChooseCredential:
    def test_opens_the_destination_with_another_one(self, revoked: tuple[World, Workflow]):
        company, paused = revoked
        other = Credential(name="Spare", kind="klaviyo_api_key")
        vault.save_secret(other, company.klaviyo.new_key())

        (field,) = offer(paused, "choose_credential").fields
        take(paused, "choose_credential", credential=str(other.pk))

        assert [choice.cells[0] for choice in field.choices] == ["Spare"]
        assert company.go_on(paused).state == State.SUCCEEDED
        assert company.orchestration.template.destination.__class__.objects.get().credential == other

    def test_blocks_one_of_another_account(self, revoked: tuple[World, Workflow], simulator: Simulator):
        _, paused = revoked
        other = Credential(name="Foreign", kind="klaviyo_api_key")
        vault.save_secret(other, simulator.account("Another shop").key)
        check_credential(other)

        (field,) = offer(paused, "choose_credential").fields

        assert "another account" in field.choices[0].blocked
        with pytest.raises(Refused):
            take(paused, "choose_credential", credential=str(other.pk))


class TestWrongAccount:
    @pytest.fixture
    def moved(self, world: Callable[..., World], simulator: Simulator) -> tuple[World, Workflow, Any]:
        """A run whose key was replaced by one of another account."""
        company, other = world(), simulator.account("Another shop")
        company.run()
        company.credential.refresh_from_db()
        vault.save_secret(company.credential, other.key)
        paused = company.run()
        assert paused.code == "wrong_account"
        return company, paused, other

    def test_goes_on_when_the_key_is_put_back(self, moved: tuple[World, Workflow, Any]):
        company, paused, other = moved

        assert offer(paused, "put_key_back").label.startswith(f"Put a key of “{company.klaviyo.name}”")
        with pytest.raises(Refused):
            take(paused, "put_key_back", key=other.key)
        take(paused, "put_key_back", key=company.klaviyo.key)

        assert company.go_on(paused).state == State.SUCCEEDED
        assert other.writes() == []

    def test_goes_to_the_other_account_once_its_name_was_typed(self, moved: tuple[World, Workflow, Any]):
        company, paused, other = moved
        found = offer(paused, "accept_account")

        with pytest.raises(Refused, match="Type Another shop"):
            take(paused, "accept_account", account="another")
        resolved = take(paused, "accept_account", account="Another shop")

        assert found.permission == "workflows.add_approval"
        assert resolved.workflow.parent_id == paused.pk
        assert company.go_on(resolved.workflow).state == State.SUCCEEDED
        assert other.members("VIP") == {f"person{n}@example.org" for n in range(3)}
        paused.refresh_from_db()
        assert paused.state == State.CANCELLED

    def test_stops_what_was_planned_for_the_account_that_is_left(
        self, world: Callable[..., World], simulator: Simulator
    ):
        company, other = world(), simulator.account("Another shop")
        second = company.another(list_name="Second")
        company.run()
        company.klaviyo.fault("status", method="POST", path="/lists$", status=429, seconds=3600, times=1)
        planned = company.run_of(second)
        assert planned.state == State.PAUSED
        company.credential.refresh_from_db()
        vault.save_secret(company.credential, other.key)
        paused = company.run()

        assert "Stops 1 other run" in offer(paused, "accept_account").effect
        take(paused, "accept_account", account="Another shop")

        planned.refresh_from_db()
        assert planned.state == State.CANCELLED
        assert planned.events.get(to_state=State.CANCELLED).actor == "Olga"


class TestScopes:
    def test_goes_on_when_the_scopes_are_there(self, world: Callable[..., World]):
        company = world()
        company.klaviyo.change(scopes=["accounts:read", "profiles:read", "profiles:write", "lists:write"])
        paused = company.run()

        found = offer(paused, "add_scopes")
        assert paused.code == "permission_missing"
        assert "lists:read" in found.effect
        with pytest.raises(Refused, match="lists:read"):
            take(paused, "add_scopes")
        company.klaviyo.change(scopes=None)
        take(paused, "add_scopes")

        assert company.go_on(paused).state == State.SUCCEEDED

    def test_takes_a_cloned_key(self, world: Callable[..., World]):
        company = world()
        company.klaviyo.fault("status", method="POST", path="/lists$", status=403, times=1)
        paused = company.run()

        assert paused.error["scopes"] == ["lists:write"]
        take(paused, "add_scopes", key=company.klaviyo.new_key())

        assert company.go_on(paused).state == State.SUCCEEDED


class TestBlockedAtTheEdge:
    def test_tries_once_and_goes_on(self, world: Callable[..., World]):
        company = world()
        paused = company.run(dry_run=True)
        decisions.discard(paused, by="a test")
        paused = company.start()
        Workflow.objects.filter(pk=paused.pk).update(state=State.PAUSED, code="blocked_at_edge", message="no")
        paused.refresh_from_db()
        company.klaviyo.fault("status", status=403, body="html")

        with pytest.raises(Refused, match="edge"):
            take(paused, "allow_address")
        company.klaviyo.clear_faults()
        take(paused, "allow_address")

        assert company.go_on(paused).state == State.SUCCEEDED
