"""The browser that page tests drive is real, and reaches this machine only."""

import pytest
from playwright.sync_api import Error


@pytest.mark.django_db
class TestBrowser:
    def test_opens_a_page_of_ours(self, live_server, browser_page):
        answer = browser_page.goto(f"{live_server.url}/healthz")

        assert answer.status == 200
        assert browser_page.inner_text("body") == "ok"

    def test_reaches_nobody_else(self, browser_page):
        with pytest.raises(Error, match="ERR_FAILED"):
            browser_page.goto("http://shop.example.com/")
