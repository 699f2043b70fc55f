"""Trying a credential against an account."""

import pytest

from credentials import probes, vault
from credentials.models import Credential
from destinations import registry
from destinations.accounts_check import check_credential, check_secret, open_checked
from destinations.clock import SystemClock
from destinations.errors import HoldOn, NeedsDecision
from destinations.klaviyo import limits
from destinations.limiter import Limiter
from destinations.models import Destination

pytestmark = pytest.mark.django_db


@pytest.fixture
def credential(klaviyo) -> Credential:
    made = Credential(name="Shop EU", kind="klaviyo_api_key")
    vault.save_secret(made, klaviyo.key)
    return made


@pytest.fixture
def destination(credential) -> Destination:
    return Destination.objects.create(name="Klaviyo", plugin="klaviyo", credential=credential)


class TestCheckSecret:
    def test_tries_at_once_what_others_wait_for(self, credential, klaviyo):
        check_credential(credential)
        failing = Limiter(klaviyo.id, SystemClock(), windows=limits.windows(100))
        for _ in range(8):
            failing.failed(chance=0.0)

        with pytest.raises(HoldOn):
            check_credential(credential)

        assert check_secret(credential, klaviyo.key).account.id == klaviyo.id


class TestCheckCredential:
    def test_keeps_what_the_key_opens_and_pins_it(self, credential, destination, klaviyo):
        tested = check_credential(credential)

        credential.refresh_from_db()
        destination.refresh_from_db()
        assert tested.account.id == credential.account_id == destination.account_id == klaviyo.id
        assert credential.account_name == destination.account_name == "Example Shop"
        assert "profiles:read" in credential.scopes
        assert credential.tested_at is not None
        assert tested.scopes["lists:write"] == "unknown"

    def test_says_which_scope_is_missing(self, credential, klaviyo):
        klaviyo.change(scopes=["accounts:read", "lists:read"])

        assert check_credential(credential).missing == ("profiles:read", "segments:read")

    def test_names_the_credential_whose_key_is_wrong(self, credential, klaviyo):
        klaviyo.change(revoked=True)

        with pytest.raises(NeedsDecision) as caught:
            check_credential(credential)

        assert caught.value.message == (
            'Klaviyo rejected the key of credential "Shop EU" (401). Paste a new private key.'
        )

    def test_refuses_the_key_of_another_account(self, credential, destination):
        Destination.objects.update(account_id="OTHER1", account_name="Another shop")

        with pytest.raises(NeedsDecision) as caught:
            check_credential(credential)

        destination.refresh_from_db()
        assert caught.value.code == "wrong_account"
        assert destination.account_id == "OTHER1"

    def test_takes_another_account_when_a_person_says_so(self, credential, destination, klaviyo):
        Destination.objects.update(account_id="OTHER1", account_name="Another shop")

        check_credential(credential, accept_account=True)

        destination.refresh_from_db()
        assert destination.account_id == klaviyo.id


class TestProbe:
    def test_is_offered_to_the_room_of_credentials(self, credential, klaviyo):
        opened = probes.test(credential, by=None)

        assert opened.account_id == klaviyo.id
        assert opened.missing == ()

    def test_fails_with_a_sentence(self, credential, klaviyo):
        klaviyo.change(revoked=True)

        with pytest.raises(probes.ProbeFailed, match="Paste a new private key"):
            probes.test(credential, by=None)


class TestOpenChecked:
    def test_opens_the_account(self, destination, klaviyo):
        with open_checked(destination, clock=SystemClock()) as session:
            assert session.client.account().id == klaviyo.id

    def test_makes_no_call_of_its_own_for_a_key_that_was_tested(self, destination, klaviyo):
        check_credential(destination.credential)
        destination.refresh_from_db()
        klaviyo.forget_log()

        open_checked(destination, clock=SystemClock()).gateway.close()

        assert klaviyo.log() == []

    def test_refuses_a_key_that_was_found_to_open_another_account(self, destination, klaviyo):
        check_credential(destination.credential)
        destination.account_id = "OTHER1"

        with pytest.raises(NeedsDecision) as caught:
            open_checked(destination, clock=SystemClock())

        assert caught.value.code == "wrong_account"

    def test_tests_a_secret_that_replaced_another_before_it_is_used(self, destination, credential, simulator):
        check_credential(credential)
        destination.refresh_from_db()
        other = simulator.account("Another shop")
        vault.save_secret(credential, other.key)

        with pytest.raises(NeedsDecision) as caught:
            open_checked(destination, clock=SystemClock())

        assert caught.value.code == "wrong_account"
        assert {entry["method"] for entry in other.log()} == {"GET"}


class TestPlugins:
    def test_describe_themselves(self):
        assert registry.choices() == [("klaviyo", "Klaviyo"), ("sftp", "SFTP")]
        assert "email platform" in registry.KLAVIYO.description
        assert {endpoint.name for endpoint in registry.KLAVIYO.endpoints} >= {"lists.create", "lists.add"}
