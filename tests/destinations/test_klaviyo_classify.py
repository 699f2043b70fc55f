"""What answers mean."""

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from destinations.calls import Call
from destinations.errors import Ambiguous, DeliveryError, NeedsDecision, Pointer, Rejected, RetryLater
from destinations.klaviyo import payloads
from destinations.klaviyo.classify import classify

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
READ = payloads.members("XyZ123")
ADD = payloads.add("XyZ123", ["01A", "01GDDKASAP8TKDDA2GRZDSVP4H"])
CREATE = payloads.create_list("VIP")
IMPORT = payloads.submit_import(
    [{"type": "profile", "attributes": {"email": f"{name}@example.org"}} for name in "abc"], "XyZ123"
)
UPSERT = payloads.upsert({"type": "profile", "attributes": {"email": "a@example.org"}})
JSON = {"content-type": "application/vnd.api+json"}


def errors(*details: str, pointer: str = "/data", code: str = "invalid") -> bytes:
    return json.dumps(
        {
            "errors": [
                {
                    "id": f"e{number}",
                    "code": code,
                    "title": "Invalid input.",
                    "detail": detail,
                    "source": {"pointer": pointer},
                }
                for number, detail in enumerate(details)
            ]
        }
    ).encode()


def judge(call: Call, status: int, body: bytes = b"", **headers: str) -> DeliveryError | None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return classify(call, status, JSON | named, body, now=NOW)


class TestSuccess:
    def test_takes_a_read_with_data(self):
        assert judge(READ, 200, b'{"data": []}') is None

    @pytest.mark.parametrize("body", [b"", b"<html>", b'{"data": [', b"[]", b'{"data": 1}', b'{"a": NaN}'])
    def test_asks_again_when_a_read_makes_no_sense(self, body):
        error = judge(READ, 200, body)

        assert isinstance(error, RetryLater)
        assert error.code == "unexpected_answer"

    @pytest.mark.parametrize("body", [b"", b"<html>", b"{"])
    def test_takes_any_body_after_a_write(self, body):
        assert judge(ADD, 204, body) is None

    @pytest.mark.parametrize("call", [CREATE, IMPORT], ids=["list", "import"])
    @pytest.mark.parametrize("body", [b"", b"<html>", b'{"data": {"id": 7}}', b'{"data": []}'])
    def test_is_ambiguous_when_the_id_of_something_new_is_missing(self, call, body):
        assert isinstance(judge(call, 201, body), Ambiguous)

    def test_takes_a_new_list_by_its_id(self):
        assert judge(CREATE, 201, b'{"data": {"type": "list", "id": "Abc123"}}') is None


class TestThrottling:
    @pytest.mark.parametrize(
        ("retry_after", "seconds"),
        [("7", 7), ("0", 0), ("99999", 900), ("Sat, 21 Nov 2026 12:00:30 GMT", 30), ("-5", 0)],
    )
    def test_waits_as_long_as_it_is_told(self, retry_after, seconds):
        error = judge(ADD, 429, errors("Request was throttled."), retry_after=retry_after)

        assert isinstance(error, RetryLater)
        assert error.code == "throttled"
        assert error.after == timedelta(seconds=seconds)

    @pytest.mark.parametrize("retry_after", ["", "soon", "nan", "Sat, 32 Nov"])
    def test_reads_the_sentence_when_the_header_is_no_use(self, retry_after):
        body = errors("Request was throttled. Expected available in 3 seconds.")

        error = classify(ADD, 429, {"retry-after": retry_after}, body, now=NOW)

        assert error.after == timedelta(seconds=3)

    def test_does_not_know_how_long_when_nobody_says(self):
        assert judge(ADD, 429, b"slow down").after is None

    def test_asks_a_person_when_the_lists_of_a_day_are_used_up(self):
        error = judge(CREATE, 429, errors("Request was throttled."), retry_after="40000")

        assert isinstance(error, NeedsDecision)
        assert error.code == "daily_list_creations"
        assert error.after == timedelta(seconds=40000)

    def test_waits_when_only_the_lists_of_a_minute_are_used_up(self):
        assert isinstance(judge(CREATE, 429, b"", retry_after="31"), RetryLater)


class TestFailure:
    @pytest.mark.parametrize("status", [500, 502, 503, 504, 524, 408])
    def test_repeats_reads_and_doubts_writes(self, status):
        assert isinstance(judge(READ, status), RetryLater)
        assert isinstance(judge(ADD, status), Ambiguous)
        assert isinstance(judge(CREATE, status), Ambiguous)

    @pytest.mark.parametrize("status", [301, 302, 307, 999, 0])
    def test_follows_no_redirect(self, status):
        assert judge(READ, status).code == "unexpected_answer"
        assert isinstance(judge(ADD, status), Ambiguous)


class TestAccess:
    def test_asks_for_a_new_key(self):
        error = judge(
            READ, 401, errors("Incorrect authentication credentials.", code="authentication_failed")
        )

        assert (type(error), error.code, error.error_ids) == (NeedsDecision, "invalid_credentials", ("e0",))

    def test_names_the_scopes_that_are_missing(self):
        error = judge(ADD, 403, errors("You do not have permission.", code="permission_denied"))

        assert error.code == "permission_missing"
        assert "lists:write and profiles:write" in error.message

    def test_tells_the_edge_from_the_api(self):
        error = classify(READ, 403, {"content-type": "text/html"}, b"<!DOCTYPE html>", now=NOW)

        assert isinstance(error, RetryLater)
        assert error.code == "blocked_at_edge"

    def test_says_that_the_revision_is_retired(self):
        assert judge(READ, 410, errors("gone")).code == "revision_retired"


class TestMistakeInOneProfile:
    @pytest.mark.parametrize(
        ("pointer", "field"),
        [
            ("/data/attributes/phone_number", "phone_number"),
            ("/data/attributes/location/latitude", "location.latitude"),
            ("/data/attributes", ""),
            ("/data", ""),
            ("", ""),
        ],
    )
    def test_is_the_only_row_of_the_call(self, pointer, field):
        error = judge(UPSERT, 400, errors("Invalid.", pointer=pointer))

        assert isinstance(error, Rejected)
        assert [(each.index, each.field) for each in error.pointers] == [(0, field)]

    def test_leaves_other_calls_as_they_are(self):
        error = judge(ADD, 400, errors("Invalid.", pointer="/data/attributes/name"))

        assert [each.index for each in error.pointers] == [None]

    def test_names_the_scope_that_is_missing(self):
        error = judge(UPSERT, 403, errors("No.", code="permission_denied"))

        assert isinstance(error, NeedsDecision)
        assert "profiles:write" in error.message

    def test_is_in_doubt_without_an_answer(self):
        assert isinstance(judge(UPSERT, 503), Ambiguous)


class TestMistake:
    def test_says_that_the_list_is_gone(self):
        assert judge(READ, 404, errors("A list with id XyZ123 does not exist.")).code == "list_gone"
        assert judge(ADD, 404, errors("Not found.")).code == "list_gone"

    def test_does_not_believe_a_page_that_says_not_found(self):
        assert judge(READ, 404, b"<html>nginx</html>").code == "unexpected_answer"

    def test_knows_a_list_that_an_import_cannot_find(self):
        assert judge(IMPORT, 400, errors("List ID XyZ123 does not exist.")).code == "list_gone"

    def test_says_that_an_import_has_expired(self):
        assert judge(payloads.import_job("j1"), 404, errors("Not found.")).code == "job_expired"

    def test_points_at_the_row_and_the_field(self):
        pointer = "/data/attributes/profiles/data/2/attributes/phone_number"

        error = judge(IMPORT, 400, errors("Invalid phone number +1555.", pointer=pointer))

        assert isinstance(error, Rejected)
        assert error.pointers == (Pointer(2, "phone_number", "invalid", "phone_invalid"),)

    def test_repeats_nobodys_data(self):
        error = judge(IMPORT, 400, errors("'ada@example.org' or +15005550006 is not valid."))

        assert "ada" not in error.message
        assert "5005550006" not in error.message

    def test_lists_the_profiles_that_are_unknown(self):
        error = judge(ADD, 400, errors("Invalid profile IDs: 01GDDKASAP8TKDDA2GRZDSVP4H", pointer="/data/"))

        assert error.code == "invalid_profile_ids"
        assert error.profile_ids == ("01GDDKASAP8TKDDA2GRZDSVP4H",)

    def test_knows_a_stale_cursor(self):
        assert judge(READ, 400, errors("Invalid cursor provided.")).code == "invalid_cursor"

    def test_knows_a_conflict(self):
        assert judge(IMPORT, 409, errors("A profile already exists.")).code == "conflict"

    def test_knows_a_body_that_is_too_large(self):
        assert judge(IMPORT, 413, b"<html>").code == "too_large"

    @pytest.mark.parametrize(
        "detail", ["You have reached the maximum number of lists.", "List limit exceeded", "Only 1,000 lists"]
    )
    def test_recognises_an_account_that_is_full(self, detail):
        error = judge(CREATE, 400, errors(detail))

        assert isinstance(error, NeedsDecision)
        assert error.code == "max_lists"

    def test_does_not_take_a_long_name_for_a_full_account(self):
        body = errors("Name exceeds 255 characters.", pointer="/data/attributes/name")

        assert isinstance(judge(CREATE, 400, body), Rejected)


CALLS = [READ, ADD, CREATE, IMPORT, payloads.account(), payloads.import_job("j"), payloads.list_info("L")]
BODIES = [
    b"",
    b"<html><body>502</body></html>",
    b'{"data": {"type": "list", "id": "Abc123", "attributes": {"name": "VIP"}}}',
    b'{"data": [{"type": "profile", "id": "01A", "attributes": {"email": "a@example.org"}}], "links": {}}',
    errors("Invalid input", pointer="/data/attributes/profiles/data/1/attributes/email"),
    errors("Invalid profile IDs: 01A", pointer="/data/"),
    errors("Request was throttled. Expected available in 3 seconds.", code="throttled"),
]


def mutated(rng: random.Random, body: bytes) -> bytes:
    """Cut, flip, splice or retype a body."""
    kind = rng.randrange(5)
    if kind == 0:
        return body[: rng.randrange(len(body) + 1)]
    if kind == 1 and body:
        at = rng.randrange(len(body))
        return body[:at] + bytes([rng.randrange(256)]) + body[at + 1 :]
    if kind == 2:
        return rng.randbytes(rng.randrange(200))
    if kind == 3:
        return json.dumps(retyped(rng, json.loads(body))).encode() if body[:1] == b"{" else b"[" * 100_000
    return body


def retyped(rng: random.Random, value: Any) -> Any:
    if rng.random() < 0.15:
        return rng.choice([None, 7, -1, 1e400, "", "x", [], {}, [None], {"data": 1}, True, "9" * 5000])
    if isinstance(value, dict):
        return {key: retyped(rng, inner) for key, inner in value.items() if rng.random() > 0.05}
    if isinstance(value, list):
        return [retyped(rng, inner) for inner in value]
    return value


def sound(call: Call, status: int, body: bytes) -> bool:
    """Return whether an answer may count as done, by other means than the rule's own."""
    if not 200 <= status < 300:
        return False
    try:
        document = json.loads(body)
        data = document["data"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return call.effect == "repeatable"
    if call.effect == "create":
        return isinstance(data, dict) and isinstance(data.get("id"), str) and bool(data["id"])
    return call.effect == "repeatable" or isinstance(data, dict | list)


class TestWhateverComesBack:
    def test_never_raises_and_never_counts_as_done_what_was_not(self):
        rng = random.Random(20261121)
        for _ in range(10_000):
            call, body = rng.choice(CALLS), mutated(rng, rng.choice(BODIES))
            status = rng.choice(
                [200, 201, 202, 204, 301, 400, 401, 403, 404, 409, 410, 413, 422, 429, 500, 503]
            )
            headers = {
                "content-type": rng.choice(["text/html", "application/vnd.api+json", ""]),
                "retry-after": rng.choice(["", "5", "soon", "9" * 400, "Sat, 21 Nov 2026 12:00:30", "1e999"]),
            }

            error = classify(call, status, headers, body, now=NOW)

            if error is None:
                assert sound(call, status, body), (call.endpoint, status, body)
            else:
                assert isinstance(error, DeliveryError)
                assert error.message
