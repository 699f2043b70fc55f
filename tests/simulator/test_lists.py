import pytest

from simulator.control import Account, ControlError
from tests.simulator.plain import Api, list_document


class TestLists:
    def test_are_told_ten_at_a_time(self, account: Account, api: Api) -> None:
        account.fill_lists(23)

        pages = api.pages("/api/lists", sort="name")

        assert [len(page) for page in pages] == [10, 10, 3]
        assert len({entry["id"] for page in pages for entry in page}) == 23

    def test_refuse_a_page_of_more_than_ten(self, account: Account, api: Api) -> None:
        account.expect_deviations()

        told = api.get("/api/lists", page_size="11")

        assert told.status == 400
        assert told.errors[0]["source"] == {"parameter": "page[size]"}

    def test_may_share_a_name(self, account: Account, api: Api) -> None:
        first = api.post("/api/lists", list_document("VIP"))
        second = api.post("/api/lists", list_document("VIP"))

        found = api.get("/api/lists", filter='equals(name,"VIP")').document["data"]
        assert (first.status, second.status) == (201, 201)
        assert len(found) == 2

    def test_are_found_by_a_name_that_needs_quoting(self, account: Account, api: Api) -> None:
        list_id = account.create_list('Ada\'s "best", (new)')

        found = api.get("/api/lists", filter='equals(name,"Ada\'s \\"best\\", (new)")').document["data"]

        assert [entry["id"] for entry in found] == [list_id]

    def test_cannot_be_made_past_the_cap_that_segments_count_towards(
        self, account: Account, api: Api
    ) -> None:
        account.segments("Segment", 4)
        account.fill_lists(1000)

        told = api.post("/api/lists", list_document("One more"))

        assert told.status == 400
        assert told.errors[0]["source"] == {"pointer": "/data"}
        assert "maximum number of lists" in told.errors[0]["detail"]

    def test_make_room_when_one_is_deleted(self, account: Account, api: Api) -> None:
        account.fill_lists(1000)
        account.delete_list("Old list 1")

        assert api.post("/api/lists", list_document("One more")).status == 201

    def test_tell_how_many_are_on_them_only_when_asked(self, account: Account, api: Api) -> None:
        list_id = account.list_named("VIP")
        account.add("VIP", "ada@example.org", "grace@example.org")

        plain = api.get(f"/api/lists/{list_id}").document["data"]["attributes"]
        counted = api.get(f"/api/lists/{list_id}", additional_list="profile_count").document["data"]

        assert "profile_count" not in plain
        assert counted["attributes"]["profile_count"] == 2

    def test_leave_their_people_behind_when_deleted(self, account: Account, api: Api) -> None:
        list_id = account.list_named("VIP")
        account.add("VIP", "ada@example.org")

        assert api.call("DELETE", f"/api/lists/{list_id}").status == 204
        assert api.get(f"/api/lists/{list_id}").status == 404
        assert account.profile("ada@example.org")["lists"] == {}

    def test_are_not_seen_by_another_account(self, account: Account, api: Api) -> None:
        other = account.simulator.account("Another Shop")
        list_id = other.list_named("Theirs")

        assert api.get("/api/lists").document["data"] == []
        assert api.get(f"/api/lists/{list_id}/profiles").status == 404


class TestControls:
    def test_say_what_they_cannot_do(self, account: Account) -> None:
        with pytest.raises(ControlError, match="no such list"):
            account.members("Nowhere")

    def test_rename_a_list_behind_the_api(self, account: Account, api: Api) -> None:
        list_id = account.list_named("VIP")

        account.rename_list("VIP", "Gold")

        assert api.get(f"/api/lists/{list_id}").document["data"]["attributes"]["name"] == "Gold"

    def test_count_whom_a_live_flow_began_for(self, account: Account) -> None:
        account.list_named("VIP")
        account.flow("VIP", "Welcome", "live")
        account.flow("VIP", "Unfinished", "draft")

        account.add("VIP", "ada@example.org", "grace@example.org")
        account.add("VIP", "ada@example.org")

        assert {flow["name"]: flow["starts"] for flow in account.flows()} == {"Welcome": 2, "Unfinished": 0}


class TestSegments:
    def test_make_room_when_one_is_deleted(self, account: Account, api: Api) -> None:
        account.segments("Engaged", 2, profile_count=7)
        account.fill_lists(1000)
        first, second = account.all_segments()

        told = api.call("DELETE", f"/api/segments/{first['id']}")

        assert told.status == 204
        assert account.all_segments() == [second]
        assert api.get(f"/api/segments/{first['id']}").status == 404
        assert api.post("/api/lists", list_document("One more")).status == 201

    def test_tell_which_flows_they_start(self, account: Account, api: Api) -> None:
        account.segments("Engaged")
        account.segment_flow("Engaged", "Win back")
        (segment,) = account.all_segments()

        (flow,) = api.get(f"/api/segments/{segment['id']}/flow-triggers").document["data"]

        assert (flow["attributes"]["name"], flow["attributes"]["status"]) == ("Win back", "live")

    def test_are_counted_at_the_slow_pace_of_a_list(self, account: Account, api: Api) -> None:
        account.segments("Engaged", profile_count=7)
        account.limits(on=True)
        (segment,) = account.all_segments()

        path = f"/api/segments/{segment['id']}"
        first, second = (api.get(path, additional_segment="profile_count") for _ in range(2))

        assert first.document["data"]["attributes"]["profile_count"] == 7
        assert second.status == 429


class TestLastChange:
    def test_is_told_of_a_list(self, account: Account, api: Api) -> None:
        list_id = account.list_named("VIP")

        account.list_changed("VIP", "2024-03-01T08:00:00+00:00")

        told = api.get(f"/api/lists/{list_id}").document["data"]["attributes"]
        assert told["updated"] == "2024-03-01T08:00:00+00:00"
