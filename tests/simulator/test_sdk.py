"""Klaviyo's own client does its work against the simulator; its models are strict about every answer."""

import time
from typing import Any

import pytest
from klaviyo_api import KlaviyoAPI

from simulator.control import Account


@pytest.fixture
def sdk(account: Account) -> KlaviyoAPI:
    return KlaviyoAPI(account.key, test_host=account.simulator.url, max_retries=0)


def import_rows(sdk: KlaviyoAPI, list_id: str, rows: list[dict[str, Any]]) -> Any:
    data = {
        "type": "profile-bulk-import-job",
        "attributes": {"profiles": {"data": [{"type": "profile", "attributes": row} for row in rows]}},
        "relationships": {"lists": {"data": [{"type": "list", "id": list_id}]}},
    }
    job = sdk.Profiles.bulk_import_profiles({"data": data})
    end = time.monotonic() + 20
    while time.monotonic() < end:
        found = sdk.Profiles.get_bulk_import_profiles_job(job.data.id)
        if found.data.attributes.status == "complete":
            return found
    raise AssertionError("the job did not complete in 20 seconds")


class TestOfficialClient:
    def test_reads_the_account(self, sdk: KlaviyoAPI, account: Account) -> None:
        found = sdk.Accounts.get_accounts().data[0]

        assert found.id == account.id
        assert found.attributes.public_api_key == account.id
        assert found.attributes.contact_information.organization_name == "Example Shop"

    def test_makes_finds_renames_and_deletes_a_list(self, sdk: KlaviyoAPI) -> None:
        made = sdk.Lists.create_list({"data": {"type": "list", "attributes": {"name": "VIP"}}})
        found = sdk.Lists.get_lists(filter='equals(name,"VIP")')
        body = {"data": {"type": "list", "id": made.data.id, "attributes": {"name": "Old VIP"}}}
        renamed = sdk.Lists.update_list(made.data.id, body)
        counted = sdk.Lists.get_list(made.data.id, additional_fields_list=["profile_count"])
        sdk.Lists.delete_list(made.data.id)

        assert [entry.id for entry in found.data] == [made.data.id]
        assert renamed.data.attributes.name == "Old VIP"
        assert counted.data.attributes.profile_count == 0
        assert sdk.Lists.get_lists().data == []

    def test_imports_people_and_reads_them_back(self, sdk: KlaviyoAPI, account: Account) -> None:
        list_id = account.list_named("VIP")
        rows = [
            {"email": f"Person{i}@Example.org", "first_name": "Ada", "properties": {"tier": i}}
            for i in range(150)
        ]

        job = import_rows(sdk, list_id, rows)

        first = sdk.Lists.get_profiles_for_list(list_id, page_size=100, sort="joined_group_at")
        rest = sdk.Lists.get_profiles_for_list(
            list_id, page_size=100, sort="joined_group_at", page_cursor=first.links.next
        )
        assert job.data.attributes.completed_count == 150
        assert (len(first.data), len(rest.data), rest.links.next) == (100, 50, None)
        assert first.data[0].attributes.email == "person0@example.org"
        assert first.data[0].attributes.joined_group_at < rest.data[-1].attributes.joined_group_at

    def test_reads_what_failed_in_an_import(self, sdk: KlaviyoAPI, account: Account) -> None:
        account.import_settings(fail=["^bad"])

        job = import_rows(
            sdk, account.list_named("VIP"), [{"email": "bad@example.org"}, {"email": "good@example.org"}]
        )

        errors = sdk.Profiles.get_errors_for_bulk_import_profiles_job(job.data.id)
        made = sdk.Profiles.get_profiles_for_bulk_import_profiles_job(job.data.id)
        assert job.data.attributes.failed_count == 1
        assert errors.data[0].attributes.original_payload["attributes"]["email"] == "bad@example.org"
        assert [profile.attributes.email for profile in made.data] == ["good@example.org"]

    def test_adds_and_removes_members_by_their_ids(self, sdk: KlaviyoAPI, account: Account) -> None:
        ids = account.add(account.list_named("Elsewhere"), "ada@example.org", "grace@example.org")
        list_id = account.list_named("VIP")

        sdk.Lists.add_profiles_to_list(list_id, {"data": [{"type": "profile", "id": i} for i in ids]})
        on_it = sdk.Lists.get_profile_ids_for_list(list_id)
        sdk.Lists.remove_profiles_from_list(list_id, {"data": [{"type": "profile", "id": ids[0]}]})

        assert {entry.id for entry in on_it.data} == set(ids)
        assert account.members("VIP") == {"grace@example.org"}

    def test_creates_updates_and_finds_profiles(self, sdk: KlaviyoAPI) -> None:
        data = {"type": "profile", "attributes": {"email": "ada@example.org", "external_id": "7"}}
        made = sdk.Profiles.create_profile({"data": data})
        body = {"data": {"type": "profile", "id": made.data.id, "attributes": {"last_name": "Byron"}}}
        updated = sdk.Profiles.update_profile(made.data.id, body)
        upserted = sdk.Profiles.create_or_update_profile({"data": data})
        found = sdk.Profiles.get_profiles(
            filter='any(external_id,["7"])', additional_fields_profile=["subscriptions"]
        )
        one = sdk.Profiles.get_profile(made.data.id)

        assert updated.data.attributes.last_name == "Byron"
        assert upserted.data.id == made.data.id == one.data.id == found.data[0].id
        assert found.data[0].attributes.subscriptions.email.marketing.consent == "NEVER_SUBSCRIBED"

    def test_reads_segments_and_flows(self, sdk: KlaviyoAPI, account: Account) -> None:
        account.segments("Engaged", profile_count=7)
        account.flow(account.list_named("VIP"), "Welcome", "live")

        segment = sdk.Segments.get_segments().data[0]
        counted = sdk.Segments.get_segment(segment.id, additional_fields_segment=["profile_count"])
        flow = sdk.Lists.get_flows_triggered_by_list(account.list_named("VIP")).data[0]

        assert counted.data.attributes.profile_count == 7
        assert (flow.attributes.name, flow.attributes.status) == ("Welcome", "live")

    def test_subscribes_people(self, sdk: KlaviyoAPI, account: Account) -> None:
        list_id = account.create_list("News", opt_in_process="single_opt_in")
        consent = {"email": {"marketing": {"consent": "SUBSCRIBED"}}}
        row = {"type": "profile", "attributes": {"email": "ada@example.org", "subscriptions": consent}}
        data = {
            "type": "profile-subscription-bulk-create-job",
            "attributes": {"profiles": {"data": [row]}},
            "relationships": {"list": {"data": {"type": "list", "id": list_id}}},
        }

        sdk.Profiles.bulk_subscribe_profiles({"data": data})

        assert account.members(list_id) == {"ada@example.org"}
        assert account.profile("ada@example.org")["consent"] == {"email": "SUBSCRIBED"}

    def test_sends_nothing_that_the_document_does_not_allow(self, sdk: KlaviyoAPI, account: Account) -> None:
        sdk.Lists.get_lists()
        import_rows(sdk, account.list_named("VIP"), [{"email": "ada@example.org"}])

        assert account.deviations() == []
