"""The main job: a list made equal to a query, and kept so."""

from collections.abc import Callable

from tests.flows.world import World, people
from workflows.moves import State


class TestMirror:
    def test_creates_the_list_and_puts_everyone_on_it(self, world: Callable[..., World]):
        company = world()

        workflow = company.run()

        assert (workflow.state, workflow.message) == (State.SUCCEEDED, "")
        assert workflow.is_verified
        assert company.members() == {f"person{n}@example.org" for n in range(3)}
        assert workflow.counts["added"] == 3

    def test_sends_nothing_when_nothing_changed(self, world: Callable[..., World]):
        company = world()
        company.run()
        company.klaviyo.forget_log()

        workflow = company.run()

        assert workflow.state == State.SUCCEEDED
        assert workflow.counts["unchanged"] == 3
        assert company.klaviyo.writes() == []

    def test_adds_who_is_new_and_removes_who_is_gone(self, world: Callable[..., World]):
        company = world()
        company.run()
        company.write(people(3, first=1))

        workflow = company.run()

        assert workflow.state == State.SUCCEEDED
        assert company.members() == {f"person{n}@example.org" for n in (1, 2, 3)}
        assert {name: workflow.counts[name] for name in ("added", "removed", "unchanged")} == {
            "added": 1,
            "removed": 1,
            "unchanged": 2,
        }

    def test_takes_a_stranger_off_and_keeps_out_who_left(self, world: Callable[..., World]):
        company = world()
        company.run()
        company.klaviyo.add("VIP", "stranger@example.org")
        company.klaviyo.unsubscribe("VIP", "person1@example.org")

        workflow = company.run()
        again = company.run()

        assert workflow.counts["removed"] == 1
        assert workflow.counts["kept_out"] == again.counts["kept_out"] == 1
        assert company.members() == {"person0@example.org", "person2@example.org"}
        assert again.requests.keys() & {"imports.create", "lists.add", "lists.remove"} == set()
