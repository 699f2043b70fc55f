"""What is shown of requests and answers: their shape, ids and codes, and nobody."""

import json
from typing import Any
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from destinations import redacted
from destinations.calls import Answer, Call
from destinations.klaviyo import payloads

ERROR_ID = "4f739784-390b-4df3-acd8-6eb07d60e6b4"
LIST_ID, PROFILE_ID = "Y6nRLr", "01GDDKASAP8TKDDA2GRZDSVP4H"


def a_profile(number: int) -> dict[str, Any]:
    attributes = {"email": f"person{number}@example.org", "phone_number": f"+4479460{number:05d}"}
    return {"type": "profile", "attributes": {**attributes, "properties": {"Tier": "Gold"}}}


def an_import(size: int) -> Call:
    return payloads.submit_import([a_profile(number) for number in range(size)], LIST_ID)


class TestRequest:
    def test_shows_two_of_ten_thousand_profiles_without_a_value(self):
        call = an_import(10_000)

        shown = redacted.request(call)

        assert shown["body"].startswith("10,000 profiles, the first 2 shown.\n")
        assert "… and 9,998 more" in shown["body"]
        assert '"Tier"' in shown["body"]
        assert "Gold" not in shown["body"]
        assert LIST_ID in shown["body"]
        assert shown["bytes"] > 1_000_000
        assert (shown["method"], shown["path"]) == ("POST", "/api/profile-bulk-import-jobs")

    def test_keeps_the_ids_of_profiles_and_of_the_list(self):
        shown = redacted.request(payloads.remove(LIST_ID, [PROFILE_ID] * 1_000))

        assert shown["path"] == f"/api/lists/{LIST_ID}/relationships/profiles"
        assert PROFILE_ID in shown["body"]
        assert shown["body"].startswith("1,000 profiles, the first 2 shown.")

    def test_names_what_is_asked_for_without_saying_who(self):
        shown = redacted.request(payloads.members_with(LIST_ID, ["ada@example.org"]))

        assert shown["path"].startswith(f"/api/lists/{LIST_ID}/profiles (")
        assert "filter" in shown["path"]
        assert "ada" not in json.dumps(shown)


class TestAnswer:
    def test_keeps_codes_ids_and_pointers_of_an_error(self):
        error = {
            "id": ERROR_ID,
            "status": 400,
            "code": "invalid",
            "title": "Invalid input.",
            "detail": "Invalid email address person1@example.org for Gold.",
            "source": {"pointer": "/data/attributes/profiles/data/1/attributes/email"},
            "meta": {"given": "person1@example.org"},
        }

        shown = redacted.raw(
            an_import(3), 400, {"Retry-After": "3"}, json.dumps({"errors": [error]}).encode()
        )

        told = json.loads(shown["body"])["errors"][0]
        assert shown["ids"] == [ERROR_ID]
        assert shown["headers"] == {"retry-after": "3"}
        assert (told["status"], told["code"], told["title"]) == (400, "invalid", "Invalid input.")
        assert told["source"]["pointer"] == error["source"]["pointer"]
        assert told["detail"] == "Invalid email address … for …"

    def test_keeps_the_state_and_the_counts_of_a_job(self):
        attributes = {"status": "complete", "total_count": 10_000, "failed_count": 3}
        data = {"data": {"type": "profile-bulk-import-job", "id": "job-1", "attributes": attributes}}

        shown = redacted.answer(an_import(1), Answer(202, data, {}))

        assert json.loads(shown["body"]) == data

    def test_keeps_plain_words_of_what_is_no_document(self):
        page = b"<html><body><h1>502 Bad Gateway</h1> person1@example.org 1234567</body></html>"

        shown = redacted.raw(an_import(3), 502, {"content-type": "text/html", "set-cookie": "secret"}, page)

        assert "Bad Gateway" in shown["body"]
        assert "person1" not in shown["body"]
        assert "1234567" not in shown["body"]
        assert shown["headers"] == {"content-type": "text/html"}

    def test_says_size_and_hash_of_a_file(self):
        call = Call("sftp.upload", "PUT", "profiles/VIP-1.csv", effect="repeatable")

        shown = redacted.answer(call, Answer(200, {"bytes": 12, "rows": 1, "sha256": "ab"}, {}))

        assert redacted.request(call)["path"] == "profiles/VIP-1.csv"
        assert shown["body"] == "bytes: 12, rows: 1, sha256: ab"


LOCAL = st.text("abcdefghijklmnopqrstuvwxyz0123456789._+-", min_size=1, max_size=12).map(
    lambda text: f"q{text}x"
)
DOMAIN = st.sampled_from(["example.org", "example.com", "mail.example.co"])
EMAIL = st.builds("{}@{}".format, LOCAL, DOMAIN)
PHONE = st.from_regex(r"\+[1-9][0-9]{8,13}", fullmatch=True)
PERSON = st.one_of(EMAIL, PHONE)


def forms(person: str) -> set[str]:
    """A person's address or number as it may be written."""
    entities = "".join(f"&#{ord(sign)};" for sign in person)
    return {person, person.upper(), quote(person, safe=""), entities, person.lstrip("+"), person.title()}


def documents(person: str) -> st.SearchStrategy[Any]:
    """Documents with a person anywhere: as a value, in a text, as a name, where a code or an id belongs."""
    written = st.sampled_from(sorted(forms(person)))
    texts = st.builds(
        "{}{}{}".format,
        st.sampled_from(["", "Invalid value ", "/data/", "(", "x"]),
        written,
        st.sampled_from(["", " given.", "/1", ")"]),
    )
    names = st.one_of(
        st.sampled_from(
            [
                "data",
                "errors",
                "detail",
                "title",
                "id",
                "type",
                "code",
                "status",
                "pointer",
                "parameter",
                "source",
                "attributes",
                "meta",
                "links",
                "next",
                "email",
                "created",
                "name",
                "reason",
                "total_count",
                "list",
            ]
        ),
        written,
    )
    leaves = st.one_of(texts, st.integers(), st.booleans(), st.none())
    if person.startswith("+"):
        leaves = st.one_of(leaves, st.just(int(person[1:])))
    return st.recursive(
        leaves,
        lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(names, inner, max_size=4)),
        max_leaves=12,
    )


def gone(person: str, shown: object) -> bool:
    text = json.dumps(shown, ensure_ascii=False).lower()
    return not any(form.lower() in text for form in forms(person))


class TestNobody:
    @given(st.data(), PERSON)
    def test_goes_out_of_a_document_in_any_form(self, data: st.DataObject, person: str):
        document = data.draw(documents(person))
        headers = data.draw(
            st.dictionaries(
                st.sampled_from(
                    ["Retry-After", "RateLimit-Limit", "X-Klaviyo-Req-Id", "CF-Ray", "Content-Type"]
                ),
                st.sampled_from(sorted(forms(person))),
            )
        )

        for body in (json.dumps(document).encode(), json.dumps(document, ensure_ascii=False).encode() + b"<"):
            assert gone(person, redacted.raw(an_import(1), 400, headers, body))

    @given(st.data(), PERSON)
    def test_goes_out_of_a_request_in_any_form(self, data: st.DataObject, person: str):
        written = data.draw(st.sampled_from(sorted(forms(person))))
        profile = {
            "type": "profile",
            "attributes": {"email": written, "properties": {"Tier": written, written: 1}},
        }
        calls = (
            payloads.submit_import([profile], LIST_ID),
            payloads.upsert(profile),
            payloads.members_with(LIST_ID, [written]),
            payloads.create_list(written),
            Call("lists.get", "GET", f"/api/lists/{written}"),
        )

        assert all(gone(person, redacted.request(call)) for call in calls)

    @given(PERSON, st.text(max_size=20))
    def test_is_quoted_from_what_was_sent(self, person: str, around: str):
        profile = {"type": "profile", "attributes": {"first_name": "Adelaide", "email": person}}
        detail = f"{around} ADELAIDE's value {person}"
        body = json.dumps({"errors": [{"detail": detail, "title": "adelaide"}]}).encode()

        shown = redacted.raw(payloads.upsert(profile), 400, {}, body)

        assert gone(person, shown)
        assert "adelaide" not in json.dumps(shown).lower().replace(around.lower(), "")
