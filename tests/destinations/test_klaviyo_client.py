"""Klaviyo's endpoints at the wire; the simulator checks every request against Klaviyo's own document."""

import json
import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from destinations.calls import Answer
from destinations.clock import SystemClock
from destinations.errors import Ambiguous, NeedsDecision, Rejected, RetryLater
from destinations.klaviyo import payloads
from destinations.klaviyo.answers import Counted, Job, Member, ProfileRef, Subscription
from destinations.klaviyo.classify import classify, parse
from destinations.klaviyo.client import Klaviyo
from destinations.klaviyo.mapping import Target, profile
from destinations.klaviyo.service import open_session
from tests.destinations.test_klaviyo_classify import mutated

ALL = ["accounts:read", "lists:read", "lists:write", "profiles:read", "profiles:write", "flows:read"]


def resource(email: str, **attributes: str) -> dict:
    fields = [Target(name, "text") for name in attributes]
    return profile({"row_no": 0, "key": "k", "email": email} | attributes, fields).resource


def finished(client: Klaviyo, job_id: str) -> Job:
    """Return an import when it has ended."""
    clock = SystemClock()
    end = clock.now() + timedelta(seconds=20)
    while (job := client.import_job(job_id)).is_running and clock.now() < end:
        clock.sleep(0.05)
    return job


class TestGroups:
    def test_come_ten_a_page_with_their_last_change(self, session, klaviyo):
        klaviyo.fill_lists(12)
        klaviyo.list_changed("Old list 1", "2024-03-01T08:00:00+00:00")

        first = session.client.groups("list")
        second = session.client.groups("list", cursor=first.cursor)

        assert (len(first.groups), len(second.groups), second.cursor) == (10, 2, "")
        (old,) = (group for group in first.groups if group.name == "Old list 1")
        assert (old.kind, old.updated) == ("list", "2024-03-01T08:00:00+00:00")

    def test_go_for_good_and_are_missed_afterwards(self, session, klaviyo):
        list_id = klaviyo.create_list("Old")
        klaviyo.segments("Engaged", profile_count=7)
        klaviyo.segment_flow("Engaged", "Win back")
        (segment,) = session.client.groups("segment").groups

        assert session.client.counted("segment", segment.id) == Counted(segment.name, 7)
        assert [flow.name for flow in session.client.flows(segment.id, kind="segment")] == ["Win back"]
        session.client.delete_group("list", list_id)
        session.client.delete_group("segment", segment.id)

        assert klaviyo.lists() == klaviyo.all_segments() == []
        with pytest.raises(NeedsDecision) as gone:
            session.client.delete_group("list", list_id)
        assert gone.value.code == "list_gone"
        with pytest.raises(Rejected) as missed:
            session.client.delete_group("segment", segment.id)
        assert missed.value.code == "not_found"


class TestAccount:
    def test_says_whose_key_it_is(self, session, klaviyo):
        found = session.client.account()

        assert (found.id, found.name) == (klaviyo.id, "Example Shop")
        assert found.timezone
        assert found.public_key == klaviyo.id

    def test_tells_which_scopes_are_missing(self, session, klaviyo):
        klaviyo.create_list("VIP")
        klaviyo.change(scopes=ALL)

        found = session.client.scopes()

        assert found["segments:read"] == "missing"
        assert found["lists:read"] == found["profiles:read"] == found["flows:read"] == "granted"
        assert found["lists:write"] == "unknown"

    def test_needs_a_person_when_the_key_is_revoked(self, session, klaviyo):
        klaviyo.change(revoked=True)

        with pytest.raises(NeedsDecision) as caught:
            session.client.account()

        assert caught.value.code == "invalid_credentials"


class TestLists:
    def test_are_made_once_and_found_by_name(self, session):
        made = session.client.create_list('The "VIP", list')

        assert [found.id for found in session.client.find_lists('The "VIP", list')] == [made.id]
        assert session.client.find_lists("Nobody") == []
        assert session.client.list_info(made.id).name == 'The "VIP", list'

    def test_are_all_found_when_they_share_a_name(self, session, klaviyo):
        for _ in range(12):
            klaviyo.create_list("Twin")

        assert len(session.client.find_lists("Twin")) == 12

    def test_are_counted_with_segments(self, session, klaviyo):
        klaviyo.fill_lists(23)
        klaviyo.segments("Buyers", 11)

        assert (session.client.list_total(), session.client.segment_total()) == (23, 11)

    def test_are_gone_when_deleted(self, session, klaviyo):
        list_id = klaviyo.create_list("VIP")
        klaviyo.delete_list(list_id)

        for attempt in (
            lambda: session.client.list_info(list_id),
            lambda: session.client.member_page(list_id),
            lambda: session.client.add(list_id, ["01A"]),
            lambda: session.client.submit_import([resource("a@example.org")], list_id),
        ):
            with pytest.raises(NeedsDecision) as caught:
                attempt()
            assert caught.value.code == "list_gone"

    def test_cannot_be_made_in_a_full_account(self, session, klaviyo):
        klaviyo.fill_lists(1000)

        with pytest.raises((NeedsDecision, Rejected)):
            session.client.create_list("One more")

    def test_are_looked_for_when_the_answer_to_making_one_is_lost(self, session, klaviyo):
        klaviyo.fault("drop_after", path="^POST /api/lists$", times=1)

        with pytest.raises(Ambiguous):
            session.client.create_list("VIP")

        assert len(session.client.find_lists("VIP")) == 1

    def test_name_the_flows_they_start(self, session, klaviyo):
        list_id = klaviyo.create_list("VIP")
        klaviyo.flow(list_id, "Welcome", status="live")
        klaviyo.flow(list_id, "Old", status="draft")

        found = {flow.name: flow.is_live for flow in session.client.flows(list_id)}

        assert found == {"Welcome": True, "Old": False}


class TestMembers:
    def test_come_and_go_by_id(self, session, klaviyo):
        list_id = klaviyo.create_list("VIP")
        ada, grace = klaviyo.add(klaviyo.list_named("Elsewhere"), "ada@example.org", "grace@example.org")

        session.client.add(list_id, [ada, grace])
        session.client.remove(list_id, [ada])

        assert klaviyo.members(list_id) == {"grace@example.org"}
        assert session.client.member_count(list_id) == 1

    def test_are_refused_together_when_one_is_unknown(self, session, klaviyo):
        list_id = klaviyo.create_list("VIP")
        (ada,) = klaviyo.add(list_id, "ada@example.org")
        unknown = "01GDDKASAP8TKDDA2GRZDSVP4H"

        with pytest.raises(Rejected) as caught:
            session.client.add(list_id, [ada, unknown])

        assert caught.value.code == "invalid_profile_ids"
        assert caught.value.profile_ids == (unknown,)

    def test_are_found_by_address_on_the_list_alone(self, session, klaviyo):
        list_id = klaviyo.create_list("VIP")
        (ada,) = klaviyo.add(list_id, "ada+lists@example.org")
        klaviyo.add(klaviyo.list_named("Elsewhere"), "grace@example.org")

        (found,) = session.client.members_with(list_id, ["ada+lists@example.org", "grace@example.org"])

        assert isinstance(found, Member)
        assert (found.profile_id, found.email) == (ada, "ada+lists@example.org")
        assert datetime.now(UTC) - found.joined_at < timedelta(minutes=1)

    def test_come_in_pages(self, session, klaviyo):
        list_id = klaviyo.seed("Large", 250)

        first = session.client.member_page(list_id)
        second = session.client.member_page(list_id, cursor=first.cursor)
        third = session.client.member_page(list_id, cursor=second.cursor)

        ids = {member.profile_id for page in (first, second, third) for member in page.members}
        assert len(ids) == 250
        assert third.cursor == ""


class TestProfiles:
    def test_are_found_by_id(self, session, klaviyo):
        (ada,) = klaviyo.add(klaviyo.list_named("VIP"), "ada@example.org")

        assert session.client.profiles_by_id([ada]) == [ProfileRef(ada, "ada@example.org")]

    def test_say_what_may_be_sent_to_them(self, session, klaviyo):
        klaviyo.add(klaviyo.list_named("VIP"), "ada@example.org")
        klaviyo.unsubscribe(None, "ada@example.org")

        (found,) = session.client.subscriptions(["ada@example.org"])

        assert isinstance(found, Subscription)
        assert found.consent == "UNSUBSCRIBED"
        assert not found.can_receive


class TestImports:
    def test_make_profiles_and_put_them_on_the_list(self, session, klaviyo):
        list_id = klaviyo.create_list("VIP")
        rows = [
            resource(
                "ada@example.org", first_name="Ada", **{"location.city": "Zürich", "properties.Tier": "gold"}
            ),
            resource("grace@example.org"),
        ]

        job = finished(session.client, session.client.submit_import(rows, list_id))

        assert job.is_complete
        assert (job.total, job.completed, job.failed) == (2, 2, 0)
        assert klaviyo.members(list_id) == {"ada@example.org", "grace@example.org"}
        assert klaviyo.profile("ada@example.org")["location"]["city"] == "Zürich"
        assert job.id in {listed.id for listed in session.client.import_jobs().jobs}
        assert session.client.import_jobs(statuses=["queued", "processing"]).jobs == ()

    def test_point_at_the_row_that_spoilt_them(self, session, klaviyo):
        list_id = klaviyo.create_list("VIP")
        rows = [resource("ada@example.org"), resource("not an address"), resource("grace@example.org")]

        with pytest.raises(Rejected) as caught:
            session.client.submit_import(rows, list_id)

        (pointer,) = caught.value.pointers
        assert (pointer.index, pointer.field, pointer.detail_code) == (1, "email", "email_invalid")
        assert klaviyo.members(list_id) == set()

    def test_name_the_rows_they_could_not_take(self, session, klaviyo):
        klaviyo.import_settings(fail=["grace@*"])
        list_id = klaviyo.create_list("VIP")
        rows = [resource("ada@example.org"), resource("grace@example.org")]

        job = finished(session.client, session.client.submit_import(rows, list_id))
        (failure,) = session.client.import_failures(job.id)

        assert job.failed == 1
        assert failure.email == "grace@example.org"
        assert failure.code

    def test_expire(self, session):
        with pytest.raises(Rejected) as caught:
            session.client.import_job("01GDDKASAP8TKDDA2GRZDSVP4H")

        assert caught.value.code == "job_expired"


class TestPace:
    def test_keeps_within_the_limits_of_an_account(self, db, klaviyo):
        klaviyo.limits(True)
        list_id = klaviyo.create_list("VIP")
        (ada,) = klaviyo.add(list_id, "ada@example.org")

        with open_session(klaviyo.key, klaviyo.id, clock=SystemClock()) as session:
            for _ in range(25):
                session.client.add(list_id, [ada])

        assert klaviyo.stats()["throttled"] == 0


@pytest.mark.django_db(transaction=True)
class TestWorkers:
    def test_are_never_refused_however_many_share_an_account(self, klaviyo):
        klaviyo.limits(True)

        def work(number: int) -> int:
            try:
                with open_session(klaviyo.key, klaviyo.id, clock=SystemClock()) as session:
                    return sum(session.client.find_lists(f"List {turn}") == [] for turn in range(40))
            finally:
                connection.close()

        with ThreadPoolExecutor(6) as workers:
            found = sum(workers.map(work, range(6)))

        assert found == 240
        assert klaviyo.stats()["throttled"] == 0


class Told:
    """Gives one answer to every call, as the transport would."""

    def __init__(self, status: int, body: bytes) -> None:
        self.status, self.body = status, body

    def send(self, call) -> Answer:
        error = classify(call, self.status, {}, self.body, now=datetime(2026, 11, 21, tzinfo=UTC))
        if error is not None:
            raise error
        return Answer(self.status, parse(self.body), {})


GENUINE = json.dumps(
    {
        "data": [
            {
                "type": "x",
                "id": "01A",
                "attributes": {
                    "name": "VIP",
                    "email": "a@example.org",
                    "joined_group_at": "2026-01-02T03:04:05+00:00",
                    "status": "complete",
                    "total_count": 1,
                    "profile_count": 3,
                    "contact_information": {"organization_name": "Example"},
                    "subscriptions": {"email": {"marketing": {"consent": "SUBSCRIBED", "suppression": []}}},
                    "original_payload": {"email": "a@example.org"},
                    "source": {"pointer": "/data/attributes/profiles/data/0/attributes/email"},
                },
            }
        ],
        "links": {"next": None},
    }
).encode()
METHODS = (
    lambda client: client.account().id,
    lambda client: [found.id for found in client.find_lists("VIP")],
    lambda client: client.list_info("L").id,
    lambda client: client.member_count("L"),
    lambda client: [member.joined_at.tzinfo for member in client.member_page("L").members],
    lambda client: [found.profile_id for found in client.profiles_by_id(["a"])],
    lambda client: [found.consent for found in client.subscriptions(["a@example.org"])],
    lambda client: client.import_job("j").status,
    lambda client: [job.status for job in client.import_jobs().jobs],
    lambda client: [failure.code for failure in client.import_failures("j")],
    lambda client: [flow.name for flow in client.flows("L")],
    lambda client: client.create_list("VIP").id,
    lambda client: client.submit_import([resource("a@example.org")], "L"),
    lambda client: client.upsert(resource("a@example.org")),
)


class TestWhateverComesBack:
    def test_raises_only_what_callers_know(self):
        rng = random.Random(7)
        single = json.dumps({"data": json.loads(GENUINE)["data"][0]}).encode()
        for _ in range(4000):
            told = Told(rng.choice([200, 201, 202]), mutated(rng, rng.choice([GENUINE, single])))
            with suppress(RetryLater, Ambiguous):
                rng.choice(METHODS)(Klaviyo(told))

    def test_ends_when_pages_go_in_circles(self):
        body = b'{"data": [], "links": {"next": "https://a.klaviyo.com/api/lists?page%5Bcursor%5D=same"}}'

        with pytest.raises(RetryLater):
            Klaviyo(Told(200, body)).list_total()


class TestPayloads:
    @pytest.mark.parametrize("count", [0, 1001])
    def test_refuse_more_than_a_call_takes(self, count):
        with pytest.raises(ValueError, match="1 to 1000"):
            payloads.add("L", ["01A"] * count)

    @pytest.mark.parametrize("list_id", ["", ".", ".."])
    def test_refuse_a_list_without_an_id(self, list_id):
        with pytest.raises(ValueError, match="id is missing"):
            payloads.list_info(list_id)

    def test_keep_an_id_within_its_part_of_the_path(self):
        assert payloads.list_info("../accounts?x=1").path == "/api/lists/..%2Faccounts%3Fx%3D1"

    def test_write_moments_unquoted_in_utc(self):
        moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

        query = dict(payloads.members("L", since=moment, before=moment + timedelta(microseconds=7)).query)

        assert query["filter"] == (
            "greater-or-equal(joined_group_at,2026-01-02T03:04:05Z),"
            "less-than(joined_group_at,2026-01-02T03:04:05.000007Z)"
        )
