"""What the simulator answers is held against the schemas of Klaviyo's own document."""

import json

import pytest

from simulator import gateway, spec
from simulator.control import Account
from tests.simulator.plain import Api, import_document, list_document


def schema_of(operation: str, status: int) -> str:
    method, template = operation.split(" ")
    document = json.loads(spec.DOCUMENT.read_text(encoding="utf-8"))
    answer = document["paths"][template][method.lower()]["responses"][str(status)]
    return next(iter(answer["content"].values()))["schema"]["$ref"].rsplit("/", 1)[1]


@pytest.fixture
def shop(account: Account, api: Api) -> dict[str, str]:
    """An account with one of everything; values for the parts of paths."""
    account.import_settings(fail=["^bad"])
    list_id = account.list_named("VIP")
    account.flow("VIP", "Welcome", "live")
    account.segments("Engaged", profile_count=3)
    account.segment_flow("Engaged", "Win back")
    rows = [{"email": "bad@example.org"}, {"email": "ada@example.org", "location": {"latitude": 1.5}}]
    job = api.finished_job(rows, list_id)
    account.unsubscribe(None, "ada@example.org")
    segment = api.get("/api/segments").document["data"][0]["id"]
    return {
        "lists": list_id,
        "segments": segment,
        "profiles": account.profile("ada@example.org")["id"],
        "profile-bulk-import-jobs": job["id"],
    }


class TestAnswers:
    def test_cover_every_operation_of_the_extract(self) -> None:
        assert gateway.HANDLERS.keys() == spec.load().operations.keys()

    @pytest.mark.parametrize("operation", [name for name in gateway.HANDLERS if name.startswith("GET ")])
    def test_to_reads_have_the_documented_form(
        self, account: Account, api: Api, shop: dict[str, str], operation: str
    ) -> None:
        template = operation.removeprefix("GET ")
        kind = template.split("/")[2]
        path = template.replace("{id}", shop.get(kind, "")).replace("{job_id}", shop.get(kind, ""))
        query = {"additional_profile": "subscriptions"} if template.endswith("/profiles") else {}

        told = api.get(path, **({} if "relationships" in path else query))

        assert told.status == 200
        assert told.document["data"]
        validator = spec.load().validator(schema_of(operation, 200), closed=False)
        # Klaviyo says null for a page that is not there, although its document knows only addresses.
        links = told.document.get("links", {})
        given = {**told.document, "links": {name: link for name, link in links.items() if link}}
        shown = given if links else told.document
        assert [error.message for error in validator.iter_errors(shown)] == []
        assert account.deviations() == []

    @pytest.mark.parametrize(
        ("operation", "document", "status"),
        [
            ("POST /api/lists", list_document("VIP"), 201),
            ("POST /api/profile-bulk-import-jobs", import_document([{"email": "ada@example.org"}]), 202),
            (
                "POST /api/profile-import",
                {"data": {"type": "profile", "attributes": {"email": "ada@example.org"}}},
                201,
            ),
        ],
    )
    def test_to_writes_have_the_documented_form(
        self, api: Api, operation: str, document: dict, status: int
    ) -> None:
        told = api.post(operation.removeprefix("POST "), document)

        assert told.status == status
        validator = spec.load().validator(schema_of(operation, status), closed=False)
        assert [error.message for error in validator.iter_errors(told.document)] == []
