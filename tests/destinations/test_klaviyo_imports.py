"""Cutting rows into imports and finding the bad ones again."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from destinations.calls import encode
from destinations.klaviyo import imports, payloads
from destinations.klaviyo.answers import ImportFailure
from destinations.klaviyo.imports import Batch, batches, match_failures
from destinations.klaviyo.mapping import Profile, Target, problems, profile, targets


def made(count: int, *, size: int = 100) -> list[Profile]:
    return [sized(number, size) for number in range(count)]


def sized(number: int, size: int) -> Profile:
    resource = {"type": "profile", "attributes": {"email": f"p{number}@example.org"}}
    return Profile(number, f"key-{number}", resource, size)


class TestBatches:
    @given(
        sizes=st.lists(st.integers(20, 300), max_size=80),
        max_count=st.integers(1, 12),
        max_bytes=st.integers(imports.ENVELOPE_BYTES + 301, 3000),
    )
    def test_keeps_every_row_in_order_within_both_limits(self, sizes, max_count, max_bytes):
        profiles = [sized(number, size) for number, size in enumerate(sizes)]

        cut = list(batches(profiles, max_count=max_count, max_bytes=max_bytes))

        assert [row.row_no for batch in cut for row in batch.profiles] == list(range(len(sizes)))
        assert all(1 <= len(batch.profiles) <= max_count and batch.bytes <= max_bytes for batch in cut)
        for batch, following in pairwise(cut):
            full = len(batch.profiles) == max_count
            assert full or batch.bytes + following.profiles[0].bytes + 1 > max_bytes

    @given(
        st.lists(
            st.dictionaries(st.sampled_from(["first_name", "properties.Tier", "location.city"]), st.text()),
            min_size=1,
            max_size=30,
        )
    )
    def test_knows_how_large_the_request_will_be(self, rows):
        fields = [Target(name, "text") for name in ("first_name", "properties.Tier", "location.city")]
        profiles = [
            profile({"row_no": number, "key": str(number), "email": "a@example.org"} | row, fields)
            for number, row in enumerate(rows)
        ]
        (batch,) = batches(profiles)

        sent = len(encode(payloads.submit_import(batch.resources(), "XyZ123").body))

        assert sent <= batch.bytes <= sent + imports.ENVELOPE_BYTES

    def test_holds_one_batch_at_a_time(self):
        taken = []

        def rows():
            for row in made(100):
                taken.append(row.row_no)
                yield row

        next(batches(rows(), max_count=10))

        assert len(taken) == 11

    def test_names_a_profile_that_is_too_large(self):
        assert imports.too_large(sized(3, 100_000)) is None
        assert imports.too_large(sized(3, 100_001)).reason == "too_large"


class TestMatchFailures:
    def test_finds_rows_by_address_then_by_index(self):
        def failure(*, index=None, email=None):
            return ImportFailure("f", "invalid", "Invalid", "phone_invalid", "phone_number", index, email)

        def key_of(email):
            if "@" not in email:
                raise ValueError(email)
            return email.split("@")[0].replace("p", "key-")

        failures = [
            failure(email="p2@example.org", index=0),
            failure(email="nonsense", index=1),
            failure(index=9),
            failure(),
        ]

        found = match_failures(failures, Batch(tuple(made(4))), key_of=key_of)

        assert [each.key for each in found.refusals] == ["key-2", "key-1"]
        assert found.unplaced == 2


class TestProfile:
    def test_places_values_by_their_targets_and_types(self):
        row = {
            "row_no": 7,
            "key": "k",
            "email": "ada@example.org",
            "first_name": "Ada",
            "location.city": "Zürich",
            "location.latitude": 47.4,
            "properties.Tier.Name": "gold",
            "properties.Points": 12,
            "properties.Active": False,
            "properties.Since": "2026-01-02",
            "properties.Tags": '["a", {"b": 1}]',
        }
        fields = [
            Target("first_name", "text"),
            Target("location.city", "text"),
            Target("location.latitude", "number"),
            Target("properties.Tier.Name", "text"),
            Target("properties.Points", "number"),
            Target("properties.Active", "boolean"),
            Target("properties.Since", "date"),
            Target("properties.Tags", "json"),
        ]

        found = profile(row, fields)

        assert found.resource == {
            "type": "profile",
            "attributes": {
                "email": "ada@example.org",
                "first_name": "Ada",
                "location": {"city": "Zürich", "latitude": 47.4},
                "properties": {
                    "Tier.Name": "gold",
                    "Points": 12,
                    "Active": False,
                    "Since": "2026-01-02",
                    "Tags": ["a", {"b": 1}],
                },
            },
        }
        assert found.bytes == len(encode(found.resource))

    def test_leaves_out_what_is_empty(self):
        row = {
            "row_no": 1,
            "key": "k",
            "email": "a@example.org",
            "first_name": "",
            "properties.N": float("nan"),
        }
        fields = [Target("first_name", "text"), Target("last_name", "text"), Target("properties.N", "number")]

        assert profile(row, fields).resource["attributes"] == {"email": "a@example.org"}

    @given(st.text(), st.floats(), st.sampled_from(["NaN", "[Infinity]", '{"a": -Infinity}', "1"]))
    def test_is_always_json(self, text, number, document):
        row = {"row_no": 1, "key": "k", "email": "a@example.org"}
        row |= {"title": text, "properties.N": number, "properties.J": document}
        fields = [Target("title", "text"), Target("properties.N", "number"), Target("properties.J", "json")]

        json.dumps(profile(row, fields).resource, allow_nan=False)


class TestProblems:
    def test_finds_none_in_a_good_mapping(self):
        mapping = [
            {"column": "given", "target": "first_name", "type": "text"},
            {"column": "tier", "target": "properties.Tier", "type": "json"},
            {"column": "lat", "target": "location.latitude", "type": "number"},
        ]

        assert problems(mapping, columns=["given", "tier", "lat", "email"]) == []
        assert targets(mapping)[0] == Target("first_name", "text")

    @pytest.mark.parametrize(
        ("entry", "words"),
        [
            ({"column": "a", "target": "surname", "type": "text"}, 'no field "surname"'),
            ({"column": "a", "target": "email", "type": "json"}, "address is text, not json"),
            ({"column": "a", "target": "properties.", "type": "text"}, "needs a name"),
            ({"column": "a", "target": "properties." + "x" * 256, "type": "text"}, "at most 255"),
            ({"column": "a", "target": "title", "type": "colour"}, "is no type"),
            ({"column": "a", "target": "title", "type": "json"}, "takes text"),
            ({"column": "", "target": "title", "type": "text"}, "has no column"),
            ({"column": "gone", "target": "title", "type": "text"}, 'no column "gone"'),
            ({}, "has no column"),
        ],
    )
    def test_says_what_is_wrong(self, entry, words):
        assert any(words in sentence for sentence in problems([entry], columns=["a"]))

    def test_refuses_two_columns_for_one_field(self):
        entry = {"column": "a", "target": "title", "type": "text"}

        assert problems([entry, entry | {"column": "b"}]) == [
            'Two columns go to "title". Each field takes one.'
        ]
