import gzip
import http.client
import json
import time

import pytest

from simulator.control import Account, ControlError
from tests.simulator.plain import Api, list_document

NO_ANSWER = (ConnectionError, http.client.HTTPException)


def names(account: Account) -> list[str]:
    return [shown["name"] for shown in account.lists()]


def eventually(condition: object, *, seconds: float = 10.0) -> bool:
    """Ask until it holds; the answer is whether it did in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():  # type: ignore[operator]
            return True
        time.sleep(0.02)
    return False


class TestAnswers:
    def test_say_an_error_instead_of_doing_it(self, account: Account, api: Api) -> None:
        account.fault(method="POST", path="/api/lists$", status=503, times=1)

        first, second = (api.post("/api/lists", list_document("VIP")) for _ in range(2))

        assert (first.status, second.status) == (503, 201)
        assert first.errors[0]["id"]
        assert names(account) == ["VIP"]

    def test_say_an_error_after_doing_it(self, account: Account, api: Api) -> None:
        account.fault("status_after", path="/api/lists", status=502)

        told = api.post("/api/lists", list_document("VIP"))

        assert told.status == 502
        assert names(account) == ["VIP"]
        assert [entry["status"] for entry in account.writes()] == [502]

    def test_are_a_page_of_cloudflare(self, account: Account, api: Api) -> None:
        account.fault(status=403, body="html")

        told = api.get("/api/lists")

        assert told.status == 403
        assert told.headers["content-type"].startswith("text/html")
        assert told.headers["cf-mitigated"] == "challenge"

    def test_are_whatever_was_given(self, account: Account, api: Api) -> None:
        account.fault(status=429, seconds=7, times=1)
        account.fault(status=302, headers={"Location": "https://example.org/"}, skip=1, times=1)
        account.fault(status=200, body={"data": "unexpected"}, skip=2)

        told = [api.get("/api/lists") for _ in range(3)]

        assert [answer.status for answer in told] == [429, 302, 200]
        assert told[0].headers["retry-after"] == "7"
        assert told[1].headers["location"] == "https://example.org/"
        assert told[2].document == {"data": "unexpected"}

    def test_stop_in_the_middle_of_the_document(self, account: Account, api: Api) -> None:
        account.fault("truncate_json")

        told = api.get("/api/lists")

        assert told.status == 200
        with pytest.raises(json.JSONDecodeError):
            json.loads(told.body)

    def test_unpack_to_a_gigabyte(self, account: Account, api: Api) -> None:
        account.fault("bomb")

        told = api.get("/api/lists")

        assert told.headers["content-encoding"] == "gzip"
        assert len(told.body) < 2_000_000
        with gzip.open(__import__("io").BytesIO(told.body)) as unpacked:
            assert unpacked.read(1_000_000).isspace()


class TestConnections:
    @pytest.mark.parametrize(
        ("action", "done"), [("drop_before", []), ("drop_after", ["VIP"]), ("garbage", [])]
    )
    def test_end_without_an_answer(self, account: Account, api: Api, action: str, done: list[str]) -> None:
        account.fault(action, method="POST")

        with pytest.raises(NO_ANSWER):
            api.post("/api/lists", list_document("VIP"))

        assert names(account) == done
        assert account.log()[0]["status"] is None
        assert account.log()[0]["applied"] is bool(done)

    @pytest.mark.parametrize(("action", "done"), [("timeout", []), ("timeout_after", ["VIP"])])
    def test_stay_open_without_a_word(self, account: Account, api: Api, action: str, done: list[str]) -> None:
        account.fault(action, method="POST")

        with pytest.raises(TimeoutError):
            api.call("POST", "/api/lists", list_document("VIP"), timeout=0.3)

        assert names(account) == done

    def test_end_and_the_call_takes_effect_later(self, account: Account, api: Api) -> None:
        account.fault("late", method="POST", seconds=0.3)

        with pytest.raises(NO_ANSWER):
            api.post("/api/lists", list_document("VIP"))

        assert names(account) == []
        assert account.writes() == []
        assert eventually(lambda: names(account) == ["VIP"])
        assert eventually(lambda: len(account.writes()) == 1)

    def test_end_in_the_middle_of_the_body(self, account: Account, api: Api) -> None:
        account.fault("truncate")

        with pytest.raises(http.client.IncompleteRead):
            api.get("/api/lists")

    def test_bring_a_byte_at_a_time(self, account: Account, api: Api) -> None:
        account.fault("drip", seconds=0.002)

        began = time.monotonic()
        told = api.get("/api/accounts")

        assert told.document["data"][0]["id"] == account.id
        assert time.monotonic() - began >= 0.002 * len(told.body)

    def test_bring_a_body_without_an_end(self, account: Account, api: Api) -> None:
        account.fault("endless")
        connection = http.client.HTTPConnection(account.simulator.url.removeprefix("http://"), timeout=5)
        headers = {"authorization": f"Klaviyo-API-Key {account.key}", "revision": "2026-07-15"}

        connection.request("GET", "/api/lists", headers=headers)
        received = connection.getresponse().read(20_000_000)
        connection.close()

        assert len(received) == 20_000_000


class TestRules:
    def test_wait_before_they_let_a_call_through(self, account: Account, api: Api) -> None:
        account.fault("slow", seconds=0.2)

        began = time.monotonic()
        told = api.get("/api/lists")

        assert told.status == 200
        assert time.monotonic() - began >= 0.2

    def test_add_up(self, account: Account, api: Api) -> None:
        account.fault("slow", seconds=0.1)
        account.fault("slow", seconds=0.1)
        account.fault("drop_after", method="POST")

        began = time.monotonic()
        with pytest.raises(NO_ANSWER):
            api.post("/api/lists", list_document("VIP"))

        assert time.monotonic() - began >= 0.2
        assert names(account) == ["VIP"]

    def test_throw_the_same_dice_for_the_same_seed(self, account: Account, api: Api) -> None:
        def thrown(seed: int) -> list[int]:
            account.clear_faults()
            account.fault(probability=0.5, seed=seed, status=500)
            return [api.get("/api/lists").status for _ in range(20)]

        first = thrown(7)

        assert first == thrown(7)
        assert set(first) == {200, 500}

    def test_hold_for_their_time_only(self, account: Account, api: Api) -> None:
        account.fault(status=500, for_seconds=0.3)

        assert api.get("/api/lists").status == 500
        assert eventually(lambda: api.get("/api/lists").status == 200)

    def test_match_by_operation_and_leave_other_accounts_alone(self, account: Account, api: Api) -> None:
        other = account.simulator.account("Another Shop")
        account.fault(path=r"GET /api/lists/\{id\}$", status=500)
        list_id = account.list_named("VIP")

        assert api.get(f"/api/lists/{list_id}").status == 500
        assert api.get("/api/lists").status == 200
        assert Api(account.simulator.url, other.key).get(f"/api/lists/{list_id}").status == 404
        assert [fault["acted"] for fault in account.faults()] == [1]

    def test_must_exist(self, account: Account) -> None:
        with pytest.raises(ControlError, match="no such action"):
            account.fault("explode")
