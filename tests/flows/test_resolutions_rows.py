"""Rows that cannot go as they are: the plan waits, somebody says what to do, and the list is verified."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from accounts.models import Activity
from tests.flows.conftest import FREE
from tests.flows.world import World
from workflows import resolutions
from workflows.models import Event, Orchestration, Workflow
from workflows.moves import State
from workflows.resolutions import Answers, Person, Refused

OLGA = Person("Olga")
PHONE = {"column": "phone", "target": "phone_number", "type": "text"}
NAME = {"column": "name", "target": "first_name", "type": "text"}
TOTAL = {"column": "total", "target": "properties.Total", "type": "number"}
LIMITED = {"approve_first_run": False}


def sending(*mapping: dict[str, str]) -> dict[str, Any]:
    return {"full_profile": True, "mapping": list(mapping)}


def names(workflow: Workflow, reason: str = "") -> list[str]:
    return [each.name for each in resolutions.offered(workflow, reason)]


def resolve(workflow: Workflow, way: str, reason: str = "", **answers: str) -> Workflow:
    given = Answers({name: [told] for name, told in answers.items()})
    return resolutions.resolve(workflow, way, given, by=OLGA, reason=reason).workflow


def preview(workflow: Workflow, way: str, reason: str = "", **answers: str) -> resolutions.Preview:
    given = Answers({name: [told] for name, told in answers.items()})
    return resolutions.preview(workflow, way, given, reason=reason)


def with_phones(good: int, bad: int) -> list[dict[str, str]]:
    rows = [{"email": f"person{n}@example.org", "phone": f"+1212555{n:04d}"} for n in range(good)]
    more = range(good, good + bad)
    return rows + [{"email": f"person{n}@example.org", "phone": f"(212) 555-{n:04d}"} for n in more]


def imported(company: World) -> list[str]:
    """The addresses in every import the simulator was sent since its log was emptied."""
    jobs = company.klaviyo.log(operation="POST /api/profile-bulk-import-jobs")
    bodies = [json.loads(job["body"]) if isinstance(job["body"], str) else job["body"] for job in jobs]
    return [
        profile["attributes"]["email"]
        for body in bodies
        for profile in body["data"]["attributes"]["profiles"]["data"]
    ]


def told_somewhere(*workflows: Workflow) -> str:
    """Everything that is kept in words about these runs."""
    events = Event.objects.filter(workflow__in=workflows).values_list("message", "data")
    activities = Activity.objects.values_list("object_label", "data")
    kept = [(each.message, each.error, each.config, each.counts, each.plan) for each in workflows]
    return str([*events, *activities, *kept])


@pytest.fixture
def phones(world: Callable[..., World]) -> tuple[World, Workflow]:
    """A run of which half of the rows have a phone number without a country code."""
    company = world(template=sending(PHONE), guards=LIMITED)
    company.write(with_phones(good=20, bad=20))
    return company, company.run()


class TestPhones:
    def test_hold_the_plan_before_anything_is_sent(self, phones: tuple[World, Workflow]):
        company, paused = phones

        assert (paused.state, paused.code) == (State.PAUSED, "phone_format")
        assert paused.message.startswith("20 of 40 rows have a phone number")
        assert "your limit is 10%" in paused.message
        assert names(paused)[:3] == ["phone_country", "unmap_phone", "set_aside"]
        assert company.klaviyo.writes() == []

    def test_go_with_the_country_that_was_chosen(self, phones: tuple[World, Workflow]):
        company, paused = phones

        shown = preview(paused, "phone_country", country="US")
        run = company.go_on(resolve(paused, "phone_country", country="US"))

        assert shown.told == "20 of 20 rows can be converted; 0 cannot and stay out."
        assert shown.examples[0] == ("(•••) •••-0020", "+1••••••0020")
        assert (run.state, run.is_verified, run.parent_id) == (State.SUCCEEDED, True, paused.pk)
        assert len(company.members()) == 40
        assert company.klaviyo.profile("person30@example.org")["phone_number"] == "+12125550030"
        company.orchestration.template.refresh_from_db()
        assert company.orchestration.template.default_country == "US"
        assert Activity.objects.filter(action="changed", data__fields=["default_country"]).count() == 1
        told = told_somewhere(paused, run) + str(resolutions.offered(paused)) + str(shown)
        assert "555-0020" not in told
        assert "5550020" not in told
        assert "person20@" not in told

    def test_need_a_country_that_they_can_be_of(self, phones: tuple[World, Workflow]):
        _, paused = phones

        with pytest.raises(Refused, match="None of 20 rows has a number of Andorra"):
            resolve(paused, "phone_country", country="AD")
        with pytest.raises(Refused, match="Choose a country"):
            resolve(paused, "phone_country", country="XX")

        paused.refresh_from_db()
        assert paused.state == State.PAUSED

    def test_can_be_left_out_of_the_mapping(self, phones: tuple[World, Workflow]):
        company, paused = phones

        run = company.go_on(resolve(paused, "unmap_phone"))

        assert (run.state, len(company.members())) == (State.SUCCEEDED, 40)
        assert not company.klaviyo.profile("person1@example.org")["phone_number"]

    def test_let_exactly_this_plan_pass_when_they_are_set_aside(self, phones: tuple[World, Workflow]):
        company, paused = phones

        run = company.go_on(resolve(paused, "set_aside"))

        assert (run.pk, run.state, run.is_verified) == (paused.pk, State.SUCCEEDED, True)
        assert len(company.members()) == 20
        assert run.counts["not_loaded"] == {"phone_no_country": 20}
        assert run.approvals.get().decided_as == "Olga"

    def test_are_told_together_with_what_else_is_the_matter(self, world: Callable[..., World]):
        company = world(template=sending(PHONE), guards=LIMITED)
        company.write(with_phones(good=40, bad=0))
        company.run()
        company.write(with_phones(good=20, bad=20))

        paused = company.run()

        assert (paused.state, paused.code) == (State.PAUSED, "guard")
        assert "would remove 20 of 40 people" in paused.message
        assert "20 of 40 rows have a phone number" in paused.message
        assert "phone_country" in names(paused, "phone_no_country")

    def test_are_not_asked_about_when_they_are_few(self, world: Callable[..., World]):
        company = world(template=sending(PHONE), guards=LIMITED)
        company.write(with_phones(good=10, bad=10))

        assert company.run().state == State.SUCCEEDED


class TestAffectedRows:
    def test_go_alone_once_they_are_mended(self, world: Callable[..., World]):
        company = world(template=sending(PHONE), guards=FREE)
        company.write(with_phones(good=9_688, bad=312))
        first = company.run()
        assert (first.state, len(company.members())) == (State.SUCCEEDED, 9_688)
        # Meanwhile five people went from the query, two came, and one has another number.
        rows = with_phones(good=9_688, bad=312)[5:]
        rows[0]["phone"] = "+12126660000"
        company.write([*rows, *({"email": f"new{n}@example.org", "phone": ""} for n in range(2))])
        company.klaviyo.forget_log()
        company.klaviyo.keep_bodies()

        run = company.go_on(resolve(first, "phone_country", "phone_no_country", country="US"))

        assert (run.state, run.is_verified) == (State.SUCCEEDED, True)
        assert sorted(imported(company)) == sorted(f"person{n}@example.org" for n in range(9_688, 10_000))
        assert {entry["operation"] for entry in company.klaviyo.writes()} == {
            "POST /api/profile-bulk-import-jobs"
        }
        assert len(company.members()) == 10_000
        assert (run.counts["added"], run.counts["skipped"], run.counts["removed"]) == (312, 2, 0)
        assert run.counts["unchanged"] == 9_683
        # The next run makes good what this one left alone, and takes none of them for people who left.
        after = company.run_of(Orchestration.objects.get())
        assert (after.state, after.counts["added"], after.counts["removed"]) == (State.SUCCEEDED, 2, 5)
        assert (after.counts["updated"], after.counts["kept_out"]) == (1, 0)

    def test_run_again_as_they_are_now(self, world: Callable[..., World]):
        company = world(guards=LIMITED)
        rows = [{"email": f"person{n}@example.org"} for n in range(60)]
        bad = [{"email": f"person{n} at example.org"} for n in range(60, 63)]
        company.write([*rows, *bad])
        first = company.run()
        company.write([*rows, *({"email": f"person{n}@example.org"} for n in range(60, 63))])
        company.klaviyo.forget_log()
        company.klaviyo.keep_bodies()

        run = company.go_on(resolve(first, "rerun_rows", "email_invalid"))

        assert (run.state, run.is_verified) == (State.SUCCEEDED, True)
        assert sorted(imported(company)) == [f"person{n}@example.org" for n in range(60, 63)]
        assert (run.counts["added"], run.counts["unchanged"]) == (3, 60)

    def test_are_asked_for_by_name_when_they_are_forgotten(self, world: Callable[..., World], settings: Any):
        company = world(guards=LIMITED)
        company.write([{"email": "ada@example.org"}, {"email": "nobody"}])
        first = company.run()
        follower = resolve(first, "rerun_rows", "email_invalid")
        for kept in (settings.DATA_DIR / "sealed" / str(first.pk)).iterdir():
            kept.unlink()

        paused = company.go_on(follower)

        assert (paused.state, paused.code) == (State.PAUSED, "rows_forgotten")


class TestAddresses:
    def rows(self, missing: str) -> list[dict[str, str]]:
        return [
            {"email": f"person{n}@example.org" if n % 2 else missing, "contact": f"person{n}@example.org"}
            for n in range(40)
        ]

    @pytest.mark.parametrize(
        ("missing", "code", "reason"),
        [("", "no_identifier", "email_missing"), ("unknown", "email_format", "email_invalid")],
    )
    def test_are_taken_from_another_column(
        self, world: Callable[..., World], missing: str, code: str, reason: str
    ):
        company = world(guards=LIMITED)
        company.write(self.rows(missing))
        company.activate()
        paused = company.run()

        shown = preview(paused, "map_email", column="contact")
        run = company.go_on(resolve(paused, "map_email", column="contact"))

        assert (paused.code, paused.counts["not_loaded"]) == (code, {reason: 20})
        assert shown.told == "40 of the first 40 rows have an e-mail address there (100%)."
        assert (run.state, run.is_verified, len(company.members())) == (State.SUCCEEDED, True, 40)

    def test_are_needed_in_the_column(self, world: Callable[..., World]):
        company = world(guards=LIMITED)
        company.write([{**row, "contact": "12"} for row in self.rows("")])
        company.activate()
        paused = company.run()

        with pytest.raises(Refused, match="None of the first 40 rows"):
            resolve(paused, "map_email", column="contact")


class TestDuplicates:
    @pytest.fixture
    def twins(self, world: Callable[..., World]) -> tuple[World, Workflow]:
        """A run of a query that names each of twenty people twice."""
        company = world(template=sending(NAME), guards=LIMITED)
        both = [("Ada", n) for n in range(20)] + [("Zoe", n) for n in range(20)]
        company.write([{"email": f"person{n}@example.org", "name": name} for name, n in both])
        return company, company.run()

    @pytest.mark.parametrize(("rule", "name"), [("first", "Ada"), ("last", "Zoe")])
    def test_are_decided_by_the_order_of_the_query(self, twins, rule: str, name: str):
        company, paused = twins

        run = company.go_on(resolve(paused, "duplicates_rule", rule=rule))

        assert (paused.code, paused.counts["not_loaded"]) == ("duplicate_key", {"duplicate_conflict": 20})
        assert (run.state, run.is_verified, len(company.members())) == (State.SUCCEEDED, True, 20)
        assert company.klaviyo.profile("person7@example.org")["first_name"] == name
        company.orchestration.template.refresh_from_db()
        assert company.orchestration.template.duplicates == rule

    def test_pass_by_the_rule_as_it_is(self, twins):
        company, paused = twins

        run = company.go_on(resolve(paused, "duplicates_rule", rule="most_complete"))

        assert (run.pk, run.state, len(company.members())) == (paused.pk, State.SUCCEEDED, 20)


class TestTypes:
    @pytest.fixture
    def mixed(self, world: Callable[..., World]) -> tuple[World, Workflow]:
        """A run of which half of the rows hold no number where a number is sent."""
        company = world(template=sending(TOTAL), guards=LIMITED)
        company.write(
            [
                {"email": f"person{n}@example.org", "total": "12" if n % 2 else "12 kr", "points": n}
                for n in range(40)
            ]
        )
        company.activate()
        return company, company.run()

    def test_change_to_one_that_fits(self, mixed):
        company, paused = mixed

        shown = preview(paused, "change_type", type="text")
        run = company.go_on(resolve(paused, "change_type", type="text"))

        assert (paused.code, paused.counts["not_loaded"]) == ("column_type", {"value_type": 20})
        assert (shown.told, shown.examples) == (
            "20 of 20 rows fit; 0 do not and stay out.",
            (("00 aa", "fits text"),),
        )
        assert (run.state, run.is_verified, len(company.members())) == (State.SUCCEEDED, True, 40)
        kept = company.klaviyo.profile("person2@example.org")["properties"]
        assert kept == {"Total": "12 kr"}

    def test_need_values_that_fit(self, mixed):
        _, paused = mixed

        with pytest.raises(Refused, match="None of 20 rows has a value of this type"):
            resolve(paused, "change_type", type="date")

    def test_come_from_another_column(self, mixed):
        company, paused = mixed

        run = company.go_on(resolve(paused, "map_column", column="points"))

        assert (run.state, len(company.members())) == (State.SUCCEEDED, 40)
        kept = company.klaviyo.profile("person2@example.org")["properties"]
        assert kept == {"Total": 2}


class TestSeveralProfiles:
    def clash(self, company: World, numbers: Sequence[int]) -> None:
        """Somebody else has the phone number of these people, who have profiles already."""
        company.klaviyo.create_list("Others")
        company.klaviyo.add(
            "Others",
            profiles=[
                profile
                for n in numbers
                for profile in (
                    {"email": f"person{n}@example.org"},
                    {"email": f"other{n}@example.org", "phone_number": f"+1212555{n:04d}"},
                )
            ],
        )

    @pytest.fixture
    def clashing(self, world: Callable[..., World]) -> tuple[World, Workflow]:
        """A run that put 20 people on the list and was refused 20; somebody is still to be taken off."""
        company = world(template=sending(PHONE), guards={"approve_first_run": False, "max_removed": 5})
        company.klaviyo.add(company.list_made(), "old@example.org")
        self.clash(company, range(20))
        company.write(with_phones(good=40, bad=0))
        return company, company.run()

    def test_hold_the_run_before_anybody_is_taken_off(self, clashing):
        company, paused = clashing

        assert (paused.state, paused.code) == (State.PAUSED, "several_profiles")
        assert "match 20 of 40 people" in paused.message
        assert len(company.members()) == 21
        assert names(paused)[:2] == ["handle_profiles", "set_aside"]

    def test_are_added_by_address_without_what_clashes(self, clashing):
        company, paused = clashing

        run = company.go_on(resolve(paused, "handle_profiles", keep="phone_number"))

        assert (run.pk, run.state, run.is_verified) == (paused.pk, State.SUCCEEDED, True)
        assert company.members() == {f"person{n}@example.org" for n in range(40)}
        assert (run.counts["added"], run.counts["removed"]) == (40, 1)
        assert company.klaviyo.profile("other3@example.org")["phone_number"] == "+12125550003"
        # Nothing about them has changed, so the next run has nothing to send.
        after = company.run()
        assert (after.state, after.plan["updates"], after.plan["adds"]) == (State.SUCCEEDED, 0, 0)

    @pytest.mark.parametrize(("way", "answers"), [("set_aside", {}), ("handle_profiles", {"keep": "aside"})])
    def test_stay_out_when_they_are_set_aside(self, clashing, way: str, answers: dict[str, str]):
        company, paused = clashing

        run = company.go_on(resolve(paused, way, **answers))

        assert (run.state, run.is_verified) == (State.SUCCEEDED_WITH_ISSUES, True)
        assert (len(company.members()), run.counts["rejected"]) == (20, {"duplicate_profile": 20})

    def test_go_alone_when_they_are_few(self, world: Callable[..., World]):
        company = world(template=sending(PHONE), guards=LIMITED)
        self.clash(company, range(4))
        company.write(with_phones(good=60, bad=0))
        first = company.run()
        company.klaviyo.forget_log()
        company.klaviyo.keep_bodies()

        run = company.go_on(resolve(first, "handle_profiles", "duplicate_profile", keep="phone_number"))

        assert (first.state, first.counts["rejected"]) == (
            State.SUCCEEDED_WITH_ISSUES,
            {"duplicate_profile": 4},
        )
        assert (run.state, run.is_verified, len(company.members())) == (State.SUCCEEDED, True, 60)
        assert sorted(imported(company)) == [f"person{n}@example.org" for n in range(4)]

    @pytest.mark.one_by_one
    def test_are_asked_about_as_well_when_people_go_one_by_one(self, clashing):
        company, paused = clashing

        assert paused.code == "several_profiles"
        run = company.go_on(resolve(paused, "handle_profiles", keep="phone_number"))
        assert (run.state, len(company.members())) == (State.SUCCEEDED, 40)


class TestTooLarge:
    NOTE = {"column": "note", "target": "properties.Note", "type": "text"}

    def rows(self, large: int, of: int) -> list[dict[str, str]]:
        return [
            {"email": f"person{n}@example.org", "note": "x" * 101_000 if n < large else "x"}
            for n in range(of)
        ]

    def test_asks_when_much_is(self, world: Callable[..., World]):
        company = world(template=sending(self.NOTE), guards=LIMITED)
        company.write(self.rows(large=12, of=40))
        paused = company.run()
        assert (paused.state, paused.code) == (State.PAUSED, "too_large")

        run = company.go_on(resolve(paused, "drop_fields", fields="properties.Note"))

        assert (run.state, run.is_verified, len(company.members())) == (State.SUCCEEDED, True, 40)

    def test_sends_the_rows_alone_without_the_fields(self, world: Callable[..., World]):
        company = world(template=sending(self.NOTE), guards=LIMITED)
        company.write(self.rows(large=2, of=40))
        first = company.run()
        company.klaviyo.forget_log()
        company.klaviyo.keep_bodies()

        run = company.go_on(resolve(first, "drop_fields", "too_large", fields="properties.Note"))

        assert first.counts["rejected"] == {"too_large": 2}
        assert (run.state, run.is_verified, len(company.members())) == (State.SUCCEEDED, True, 40)
        assert sorted(imported(company)) == ["person0@example.org", "person1@example.org"]
