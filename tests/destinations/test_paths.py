"""Whose key opens a server, where files go there, and that no two accounts share a key."""

import pytest

from credentials.models import Credential
from destinations import keeping, paths
from destinations.errors import NeedsDecision
from destinations.models import Destination
from destinations.sftp.address import Address

pytestmark = pytest.mark.django_db

SERVER = {"host": "sftp.example.org", "port": 22, "user": "acme", "folder": "in"}


@pytest.fixture
def key() -> Credential:
    return Credential.objects.create(name="Uploads", kind="klaviyo_sftp", settings=SERVER)


def klaviyo(name: str, key: Credential | None, *, account: str = "", tested: str = "") -> Destination:
    """A destination that is pinned to an `account`, or whose credential was `tested` to open one."""
    credential = Credential.objects.create(name=f"{name} API", kind="klaviyo_api_key", account_id=tested)
    return Destination.objects.create(
        name=name, plugin="klaviyo", credential=credential, sftp_credential=key, account_id=account
    )


class TestFolder:
    def test_is_the_credentials_unless_the_destination_states_one(self, key: Credential) -> None:
        destination = klaviyo("EU", key)

        assert paths.file_choices(destination).folder == "in"
        destination.settings = {"sftp": {"folder": "own"}}
        assert paths.file_choices(destination).folder == "own"

    def test_is_the_usual_one_when_nobody_states_any(self, key: Credential) -> None:
        key.settings = {}
        files = Credential.objects.create(name="Partner", kind="sftp")

        assert paths.file_choices(klaviyo("EU", key)).folder == "profiles"
        assert paths.file_choices(klaviyo("US", None)).folder == "profiles"
        assert paths.file_choices(Destination(plugin="sftp", credential=files)).folder == "."


class TestServer:
    def test_is_known_by_host_port_and_user(self, key: Credential) -> None:
        assert paths.server_account(klaviyo("EU", key)) == Address.of(SERVER).account_id
        assert paths.server_account(klaviyo("US", None)) == ""

    def test_is_not_known_before_there_is_a_user(self, key: Credential) -> None:
        key.settings = {**SERVER, "user": ""}

        assert paths.server_account(klaviyo("EU", key)) == ""

    def test_is_refused_when_it_is_another_than_planned_for(self, key: Credential) -> None:
        destination = klaviyo("EU", key)
        planned_for = paths.server_account(destination)
        paths.check_server(destination, key, planned_for=planned_for)
        paths.check_server(destination, key, planned_for="")

        for change in ({"host": "sftp.example.com"}, {"port": 2222}, {"user": "other"}):
            key.settings = {**SERVER, **change}
            with pytest.raises(NeedsDecision, match="“Uploads” was changed since") as caught:
                paths.check_server(destination, key, planned_for=planned_for)
            assert caught.value.code == "sftp_moved"

    def test_needs_a_key(self) -> None:
        with pytest.raises(NeedsDecision) as caught:
            paths.required_credential(klaviyo("EU", None))

        assert caught.value.code == "sftp_not_possible"


class TestSharedKey:
    def test_is_a_problem_between_two_accounts(self, key: Credential) -> None:
        klaviyo("EU", key, account="AAA")

        assert "is used by destination “EU”" in paths.shared_key_problem(klaviyo("US", key, account="BBB"))
        assert "is used by destination “EU”" in paths.shared_key_problem(klaviyo("UK", key, tested="CCC"))

    def test_is_none_within_one_account_or_while_one_is_not_known(self, key: Credential) -> None:
        klaviyo("EU", key, account="AAA")

        assert paths.shared_key_problem(klaviyo("EU too", key, account="AAA")) == ""
        assert paths.shared_key_problem(klaviyo("New", key)) == ""
        assert paths.shared_key_problem(klaviyo("None", None, account="BBB")) == ""

    def test_is_not_kept(self, key: Credential) -> None:
        klaviyo("EU", key, account="AAA")
        other = klaviyo("US", None, tested="BBB")

        with pytest.raises(keeping.SharedKey):
            keeping.change_files(other, {}, sftp_credential=key, by=None)  # type: ignore[arg-type]
        other.name, other.pk = "US again", None
        with pytest.raises(keeping.SharedKey):
            keeping.add_destination(other, by=None)  # type: ignore[arg-type]

        assert set(Destination.objects.values_list("name", "sftp_credential")) == {
            ("EU", key.pk),
            ("US", None),
        }
