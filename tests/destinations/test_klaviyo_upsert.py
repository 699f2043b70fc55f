"""One profile, one call: for the few people an import job would keep waiting."""

import pytest

from destinations.errors import Ambiguous, Rejected
from destinations.klaviyo.answers import ProfileRef
from tests.destinations.test_klaviyo_client import resource


class TestUpsert:
    def test_makes_a_profile_then_changes_it_and_says_whose_it_is(self, session, klaviyo):
        made = session.client.upsert(resource("ada@example.org", first_name="Ada"))
        changed = session.client.upsert(resource("ada@example.org", **{"properties.Tier": "gold"}))

        assert made == changed
        assert session.client.profiles_by_id([made]) == [ProfileRef(made, "ada@example.org")]
        assert klaviyo.profile("ada@example.org")["first_name"] == "Ada"
        assert klaviyo.profile("ada@example.org")["properties"] == {"Tier": "gold"}

    def test_puts_nobody_on_a_list_until_they_are_added(self, session, klaviyo):
        list_id = klaviyo.create_list("VIP")

        made = session.client.upsert(resource("ada@example.org"))

        assert klaviyo.members(list_id) == set()
        session.client.add(list_id, [made])
        assert klaviyo.members(list_id) == {"ada@example.org"}

    def test_points_at_the_field_that_is_wrong(self, session):
        with pytest.raises(Rejected) as caught:
            session.client.upsert(resource("ada@example.org", phone_number="12"))

        (pointer,) = caught.value.pointers
        assert (pointer.index, pointer.field, pointer.detail_code) == (0, "phone_number", "phone_invalid")

    def test_is_refused_when_two_profiles_would_share_an_identifier(self, session):
        session.client.upsert(resource("ada@example.org", phone_number="+12025550123"))
        session.client.upsert(resource("grace@example.org"))

        with pytest.raises(Rejected) as caught:
            session.client.upsert(resource("grace@example.org", phone_number="+12025550123"))

        assert caught.value.code == "conflict"
        assert [pointer.index for pointer in caught.value.pointers] == [0]

    def test_is_in_doubt_when_its_answer_is_lost_and_may_be_repeated(self, session, klaviyo):
        klaviyo.fault("drop_after", path="^POST /api/profile-import$", times=1)

        with pytest.raises(Ambiguous):
            session.client.upsert(resource("ada@example.org"))

        repeated = session.client.upsert(resource("ada@example.org"))
        assert session.client.profiles_by_id([repeated]) == [ProfileRef(repeated, "ada@example.org")]
