"""Lists of thousands: what goes wrong in the middle of them costs little, and loses nobody."""

from collections.abc import Callable

from tests.flows.world import World, people
from workflows.moves import State

ROWS = 10_000
# Halving 10,000 takes fourteen levels of two calls each.
MOST_EXTRA_CALLS = 28
OPEN = {"max_removed_share": 1.0}


class TestOneSpoiltRow:
    def test_is_found_by_halving_when_nothing_points_to_it(self, world: Callable[..., World]):
        company = world()
        everybody = people(ROWS - 1)
        # A slash before the @ is lawful, and Klaviyo does not take it.
        company.write([*everybody[:6_789], {"email": "spo/ilt@example.org"}, *everybody[6_789:]])
        company.klaviyo.import_settings(pointers=False)

        workflow = company.run()

        assert (workflow.state, workflow.is_verified) == (State.SUCCEEDED_WITH_ISSUES, True)
        assert company.members() == {person["email"] for person in everybody}
        assert sum(workflow.counts["rejected"].values()) == 1
        calls = company.klaviyo.log(operation="POST /api/profile-bulk-import-jobs")
        assert 1 < len(calls) <= 1 + MOST_EXTRA_CALLS


class TestAnOutageInTheMiddle:
    def test_is_waited_out_and_the_rest_is_sent_once(self, world: Callable[..., World]):
        company = world(guards=OPEN)
        company.write(people(3_000))
        company.run()
        company.write(people(400))
        company.klaviyo.forget_log()
        company.klaviyo.fault(
            "status",
            status=503,
            headers={"Retry-After": "1"},
            method="DELETE",
            path="relationships/profiles",
            skip=1,
            times=4,
        )

        workflow = company.run()

        assert (workflow.state, workflow.is_verified) == (State.SUCCEEDED, True)
        assert company.klaviyo.faults()[0]["acted"] == 4
        assert company.members() == {person["email"] for person in people(400)}
        assert workflow.counts["removed"] == 2_600
        assert [entry["items"] for entry in company.klaviyo.writes()] == [1_000, 1_000, 600]
