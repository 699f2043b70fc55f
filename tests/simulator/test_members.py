from datetime import datetime

import pytest

from simulator.control import Account
from tests.simulator.plain import Api, ids_document


@pytest.fixture
def list_id(account: Account) -> str:
    return account.list_named("VIP")


class TestReading:
    def test_goes_through_everyone_once_in_order_of_joining(self, account: Account, api: Api) -> None:
        list_id = account.seed("Big", 250)

        pages = api.pages(f"/api/lists/{list_id}/profiles", page_size="100", sort="-joined_group_at")

        rows = [row for page in pages for row in page]
        joined = [row["attributes"]["joined_group_at"] for row in rows]
        assert [len(page) for page in pages] == [100, 100, 50]
        assert {row["attributes"]["email"] for row in rows} == account.members("Big")
        assert joined == sorted(joined, reverse=True)

    def test_keeps_ranges_of_joining_apart(self, account: Account, api: Api) -> None:
        list_id = account.seed("Big", 100, over_days=10, until="2026-07-11T00:00:00Z")
        path = f"/api/lists/{list_id}/profiles"
        middle = "2026-07-06T00:00:00Z"

        early = api.get(path, page_size="100", filter=f"less-than(joined_group_at,{middle})")
        late = api.get(path, page_size="100", filter=f"greater-or-equal(joined_group_at,{middle})")
        both = f"greater-than(joined_group_at,2026-07-03T00:00:00Z),less-or-equal(joined_group_at,{middle})"
        between = api.get(path, page_size="100", filter=both)

        assert len(early.document["data"]) == len(late.document["data"]) == 50
        assert len(between.document["data"]) == 30

    def test_finds_members_among_addresses_in_any_case(
        self, account: Account, api: Api, list_id: str
    ) -> None:
        account.add("VIP", "ada@example.org", "grace@example.org")
        account.add(account.list_named("Elsewhere"), "mary@example.org")

        told = api.get(
            f"/api/lists/{list_id}/profiles",
            filter='any(email,["Ada@example.org","mary@example.org","nobody@example.org"])',
        )

        assert [row["attributes"]["email"] for row in told.document["data"]] == ["ada@example.org"]

    def test_gives_only_the_fields_asked_for(self, account: Account, api: Api, list_id: str) -> None:
        account.add(
            "VIP", profiles=[{"email": "ada@example.org", "location": {"city": "Rome", "zip": "00100"}}]
        )

        told = api.get(f"/api/lists/{list_id}/profiles", fields_profile="email,location.city")

        attributes = told.document["data"][0]["attributes"]
        assert attributes == {"email": "ada@example.org", "location": {"city": "Rome"}}

    def test_gives_ids_alone_when_only_they_are_asked_for(
        self, account: Account, api: Api, list_id: str
    ) -> None:
        ids = account.add("VIP", "ada@example.org")

        told = api.get(f"/api/lists/{list_id}/relationships/profiles")

        assert told.document["data"] == [{"type": "profile", "id": ids[0]}]

    def test_tells_moments_of_joining_apart(self, account: Account, api: Api, list_id: str) -> None:
        account.add("VIP", *(f"person{i}@example.org" for i in range(50)))

        rows = api.get(f"/api/lists/{list_id}/profiles", page_size="100").document["data"]

        joined = {datetime.fromisoformat(row["attributes"]["joined_group_at"]) for row in rows}
        assert len(joined) == 50
        assert all(moment.utcoffset() is not None for moment in joined)

    def test_pages_through_members_of_the_same_second(self, account: Account, api: Api) -> None:
        account.change(joined_precision="second")
        list_id = account.list_named("Burst")
        account.add("Burst", *(f"person{i}@example.org" for i in range(30)))

        pages = api.pages(f"/api/lists/{list_id}/profiles", page_size="7", sort="-joined_group_at")

        rows = [row for page in pages for row in page]
        assert len({row["attributes"]["joined_group_at"] for row in rows}) <= 2
        assert len({row["id"] for row in rows}) == len(rows) == 30

    def test_refuses_a_cursor_that_is_not_its_own(self, account: Account, api: Api, list_id: str) -> None:
        told = api.get(f"/api/lists/{list_id}/profiles", page_cursor="nonsense")

        assert told.status == 400
        assert told.errors[0]["detail"] == "Invalid cursor provided."


class TestAdding:
    def test_puts_profiles_on_a_list_and_twice_is_once(
        self, account: Account, api: Api, list_id: str
    ) -> None:
        ids = account.add(account.list_named("Elsewhere"), "ada@example.org", "grace@example.org")
        path = f"/api/lists/{list_id}/relationships/profiles"

        first = api.post(path, ids_document(ids))
        before = api.get(f"/api/lists/{list_id}/profiles").document["data"]
        second = api.post(path, ids_document(ids))
        after = api.get(f"/api/lists/{list_id}/profiles").document["data"]

        assert (first.status, first.body, second.status) == (204, b"", 204)
        assert before == after
        assert account.members("VIP") == {"ada@example.org", "grace@example.org"}

    def test_is_refused_whole_when_one_id_is_unknown(self, account: Account, api: Api, list_id: str) -> None:
        ids = account.add(account.list_named("Elsewhere"), "ada@example.org")

        told = api.post(f"/api/lists/{list_id}/relationships/profiles", ids_document([*ids, "NOBODY"]))

        assert told.status == 400
        assert told.errors[0]["detail"] == "Invalid profile IDs: NOBODY"
        assert account.members("VIP") == set()

    def test_takes_a_thousand_and_no_more(self, account: Account, api: Api, list_id: str) -> None:
        account.expect_deviations()
        rows = api.pages(f"/api/lists/{account.seed('Big', 1001)}/relationships/profiles", page_size="100")
        ids = [row["id"] for page in rows for row in page]
        path = f"/api/lists/{list_id}/relationships/profiles"

        assert api.post(path, ids_document(ids)).status == 400
        assert api.post(path, ids_document(ids[:1000])).status == 204
        assert len(account.members("VIP")) == 1000


class TestRemoving:
    def test_takes_members_off_and_passes_over_others(self, account: Account, api: Api, list_id: str) -> None:
        ids = account.add("VIP", "ada@example.org", "grace@example.org")
        stranger = account.add(account.list_named("Elsewhere"), "mary@example.org")

        told = api.call(
            "DELETE",
            f"/api/lists/{list_id}/relationships/profiles",
            ids_document([ids[0], *stranger]),
        )

        assert told.status == 204
        assert account.members("VIP") == {"grace@example.org"}
        assert account.profile("ada@example.org")["consent"] == {}

    def test_takes_ids_of_six_characters(self, account: Account, api: Api) -> None:
        list_id = account.seed("Old", 20, short_ids=True)
        rows = api.get(f"/api/lists/{list_id}/relationships/profiles").document["data"]

        told = api.call(
            "DELETE", f"/api/lists/{list_id}/relationships/profiles", ids_document([rows[0]["id"]])
        )

        assert len(rows[0]["id"]) == 6
        assert told.status == 204
        assert len(account.members("Old")) == 19
