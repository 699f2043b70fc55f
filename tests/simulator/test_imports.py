import pytest

from simulator.control import Account
from tests.simulator.plain import Api, import_document

ROWS = "/data/attributes/profiles/data"


@pytest.fixture
def list_id(account: Account) -> str:
    return account.list_named("VIP")


class TestTakingIn:
    def test_refuses_all_rows_for_one_and_points_at_it(
        self, account: Account, api: Api, list_id: str
    ) -> None:
        rows = [{"email": "ada@example.org"}, {"email": "not an address"}, {"phone_number": "0612345678"}]

        told = api.import_job(rows, list_id)

        assert told.status == 400
        assert [error["source"]["pointer"] for error in told.errors] == [
            f"{ROWS}/1/attributes/email",
            f"{ROWS}/2/attributes/phone_number",
        ]
        assert account.counts()["profiles"] == 0

    def test_keeps_the_row_to_itself_when_told_to(self, account: Account, api: Api) -> None:
        account.import_settings(pointers=False)

        told = api.import_job([{"email": "not an address"}])

        assert told.status == 400
        assert [error["source"] for error in told.errors] == [{"pointer": "/data"}]

    def test_points_at_data_for_a_list_that_does_not_exist(self, account: Account, api: Api) -> None:
        told = api.import_job([{"email": "ada@example.org"}], "XXXXXX")

        assert told.status == 400
        assert told.errors[0]["source"] == {"pointer": "/data"}
        assert told.errors[0]["detail"] == "List ID XXXXXX does not exist."
        assert account.counts()["jobs"] == 0

    @pytest.mark.parametrize(
        "address",
        ["a b@example.org", "example.org", "a@b@example.org", "a@example", "a(b)@example.org", "a@x.y"],
    )
    def test_refuses_addresses_klaviyo_does_not_take(self, api: Api, address: str) -> None:
        assert api.import_job([{"email": address}]).status == 400

    def test_refuses_a_profile_of_more_than_100_kb(self, api: Api) -> None:
        told = api.import_job([{"email": "ada@example.org", "properties": {"note": "x" * 100_001}}])

        assert told.status == 400
        assert told.errors[0]["source"] == {"pointer": f"{ROWS}/0"}

    def test_refuses_a_body_of_more_than_5_mb(self, account: Account, api: Api) -> None:
        account.expect_deviations()
        rows = [{"email": f"a{i}@example.org", "properties": {"note": "x" * 60_000}} for i in range(90)]

        assert api.import_job(rows).status == 413

    def test_refuses_more_than_ten_thousand_rows(self, account: Account, api: Api) -> None:
        account.expect_deviations()

        assert api.import_job([{"email": f"a{i}@example.org"} for i in range(10_001)]).status == 400


class TestProcessing:
    def test_creates_and_updates_and_fills_the_list(self, account: Account, api: Api, list_id: str) -> None:
        account.add(account.list_named("Elsewhere"), "ada@example.org")

        job = api.finished_job(
            [{"email": "ADA@example.org", "first_name": "Ada"}, {"email": "grace@example.org"}], list_id
        )

        assert job["attributes"]["completed_count"] == 2
        assert account.members("VIP") == {"ada@example.org", "grace@example.org"}
        assert account.profile("ada@example.org")["first_name"] == "Ada"
        assert account.counts()["profiles"] == 2

    def test_does_not_clear_a_field_for_null_nor_for_its_absence(self, account: Account, api: Api) -> None:
        api.finished_job([{"email": "ada@example.org", "first_name": "Ada", "last_name": "Byron"}])

        api.finished_job([{"email": "ada@example.org", "first_name": None}])

        found = account.profile("ada@example.org")
        assert (found["first_name"], found["last_name"]) == ("Ada", "Byron")

    def test_drops_a_number_that_is_too_short_in_silence(self, account: Account, api: Api) -> None:
        job = api.finished_job([{"email": "ada@example.org", "phone_number": "+1234"}])

        assert job["attributes"]["failed_count"] == 0
        assert account.profile("ada@example.org")["phone_number"] is None

    def test_tells_rows_that_failed_page_by_page(self, account: Account, api: Api) -> None:
        account.import_settings(fail=["^bad"])
        rows = [{"email": f"{'bad' if i % 2 else 'good'}{i}@example.org"} for i in range(50)]

        job = api.finished_job(rows)

        pages = api.pages(f"/api/profile-bulk-import-jobs/{job['id']}/import-errors", page_size="10")
        errors = [row["attributes"] for page in pages for row in page]
        assert (job["attributes"]["completed_count"], job["attributes"]["failed_count"]) == (25, 25)
        assert [len(page) for page in pages] == [10, 10, 5]
        assert errors[0]["original_payload"]["attributes"] == {"email": "bad1@example.org"}
        assert errors[0]["source"]["pointer"] == f"{ROWS}/1/attributes/email"

    def test_fails_a_row_whose_identifiers_belong_to_two(self, account: Account, api: Api) -> None:
        api.finished_job([{"email": "ada@example.org"}, {"phone_number": "+12025550123"}])

        job = api.finished_job([{"email": "ada@example.org", "phone_number": "+12025550123"}])

        errors = api.get(f"/api/profile-bulk-import-jobs/{job['id']}/import-errors").document["data"]
        assert errors[0]["attributes"]["code"] == "duplicate_profile"

    def test_lets_a_later_row_of_the_same_person_win(self, account: Account, api: Api) -> None:
        api.finished_job(
            [
                {"email": "ada@example.org", "first_name": "A"},
                {"email": "ADA@example.org", "first_name": "Ada"},
            ]
        )

        assert account.profile("ada@example.org")["first_name"] == "Ada"
        assert account.counts()["profiles"] == 1

    def test_lets_two_people_swap_their_numbers_ids(self, account: Account, api: Api) -> None:
        api.finished_job([{"external_id": "1", "email": "a@example.org"}, {"external_id": "2"}])

        api.finished_job([{"external_id": "1", "email": "b@example.org"}])
        api.finished_job([{"external_id": "2", "email": "a@example.org"}])

        assert account.profile("a@example.org")["external_id"] == "2"
        assert account.profile("b@example.org")["external_id"] == "1"


class TestPace:
    def test_waits_in_the_queue_for_the_lag(self, account: Account, api: Api, list_id: str) -> None:
        account.import_settings(lag_seconds=600)

        job = api.import_job([{"email": "ada@example.org"}], list_id).document["data"]

        waiting = api.get("/api/profile-bulk-import-jobs", filter='equals(status,"queued")').document["data"]
        assert job["attributes"]["status"] == "queued"
        assert [entry["id"] for entry in waiting] == [job["id"]]
        assert account.members("VIP") == set()

    def test_goes_on_when_it_is_let_go(self, account: Account, api: Api) -> None:
        account.import_settings(lag_seconds=600)
        job = api.import_job([{"email": "ada@example.org"}]).document["data"]

        assert account.release_jobs() == 1
        assert api.completed(job["id"])["attributes"]["completed_count"] == 1
        assert account.counts()["unfinished_jobs"] == 0

    def test_is_processing_while_rows_are_taken_slowly(self, account: Account, api: Api) -> None:
        account.import_settings(rows_per_second=1)

        job = api.import_job([{"email": f"a{i}@example.org"} for i in range(1000)]).document["data"]
        wanted = 'any(status,["queued","processing"])'
        going = api.get("/api/profile-bulk-import-jobs", filter=wanted).document["data"]

        assert [entry["id"] for entry in going] == [job["id"]]
        assert going[0]["attributes"]["completed_at"] is None

    def test_shows_members_late_when_the_list_takes_time_to_settle(
        self, account: Account, api: Api, list_id: str
    ) -> None:
        account.import_settings(settle_seconds=600)

        api.finished_job([{"email": "ada@example.org"}], list_id)
        before = api.get(f"/api/lists/{list_id}/profiles").document["data"]
        account.import_settings(settle_seconds=0)
        after = api.get(f"/api/lists/{list_id}/profiles").document["data"]

        assert (len(before), len(after)) == (0, 1)

    def test_tells_which_list_a_job_is_for(self, account: Account, api: Api, list_id: str) -> None:
        job = api.finished_job([{"email": "ada@example.org"}], list_id)

        told = api.get(f"/api/profile-bulk-import-jobs/{job['id']}", include="lists").document
        linked = api.get(f"/api/profile-bulk-import-jobs/{job['id']}/relationships/lists").document

        assert told["included"][0]["attributes"]["name"] == "VIP"
        assert linked["data"] == [{"type": "list", "id": list_id}]

    def test_takes_ten_thousand_rows_well_inside_a_second(
        self, account: Account, api: Api, list_id: str
    ) -> None:
        document = import_document(
            [{"email": f"p{i}@example.org", "first_name": "P"} for i in range(10_000)], list_id
        )

        job = api.completed(api.post("/api/profile-bulk-import-jobs", document).document["data"]["id"])

        assert job["attributes"]["completed_count"] == 10_000
        assert len(account.members("VIP")) == 10_000
