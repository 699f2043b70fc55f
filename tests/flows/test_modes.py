"""Lists that are not mirrors: only added to, or only removed from."""

from collections.abc import Callable

from tests.flows.world import LIST, World, people
from workflows.moves import State

OPEN = {"max_removed_share": 1.0, "approve_first_run": False}


class TestAddOnly:
    def test_leaves_others_on_the_list(self, world: Callable[..., World]):
        company = world(template={"mode": "add_only"}, guards=OPEN)
        company.klaviyo.list_named(LIST)
        company.klaviyo.add(LIST, "stranger@example.org")

        workflow = company.run()
        company.write(people(1))
        again = company.run()

        assert (workflow.state, again.state) == (State.SUCCEEDED, State.SUCCEEDED)
        assert (workflow.counts["added"], workflow.counts["removed"]) == (3, 0)
        assert again.counts["removed"] == 0
        assert company.members() == {"stranger@example.org", *(f"person{n}@example.org" for n in range(3))}


class TestRemoveOnly:
    def test_adds_nobody(self, world: Callable[..., World]):
        company = world(template={"mode": "remove_only"}, guards=OPEN)
        company.klaviyo.list_named(LIST)
        company.klaviyo.add(LIST, "person1@example.org", "stranger@example.org")

        workflow = company.run()

        assert workflow.state == State.SUCCEEDED
        assert (workflow.counts["removed"], workflow.counts["skipped"]) == (1, 2)
        assert company.members() == {"person1@example.org"}
