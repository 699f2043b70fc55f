"""Every test that speaks to Klaviyo is held to Klaviyo's own document."""

import json
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from django.conf import settings


def ask(klaviyo, path: str) -> dict:
    headers = {"Authorization": f"Klaviyo-API-Key {klaviyo.key}", "revision": settings.KLAVIYO_REVISION}
    headers["Accept"] = "application/vnd.api+json"
    with urlopen(Request(f"{settings.KLAVIYO_API_URL}{path}", headers=headers), timeout=10) as answer:
        return json.load(answer)


class TestAccount:
    def test_is_what_the_settings_point_to(self, klaviyo):
        klaviyo.create_list("VIP")

        shown = ask(klaviyo, "/api/lists")

        assert [found["attributes"]["name"] for found in shown["data"]] == ["VIP"]

    def test_is_new_for_every_test(self, klaviyo):
        assert klaviyo.lists() == []

    def test_notes_a_request_that_the_document_does_not_allow(self, klaviyo):
        with pytest.raises(HTTPError):
            ask(klaviyo, "/api/lists?page[size]=0")

        assert len(klaviyo.deviations()) == 1
        klaviyo.forget_log()
