import pytest

from simulator import spec
from simulator.clock import SECOND
from simulator.control import Account
from simulator.limits import Limits, bucket
from simulator.spec import Window
from simulator.wire import Refusal, Request
from tests.simulator.plain import Api, list_document

START = 1_000 * SECOND
BURST_AND_STEADY = (Window(1, 3), Window(60, 5))


def taken(limits: Limits, times: int, *, at: int) -> int:
    """Return how many of `times` requests at one moment are let through."""
    through = 0
    for _ in range(times):
        try:
            limits.take(1, "GET /x", BURST_AND_STEADY, at)
            through += 1
        except Refusal:
            pass
    return through


class TestWindows:
    def test_open_at_the_first_request_and_last_their_whole_time(self) -> None:
        limits = Limits()

        assert taken(limits, 1, at=START + SECOND // 2) == 1
        assert taken(limits, 9, at=START + SECOND) == 2
        assert taken(limits, 9, at=START + SECOND * 3 // 2 - 1) == 0
        assert taken(limits, 9, at=START + SECOND * 3 // 2) == 2

    def test_count_the_minute_beside_the_second(self) -> None:
        limits = Limits()

        assert [taken(limits, 9, at=START + second * SECOND) for second in (0, 2, 4, 60)] == [3, 2, 0, 3]

    def test_are_apart_for_each_account_and_endpoint(self) -> None:
        limits = Limits()
        taken(limits, 3, at=START)

        limits.take(2, "GET /x", BURST_AND_STEADY, START)
        limits.take(1, "GET /y", BURST_AND_STEADY, START)

        with pytest.raises(Refusal):
            limits.take(1, "GET /x", BURST_AND_STEADY, START)

    def test_tell_the_wait_for_the_window_that_ends_last(self) -> None:
        limits = Limits()
        taken(limits, 3, at=START)
        taken(limits, 3, at=START + 2 * SECOND)

        with pytest.raises(Refusal) as refused:
            limits.take(1, "GET /x", BURST_AND_STEADY, START + 10 * SECOND + 1)

        assert refused.value.headers == {"Retry-After": "50"}

    def test_speak_of_the_one_nearest_to_its_end(self) -> None:
        limits = Limits()

        first = limits.take(1, "GET /x", BURST_AND_STEADY, START)
        later = limits.take(1, "GET /x", BURST_AND_STEADY, START + 59 * SECOND + SECOND // 2)

        assert first.headers == {
            "RateLimit-Limit": "3, 3;w=1, 5;w=60",
            "RateLimit-Remaining": "2",
            "RateLimit-Reset": "1",
        }
        assert later.headers["RateLimit-Remaining"] in ("2", "3")


class TestQuotas:
    def test_are_those_of_the_document(self) -> None:
        operations = spec.load().operations

        assert operations["POST /api/lists"].windows == (Window(1, 10), Window(60, 150), Window(86_400, 150))
        assert operations["GET /api/lists/{id}/profiles"].windows == (Window(1, 75), Window(60, 750))
        assert operations["GET /api/accounts"].windows == (Window(1, 1), Window(60, 15))

    @pytest.mark.parametrize(
        ("operation", "query", "name"),
        [
            (
                "GET /api/lists/{id}",
                "additional-fields[list]=profile_count",
                "GET /api/lists/{id}?additional-fields[list]=profile_count",
            ),
            ("GET /api/profiles/{id}", "include=lists", "GET /api/profiles/{id}?include=list"),
        ],
    )
    def test_are_smaller_for_a_parameter_that_costs_more(self, operation: str, query: str, name: str) -> None:
        request = Request("GET", f"/api/x?{query}", {}, b"", "http://localhost")

        counted, windows = bucket(spec.load().operations[operation], request, {})

        assert counted == name
        assert windows == (Window(1, 1), Window(60, 15))


class TestOverTheWire:
    def test_says_what_is_left(self, account: Account, api: Api) -> None:
        account.limits(True)

        told = api.post("/api/lists", list_document("VIP"))

        assert told.headers["ratelimit-limit"] == "10, 10;w=1, 150;w=60, 150;w=86400"
        assert told.headers["ratelimit-remaining"] == "9"
        assert told.headers["ratelimit-reset"] == "1"
        assert "retry-after" not in told.headers

    def test_answers_429_without_a_type_once_the_quota_is_used(self, account: Account, api: Api) -> None:
        account.limits(True)

        first, second = api.get("/api/accounts"), api.get("/api/accounts")

        assert (first.status, second.status) == (200, 429)
        assert second.headers["retry-after"] == "1"
        assert "content-type" not in second.headers
        assert "ratelimit-limit" not in second.headers
        assert second.errors[0]["code"] == "throttled"
        assert second.errors[0]["detail"] == "Request was throttled. Expected available in 1 second."
        assert account.stats()["throttled"] == 1

    def test_makes_a_day_of_lists_wait_for_the_next(self, account: Account, api: Api) -> None:
        account.limits(True)
        account.spend("POST /api/lists", 150)
        account.quota("POST /api/lists", burst=1000, steady=1000)

        told = api.post("/api/lists", list_document("VIP"))

        assert told.status == 429
        assert 86_000 < int(told.headers["retry-after"]) <= 86_400

    def test_shares_the_quota_with_other_programs(self, account: Account, api: Api) -> None:
        account.limits(True)
        account.spend("GET /api/lists/{id}?additional-fields[list]=profile_count")
        list_id = account.list_named("VIP")

        assert api.get(f"/api/lists/{list_id}", additional_list="profile_count").status == 429
        assert api.get(f"/api/lists/{list_id}").status == 200

    def test_has_no_limits_once_they_are_off(self, account: Account, api: Api) -> None:
        account.limits(False)

        assert {api.get("/api/accounts").status for _ in range(20)} == {200}
