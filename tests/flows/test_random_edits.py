"""Whatever happens to the query and to the list between runs, a run ends with the list equal to the query,
less the people who left by themselves; and the run after it sends nothing."""

import random
from collections.abc import Callable

import pytest
from django.db import connection

from tests.flows.world import LIST, World
from workflows.moves import State

SEEDS = 3 if connection.vendor == "postgresql" else 1
RUNS = 4
PEOPLE = 60


class Story:
    """What should be true: who is in the query, who is on the list, and who left by themselves."""

    def __init__(self, company: World, seed: int) -> None:
        self.company = company
        self.chance = random.Random(seed)
        self.query: dict[str, str] = {}
        self.listed: set[str] = set()
        self.left: set[str] = set()

    def change_the_query(self) -> None:
        for email in self.chance.sample(sorted(self.query), k=min(len(self.query), 8)):
            if self.chance.random() < 0.5:
                del self.query[email]
            else:
                self.query[email] = self.chance.choice(["gold", "silver", "bronze"])
        for _ in range(10):
            self.query[self._someone()] = self.chance.choice(["gold", "silver", "bronze"])
        rows = [{"email": email, "tier": tier} for email, tier in sorted(self.query.items())]
        self.company.write(rows, columns=("email", "tier"))

    def edit_the_list(self) -> None:
        stranger = self._someone()
        self.company.klaviyo.add(LIST, stranger)
        self.listed.add(stranger)
        self.left.discard(stranger)
        if not self.listed - {stranger}:
            return
        leaver = self.chance.choice(sorted(self.listed - {stranger}))
        if self.chance.random() < 0.5:
            self.company.klaviyo.unsubscribe(LIST, leaver)
        else:
            self.company.klaviyo.remove(LIST, leaver)
        self.listed.discard(leaver)
        self.left.add(leaver)

    def expect(self) -> set[str]:
        self.listed = set(self.query) - (self.left - self.listed)
        return self.listed

    def _someone(self) -> str:
        return f"person{self.chance.randrange(PEOPLE)}@example.org"


@pytest.mark.parametrize("full_profile", [False, True])
@pytest.mark.parametrize("seed", range(SEEDS))
def test_ends_equal_and_stays_so(world: Callable[..., World], seed: int, full_profile: bool):
    mapping = [{"column": "tier", "target": "properties.Tier", "type": "text"}]
    company = world(
        template={"full_profile": full_profile, "mapping": mapping},
        guards={"max_removed_share": 1.0, "approve_first_run": False},
    )
    story = Story(company, seed)
    for turn in range(RUNS):
        story.change_the_query()
        if turn:
            story.edit_the_list()

        workflow = company.run()

        assert workflow.state == State.SUCCEEDED, (workflow.state, workflow.message)
        assert company.members() == story.expect()
        assert workflow.counts["kept_out"] == len(set(story.query) & story.left - story.listed)
    if full_profile:
        for email in sorted(story.listed)[:5]:
            assert company.klaviyo.profile(email)["properties"]["Tier"] == story.query[email]
    company.klaviyo.forget_log()
    assert company.run().state == State.SUCCEEDED
    assert company.klaviyo.writes() == []
