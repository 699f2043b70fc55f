"""Requests that Klaviyo's document does not allow are answered as Klaviyo would, and told of."""

from typing import Any

import pytest

from simulator.control import Account
from tests.simulator.plain import Api, import_document, list_document


class TestDeviations:
    @pytest.mark.parametrize(
        ("path", "where"),
        [
            ("/api/lists?page[size]=100", "page[size]"),
            ("/api/lists?page[number]=2", "page[number]"),
            ("/api/lists?fields[list]=name,colour", "fields[list]"),
            ("/api/lists?sort=size", "sort"),
            ("/api/lists?sort=name&sort=id", "sort"),
            ("/api/lists?filter=equals(name,VIP)", "filter"),
            ("/api/lists?filter=contains(name,'VIP')", "filter"),
            ("/api/profiles?filter=greater-than(created,'2026-01-01T00:00:00Z')", "filter"),
            ("/api/profiles?filter=equals(first_name,'Ada')", "filter"),
            ("/api/profiles?filter=any(email,['a@example.org'", "filter"),
        ],
    )
    def test_are_found_in_parameters(self, account: Account, api: Api, path: str, where: str) -> None:
        told = api.call("GET", path)

        assert told.status == 400
        assert told.errors[0]["source"] == {"parameter": where}
        assert [found["where"] for found in account.deviations()] == [where]

    @pytest.mark.parametrize(
        ("document", "pointer"),
        [
            ({"data": {"type": "list", "attributes": {}}}, "/data/attributes/name"),
            ({"data": {"type": "lists", "attributes": {"name": "VIP"}}}, "/data/type"),
            ({"data": {"type": "list", "attributes": {"name": 7}}}, "/data/attributes/name"),
            (
                {"data": {"type": "list", "attributes": {"name": "V", "color": "red"}}},
                "/data/attributes/color",
            ),
            ({"data": {"type": "list", "name": "VIP", "attributes": {"name": "VIP"}}}, "/data/name"),
        ],
    )
    def test_are_found_in_bodies(self, account: Account, api: Api, document: Any, pointer: str) -> None:
        told = api.post("/api/lists", document)

        assert told.status == 400
        assert pointer in [error["source"]["pointer"] for error in told.errors]
        assert pointer in [found["where"] for found in account.deviations()]
        assert account.lists() == []

    @pytest.mark.parametrize(
        ("headers", "status"),
        [
            ({"revision": None}, 400),
            ({"revision": "2019-01-01"}, 400),
            ({"content-type": "text/plain"}, 415),
        ],
    )
    def test_are_found_in_headers(
        self, account: Account, api: Api, headers: dict[str, str | None], status: int
    ) -> None:
        told = api.call("POST", "/api/lists", list_document("VIP"), headers=headers)

        assert told.status == status
        assert len(account.deviations()) == 1

    def test_may_be_tolerated(self, account: Account, api: Api) -> None:
        told = api.call("GET", "/api/lists", headers={"accept": "text/html"})

        assert told.status == 200
        assert [found["where"] for found in account.deviations()] == ["accept"]

    @pytest.mark.parametrize(
        ("method", "path", "status"), [("GET", "/api/shops", 404), ("PUT", "/api/lists", 405)]
    )
    def test_are_endpoints_that_do_not_exist(
        self, account: Account, api: Api, method: str, path: str, status: int
    ) -> None:
        assert api.call(method, path).status == status
        assert len(account.deviations()) == 1

    def test_never_repeat_what_was_sent(self, account: Account, api: Api) -> None:
        api.import_job([{"email": ["ada@example.org"]}])

        assert len(account.deviations()) == 1
        assert "ada@example.org" not in str(account.deviations())

    def test_are_kept_back_when_they_are_expected(self, account: Account, api: Api) -> None:
        account.expect_deviations()
        api.get("/api/lists", page_size="100")
        account.expect_deviations(False)
        api.get("/api/lists", page_size="99")

        assert len(account.deviations()) == 1

    def test_are_none_for_a_request_that_is_right_and_refused(self, account: Account, api: Api) -> None:
        api.get("/api/lists/XXXXXX")
        api.import_job([{"email": "not an address"}])
        api.get("/api/profiles", filter="any(email,['a@example.org','b@example.org'])")

        assert account.deviations() == []


class TestCallers:
    def test_need_the_scheme(self, api: Api) -> None:
        told = api.call("GET", "/api/lists", headers={"authorization": "Bearer x"})

        assert told.status == 401
        assert told.errors[0]["code"] == "not_authenticated"
        assert told.errors[0]["detail"].startswith("Missing or invalid authorization scheme.")

    def test_need_a_key_that_is_known(self, api: Api) -> None:
        told = api.call("GET", "/api/lists", headers={"authorization": "Klaviyo-API-Key pk_wrong"})

        assert told.status == 401
        assert told.errors[0]["detail"] == "Missing or invalid private key."

    def test_need_a_key_that_was_not_revoked(self, account: Account, api: Api) -> None:
        account.change(revoked=True)

        told = api.get("/api/lists")

        assert (told.status, told.errors[0]["code"]) == (401, "authentication_failed")

    def test_have_more_keys_than_one(self, account: Account, api: Api) -> None:
        full, narrow = account.new_key(), account.new_key(["accounts:read"])
        account.change(revoked=True, scopes=["accounts:read"])

        opened = [Api(api.url, key).get("/api/accounts") for key in (full, narrow)]
        lists = [Api(api.url, key).get("/api/lists").status for key in (full, narrow)]

        assert [told.document["data"][0]["id"] for told in opened] == [account.id] * 2
        assert api.get("/api/accounts").status == 401
        assert lists == [200, 403]

    def test_need_every_scope_of_the_endpoint(self, account: Account, api: Api) -> None:
        account.change(scopes=["lists:read", "lists:write"])

        read, imported = api.get("/api/lists"), api.post("/api/profile-bulk-import-jobs", import_document([]))

        assert read.status == 200
        assert (imported.status, imported.errors[0]["code"]) == (403, "permission_denied")
        assert "profiles:write" in imported.errors[0]["detail"]


class TestJournal:
    def test_tells_every_request_with_its_operation_and_size(self, account: Account, api: Api) -> None:
        list_id = account.list_named("VIP")
        api.import_job([{"email": "ada@example.org"}, {"email": "grace@example.org"}], list_id)

        entry = account.log(operation="POST /api/profile-bulk-import-jobs")[0]

        assert (entry["status"], entry["items"], entry["applied"]) == (202, 2, True)
        assert entry["body"] is None
        assert account.stats()["calls"] == {"POST /api/profile-bulk-import-jobs": 1}

    def test_keeps_bodies_only_when_asked(self, account: Account, api: Api) -> None:
        account.keep_bodies()

        api.post("/api/lists", list_document("VIP"))

        assert '"VIP"' in account.log()[0]["body"]

    def test_counts_only_what_took_effect_as_a_write(self, account: Account, api: Api) -> None:
        api.get("/api/lists")
        api.import_job([{"email": "not an address"}])
        api.post("/api/lists", list_document("VIP"))

        assert [entry["operation"] for entry in account.writes()] == ["POST /api/lists"]
