"""Large lists: known from the ledger, brought up to date by who joined, verified by what changed."""

from collections.abc import Callable

import pytest

from tests.flows.world import LIST, World, people
from workflows.moves import State
from workflows.steps import planning, reading, verify

OPEN = {"max_removed_share": 1.0, "approve_first_run": False}
MEMBERS = "GET /api/lists/{id}/profiles"


@pytest.fixture
def company(world: Callable[..., World], monkeypatch: pytest.MonkeyPatch) -> World:
    """A list of 350 that counts as a large one."""
    for module in (planning, reading, verify):
        monkeypatch.setattr(module, "SMALL_LIST", 100)
    company = world(guards=OPEN)
    company.klaviyo.seed(LIST, 350, email="person{n}@example.org", first=0, over_days=30)
    company.write(people(350))
    assert company.run().state == State.SUCCEEDED
    company.klaviyo.forget_log()
    return company


class TestALargeList:
    def test_is_not_read_again_when_nothing_changed(self, company: World):
        workflow = company.run()

        assert workflow.state == State.SUCCEEDED
        assert workflow.steps.get(key="snapshot:r0").outcome["way"] == "ledger"
        assert len(company.klaviyo.log(operation=MEMBERS)) == 1
        assert company.klaviyo.writes() == []

    def test_is_verified_by_what_changed(self, company: World):
        company.write(people(350, first=5))

        workflow = company.run()

        assert workflow.state == State.SUCCEEDED
        assert {name: workflow.counts[name] for name in ("added", "removed")} == {"added": 5, "removed": 5}
        assert company.members() == {f"person{n}@example.org" for n in range(5, 355)}
        # Who joined before and after, and the five removed looked up once.
        assert len(company.klaviyo.log(operation=MEMBERS)) == 3

    def test_is_read_whole_when_its_count_says_that_somebody_left(self, company: World):
        company.klaviyo.unsubscribe(LIST, "person7@example.org")
        company.klaviyo.add(LIST, "stranger@example.org")

        workflow = company.run()

        assert workflow.steps.get(key="snapshot:r0").outcome["way"] == "whole"
        assert (workflow.counts["kept_out"], workflow.counts["removed"]) == (1, 1)
        assert company.members() == {f"person{n}@example.org" for n in range(350) if n != 7}

    def test_counts_members_without_an_address(self, company: World):
        company.klaviyo.add(LIST, profiles=[{"phone_number": "+15005550006"}])
        workflow = company.run()
        assert workflow.counts["removed"] == 1

        again = company.run()

        assert again.steps.get(key="snapshot:r0").outcome["way"] == "ledger"

    @pytest.mark.parametrize("skip", [0, 1, 2])
    def test_goes_on_where_a_reading_was_interrupted(self, company: World, skip: int):
        company.write(people(350, first=150))
        company.klaviyo.fault(
            "status", status=503, method="GET", path="/api/lists/[^/]+/profiles", skip=skip, times=3
        )

        workflow = company.run()

        assert workflow.state == State.SUCCEEDED
        assert company.members() == {f"person{n}@example.org" for n in range(150, 500)}

    def test_shows_in_the_end_when_people_never_appear(self, company: World, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(verify, "LOOKS", 2)
        company.write(people(352))
        company.klaviyo.import_settings(settle_seconds=3_600)

        workflow = company.run()

        assert workflow.state == State.SUCCEEDED_WITH_ISSUES
        assert not workflow.is_verified
        assert workflow.counts["unknown"] == 2
