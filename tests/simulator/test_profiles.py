from typing import Any

import pytest

from simulator.control import Account
from tests.simulator.plain import Api


def document(attributes: dict[str, Any], *, profile_id: str | None = None, meta: Any = None) -> Any:
    data: dict[str, Any] = {"type": "profile", "attributes": attributes}
    if profile_id:
        data["id"] = profile_id
    if meta:
        data["meta"] = meta
    return {"data": data}


@pytest.fixture
def ada(api: Api) -> str:
    told = api.post("/api/profiles", document({"email": "Ada@example.org", "first_name": "Ada"}))
    return told.document["data"]["id"]


class TestCreating:
    def test_names_the_profile_that_exists_already(self, api: Api, ada: str) -> None:
        told = api.post("/api/profiles", document({"email": "ada@EXAMPLE.org"}))

        assert told.status == 409
        assert told.errors[0]["code"] == "duplicate_profile"
        assert told.errors[0]["meta"] == {"duplicate_profile_id": ada}

    def test_refuses_an_attribute_klaviyo_does_not_know(self, account: Account, api: Api) -> None:
        account.expect_deviations()

        told = api.post("/api/profiles", document({"email": "ada@example.org", "surname": "Byron"}))

        assert told.status == 400
        assert told.errors[0]["detail"] == "'surname' is not a valid field for the resource 'profile'."
        assert told.errors[0]["source"] == {"pointer": "/data/attributes/surname"}


class TestUpserting:
    def test_says_201_for_a_new_profile_and_200_for_a_known_one(self, api: Api) -> None:
        first = api.post("/api/profile-import", document({"email": "ada@example.org"}))
        second = api.post("/api/profile-import", document({"email": "ada@example.org", "title": "Countess"}))

        assert (first.status, second.status) == (201, 200)
        assert first.document["data"]["id"] == second.document["data"]["id"]

    def test_clears_a_field_for_null_and_leaves_what_is_absent(self, api: Api, ada: str) -> None:
        attributes = {"email": "ada@example.org", "last_name": "Byron", "properties": {"a": 1, "b": 2}}
        api.post("/api/profile-import", document(attributes))

        told = api.post(
            "/api/profile-import",
            document({"email": "ada@example.org", "first_name": None, "properties": {"a": None}}),
        )

        found = told.document["data"]["attributes"]
        assert (found["first_name"], found["last_name"], found["properties"]) == (None, "Byron", {"b": 2})

    def test_takes_changes_to_properties_apart_from_their_values(self, api: Api, ada: str) -> None:
        api.post("/api/profile-import", document({"properties": {"tags": ["a"], "old": 1}}, profile_id=ada))

        told = api.post(
            "/api/profile-import",
            document(
                {}, profile_id=ada, meta={"patch_properties": {"append": {"tags": "b"}, "unset": "old"}}
            ),
        )

        assert told.document["data"]["attributes"]["properties"] == {"tags": ["a", "b"]}

    def test_gives_an_address_a_number_it_did_not_have(self, api: Api, ada: str) -> None:
        told = api.post(
            "/api/profile-import", document({"email": "ada@example.org", "phone_number": "+12025550123"})
        )

        assert told.document["data"]["id"] == ada
        assert told.document["data"]["attributes"]["phone_number"] == "+12025550123"

    def test_conflicts_when_identifiers_belong_to_two(self, api: Api, ada: str) -> None:
        api.post("/api/profiles", document({"phone_number": "+12025550123"}))

        told = api.post(
            "/api/profile-import", document({"email": "ada@example.org", "phone_number": "+12025550123"})
        )

        assert told.status == 409

    def test_does_not_know_an_id_that_nobody_has(self, api: Api) -> None:
        told = api.post("/api/profile-import", document({"first_name": "A"}, profile_id="01NOBODY"))

        assert told.status == 404


class TestFinding:
    @pytest.mark.parametrize(
        "filter_",
        [
            'equals(email,"ADA@example.org")',
            'any(phone_number,["+12025550123","+12025550199"])',
            'equals(external_id,"7")',
        ],
    )
    def test_finds_by_every_identifier(self, api: Api, ada: str, filter_: str) -> None:
        api.call(
            "PATCH",
            f"/api/profiles/{ada}",
            document({"phone_number": "+12025550123", "external_id": "7"}, profile_id=ada),
        )
        api.post("/api/profiles", document({"email": "grace@example.org"}))

        found = api.get("/api/profiles", filter=filter_).document["data"]

        assert [row["id"] for row in found] == [ada]

    def test_finds_by_id(self, api: Api, ada: str) -> None:
        found = api.get("/api/profiles", filter=f'any(id,["{ada}","nobody"])').document["data"]

        assert [row["attributes"]["email"] for row in found] == ["ada@example.org"]

    def test_pages_through_all(self, account: Account, api: Api) -> None:
        account.seed("Big", 45)

        pages = api.pages("/api/profiles", page_size="20", sort="-email")

        emails = [row["attributes"]["email"] for page in pages for row in page]
        assert emails == sorted(account.members("Big"), reverse=True)

    def test_tells_the_lists_of_one_when_asked(self, account: Account, api: Api) -> None:
        ids = account.add(account.list_named("VIP"), "ada@example.org")

        told = api.get(f"/api/profiles/{ids[0]}", include="lists").document

        assert [entry["attributes"]["name"] for entry in told["included"]] == ["VIP"]
