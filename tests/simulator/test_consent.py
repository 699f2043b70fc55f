from typing import Any

import pytest

from simulator.control import Account
from tests.simulator.plain import Api, ids_document


@pytest.fixture
def list_id(account: Account) -> str:
    list_id = account.create_list("VIP", opt_in_process="single_opt_in")
    account.add("VIP", "ada@example.org", "grace@example.org")
    return list_id


def job(kind: str, consent: str, *emails: str, list_id: str | None = None, **attributes: Any) -> Any:
    marketing = {"email": {"marketing": {"consent": consent}}}
    rows = [{"type": "profile", "attributes": {"email": e, "subscriptions": marketing}} for e in emails]
    data: dict[str, Any] = {
        "type": f"profile-subscription-bulk-{kind}-job",
        "attributes": {"profiles": {"data": rows}, **attributes},
    }
    if list_id:
        data["relationships"] = {"list": {"data": {"type": "list", "id": list_id}}}
    return {"data": data}


def marketing(api: Api, email: str) -> dict[str, Any]:
    found = api.get("/api/profiles", filter=f'equals(email,"{email}")', additional_profile="subscriptions")
    return found.document["data"][0]["attributes"]["subscriptions"]["email"]["marketing"]


class TestPersonWhoUnsubscribes:
    def test_from_a_list_leaves_it_and_is_remembered(self, account: Account, api: Api, list_id: str) -> None:
        account.unsubscribe("VIP", "ada@example.org")

        shown = marketing(api, "ada@example.org")
        assert account.members("VIP") == {"grace@example.org"}
        assert (shown["consent"], shown["can_receive_email_marketing"]) == ("UNSUBSCRIBED", False)
        assert [(s["list_id"], s["reason"]) for s in shown["list_suppressions"]] == [(list_id, "UNSUBSCRIBE")]
        assert shown["suppression"] == []

    def test_from_everything_stays_on_lists(self, account: Account, api: Api, list_id: str) -> None:
        account.unsubscribe(None, "ada@example.org")

        shown = marketing(api, "ada@example.org")
        assert account.members("VIP") == {"ada@example.org", "grace@example.org"}
        assert [s["reason"] for s in shown["suppression"]] == ["UNSUBSCRIBE"]

    def test_is_found_by_the_list_that_was_left(self, account: Account, api: Api, list_id: str) -> None:
        account.unsubscribe("VIP", "ada@example.org")
        name = "subscriptions.email.marketing.list_suppressions.list_id"

        found = api.get("/api/profiles", filter=f'equals({name},"{list_id}")').document["data"]

        assert [row["attributes"]["email"] for row in found] == ["ada@example.org"]

    def test_stays_unsubscribed_when_put_back_by_id(self, account: Account, api: Api, list_id: str) -> None:
        account.unsubscribe("VIP", "ada@example.org")
        profile_id = account.profile("ada@example.org")["id"]

        api.post(f"/api/lists/{list_id}/relationships/profiles", ids_document([profile_id]))

        assert "ada@example.org" in account.members("VIP")
        assert marketing(api, "ada@example.org")["consent"] == "UNSUBSCRIBED"


class TestJobs:
    def test_unsubscribing_someone_not_on_the_list_is_global(
        self, account: Account, api: Api, list_id: str
    ) -> None:
        account.add(account.list_named("Elsewhere"), "mary@example.org")

        told = api.post(
            "/api/profile-subscription-bulk-delete-jobs",
            job("delete", "UNSUBSCRIBED", "ada@example.org", "mary@example.org", list_id=list_id),
        )

        assert (told.status, told.body) == (202, b"")
        assert account.members("VIP") == {"grace@example.org"}
        assert marketing(api, "ada@example.org")["suppression"] == []
        assert [s["reason"] for s in marketing(api, "mary@example.org")["suppression"]] == ["UNSUBSCRIBE"]

    def test_subscribing_lifts_what_an_unsubscribing_set(
        self, account: Account, api: Api, list_id: str
    ) -> None:
        account.unsubscribe("VIP", "ada@example.org")

        api.post(
            "/api/profile-subscription-bulk-create-jobs",
            job("create", "SUBSCRIBED", "ada@example.org", list_id=list_id),
        )

        shown = marketing(api, "ada@example.org")
        assert "ada@example.org" in account.members("VIP")
        assert (shown["consent"], shown["list_suppressions"]) == ("SUBSCRIBED", [])

    def test_double_opt_in_waits_for_people_who_never_answer(self, account: Account, api: Api) -> None:
        list_id = account.create_list("Careful", opt_in_process="double_opt_in")

        told = api.post(
            "/api/profile-subscription-bulk-create-jobs",
            job("create", "SUBSCRIBED", "new@example.org", list_id=list_id),
        )

        assert told.status == 202
        assert account.members("Careful") == set()
        assert account.counts()["profiles"] == 0

    def test_a_historical_import_needs_the_time_of_consent(
        self, account: Account, api: Api, list_id: str
    ) -> None:
        told = api.post(
            "/api/profile-subscription-bulk-create-jobs",
            job("create", "SUBSCRIBED", "new@example.org", list_id=list_id, historical_import=True),
        )

        assert told.status == 400
        assert told.errors[0]["source"]["pointer"].endswith("/consented_at")
