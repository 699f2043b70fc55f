"""Lists: no room for one more, several of one name, one that is gone; each mended, and the list verified."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from destinations.models import AudienceList
from destinations.registry import PLUGINS
from tests.flows.resolving import choice, field, names, offer, take
from tests.flows.world import HurriedClock, World, people
from workflows import housekeeping
from workflows.files import ledger_path
from workflows.models import Workflow
from workflows.moves import State
from workflows.resolutions import Refused

CREATE = "POST /api/lists"


@pytest.fixture
def hurried(world: Callable[..., World]) -> World:
    """Counting lists has a slow pace, which this clock does not feel."""
    return world(clock=HurriedClock())


@pytest.fixture
def full(hurried: World) -> tuple[World, Workflow]:
    """An account without room: one list starts a flow, one is very old, one segment; and what it came to."""
    account = hurried.klaviyo
    account.change(max_groups=30)
    account.create_list("Flowing")
    account.flow("Flowing", "Welcome")
    account.create_list("Ancient")
    account.add("Ancient", "ada@example.org")
    account.segments("Engaged", profile_count=7)
    account.fill_lists(30)
    account.list_changed("Flowing", "2019-01-01T00:00:00+00:00")
    account.list_changed("Ancient", "2020-01-01T00:00:00+00:00")
    return hurried, hurried.run()


@pytest.fixture(autouse=True)
def few_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty lists stand for a thousand."""
    monkeypatch.setitem(PLUGINS, "klaviyo", replace(PLUGINS["klaviyo"], max_lists=30))


class TestFullAccount:
    def test_makes_no_call_to_create_and_shows_the_likeliest_first(self, full: tuple[World, Workflow]):
        company, paused = full

        groups = field(paused, "delete_lists", "groups")

        assert (paused.state, paused.code) == (State.PAUSED, "max_lists")
        assert company.klaviyo.log(operation=CREATE) == []
        assert len(groups.choices) == 30
        assert dict(offer(paused, "delete_lists").numbers)["Segments"] == 1
        ancient = choice(paused, "delete_lists", "groups", "Ancient")
        assert ancient.cells == ("Ancient", "List", "1", "1 Jan 2020", "none", "others")
        assert choice(paused, "delete_lists", "groups", "Flowing").blocked == "It starts “Welcome”."
        assert groups.choices[-1].label == "Flowing"

    def test_counts_a_few_only_and_more_when_asked(self, full: tuple[World, Workflow]):
        company, paused = full
        counted = [
            each for each in field(paused, "delete_lists", "groups").choices if each.cells[2] != "not counted"
        ]
        assert len(counted) == 15

        take(paused, "look_again")
        again = company.go_on(paused)

        assert (again.state, again.code) == (State.PAUSED, "max_lists")
        found = field(again, "delete_lists", "groups").choices
        assert sum(each.cells[2] != "not counted" for each in found) == 30
        assert company.klaviyo.log(operation=CREATE) == []

    def test_deletes_what_was_chosen_and_goes_on(self, full: tuple[World, Workflow]):
        company, paused = full
        chosen = [choice(paused, "delete_lists", "groups", name).value for name in ("Ancient", "Engaged")]

        with pytest.raises(Refused, match="Type DELETE"):
            take(paused, "delete_lists", groups=chosen, sure="delete")
        take(paused, "delete_lists", groups=chosen, sure="DELETE")
        assert company.klaviyo.writes() == []
        done = company.go_on(paused)

        assert done.state == State.SUCCEEDED
        assert company.members() == {f"person{n}@example.org" for n in range(3)}
        assert "Ancient" not in {each["name"] for each in company.klaviyo.lists()}
        assert company.klaviyo.all_segments() == []
        deletions = done.steps.filter(kind="delete")
        assert [step.calls.get().outcome for step in deletions] == ["ok", "ok"]
        assert deletions.first().position < done.steps.get(key="resolve").position

    def test_leaves_one_that_starts_a_flow_by_now_and_stays_full(self, full: tuple[World, Workflow]):
        company, paused = full
        chosen = choice(paused, "delete_lists", "groups", "Ancient").value
        company.klaviyo.flow("Ancient", "Birthday", "draft")

        take(paused, "delete_lists", groups=[chosen], sure="DELETE")
        again = company.go_on(paused)

        assert (again.state, again.code) == (State.PAUSED, "max_lists")
        assert "Ancient" in {each["name"] for each in company.klaviyo.lists()}
        assert again.events.filter(message__contains="was left: It starts “Birthday”").exists()
        assert company.klaviyo.log(operation=CREATE) == []

    def test_deletes_each_once_when_an_answer_is_lost(self, full: tuple[World, Workflow]):
        company, paused = full
        chosen = choice(paused, "delete_lists", "groups", "Ancient").value
        company.klaviyo.fault("drop_after", method="DELETE", times=1)

        take(paused, "delete_lists", groups=[chosen], sure="DELETE")

        assert company.go_on(paused).state == State.SUCCEEDED
        assert len(company.klaviyo.lists()) == 29

    def test_feeds_a_list_that_exists_instead(self, full: tuple[World, Workflow]):
        company, paused = full

        with pytest.raises(Refused, match="No list in Klaviyo is called"):
            take(paused, "use_list", name="Nowhere")
        resolved = take(paused, "use_list", list=choice(paused, "use_list", "list", "Old list 1").value)

        assert resolved.workflow.parent_id == paused.pk
        assert company.go_on(resolved.workflow).state == State.SUCCEEDED
        assert company.members_of("Old list 1") == {f"person{n}@example.org" for n in range(3)}
        company.orchestration.template.refresh_from_db()
        assert company.orchestration.template.list_name == "Old list 1"

    def test_asks_as_well_when_klaviyo_says_so_before_the_count_does(self, hurried: World):
        hurried.klaviyo.fill_lists(5)
        hurried.klaviyo.change(max_groups=5)

        paused = hurried.run()

        assert (paused.code, len(hurried.klaviyo.log(operation=CREATE))) == ("max_lists", 1)
        chosen = choice(paused, "delete_lists", "groups", "Old list 1").value
        take(paused, "delete_lists", groups=[chosen], sure="DELETE")
        assert hurried.go_on(paused).state == State.SUCCEEDED

    def test_tells_of_segments_that_the_key_may_not_see(self, hurried: World):
        scopes = ["accounts:read", "lists:read", "lists:write", "profiles:read", "profiles:write"]
        hurried.klaviyo.fill_lists(30)
        hurried.klaviyo.change(scopes=scopes)

        paused = hurried.run()

        assert "segments that this key may not see" in paused.message
        assert choice(paused, "delete_lists", "groups", "Old list 1").cells[4] == "not looked up"


class TestAllowanceOfADay:
    def test_waits_for_the_moment_that_klaviyo_says(self, hurried: World):
        hurried.klaviyo.fault("status", method="POST", path="/lists$", status=429, seconds=3600, times=1)
        paused = hurried.run()
        assert paused.code == "daily_list_creations"

        assert names(paused)[:2] == ["wait_for_reset", "use_list"]
        until = paused.wake_at
        run = take(paused, "wait_for_reset").workflow

        run.refresh_from_db()
        assert (run.state, run.wake_at) == (State.PAUSED, until)

    def test_compares_anew_when_its_plan_is_old_by_then(self, hurried: World):
        hurried.klaviyo.fault("status", method="POST", path="/lists$", status=429, seconds=3600, times=1)
        paused = take(hurried.run(), "wait_for_reset").workflow
        long_ago = paused.created_at - timedelta(hours=7)
        paused.steps.filter(key="compare:r0").update(finished_at=long_ago)
        hurried.write(people(2))

        housekeeping.wake_paused(paused.wake_at)

        [anew] = paused.children.all()
        assert hurried.go_on(anew).state == State.SUCCEEDED
        assert len(hurried.members()) == 2

    def test_uses_a_list_that_exists_meanwhile(self, hurried: World):
        hurried.klaviyo.create_list("Gold")
        hurried.klaviyo.fault("status", method="POST", path="/lists$", status=429, seconds=3600, times=1)
        paused = hurried.run()

        resolved = take(paused, "use_list", name="", list=choice(paused, "use_list", "list", "Gold").value)

        assert hurried.go_on(resolved.workflow).state == State.SUCCEEDED
        assert len(hurried.members_of("Gold")) == 3


class TestMadeByHandMeanwhile:
    @pytest.fixture
    def stopped(self, hurried: World) -> tuple[World, Workflow]:
        """A run whose plan was made for a list that was not there, held up before it could make one."""
        hurried.klaviyo.fault("status", method="POST", path="/lists$", status=429, seconds=3600, times=1)
        return hurried, hurried.run()

    @pytest.mark.parametrize("strangers", [5, 40])
    def test_asks_before_anybody_is_added_or_removed(self, stopped: tuple[World, Workflow], strangers: int):
        company, paused = stopped
        company.klaviyo.create_list("VIP")
        there = {f"other{number}@example.org" for number in range(strangers)}
        for email in there:
            company.klaviyo.add("VIP", email)
        take(paused, "retry")

        held = company.go_on(paused)

        assert (held.state, held.code) == (State.PAUSED, "guard")
        assert "first_run" in {each["code"] for each in held.error["objections"]}
        assert (held.plan["adds"], held.plan["removes"]) == (3, strangers)
        assert company.members() == there
        assert company.approve(held).state == State.SUCCEEDED
        assert len(company.members()) == 3

    def test_asks_when_it_is_chosen_among_several(self, stopped: tuple[World, Workflow]):
        company, paused = stopped
        ids = [company.klaviyo.create_list("VIP") for _ in range(2)]
        for number in range(40):
            company.klaviyo.add(ids[0], f"other{number}@example.org")
        take(paused, "retry")
        ambiguous = company.go_on(paused)
        assert ambiguous.code == "list_ambiguous"

        take(ambiguous, "choose_list", list=ids[0])
        held = company.go_on(ambiguous)

        assert (held.state, held.code) == (State.PAUSED, "guard")
        assert len(company.klaviyo.members(ids[0])) == 40

    def test_goes_on_when_nobody_is_on_it(self, stopped: tuple[World, Workflow]):
        company, paused = stopped
        company.klaviyo.create_list("VIP")
        take(paused, "retry")

        assert company.go_on(paused).state == State.SUCCEEDED
        assert len(company.members()) == 3


class TestSeveralOfOneName:
    @pytest.fixture
    def ambiguous(self, hurried: World) -> tuple[World, Workflow, list[str]]:
        ids = [hurried.klaviyo.create_list("VIP") for _ in range(2)]
        hurried.klaviyo.add(ids[1], "ada@example.org")
        return hurried, hurried.run(), ids

    def test_ties_the_name_to_the_chosen_one(self, ambiguous: tuple[World, Workflow, list[str]]):
        company, paused, ids = ambiguous

        lists = field(paused, "choose_list", "list")
        assert [each.cells[:2] for each in lists.choices] == [(ids[0], "0"), (ids[1], "1")]
        take(paused, "choose_list", list=ids[0])

        assert company.go_on(paused).state == State.SUCCEEDED
        assert company.klaviyo.members(ids[0]) == {f"person{n}@example.org" for n in range(3)}
        assert company.klaviyo.members(ids[1]) == {"ada@example.org"}

    def test_takes_another_name(self, ambiguous: tuple[World, Workflow, list[str]]):
        company, paused, _ = ambiguous

        with pytest.raises(Refused):
            take(paused, "rename_list", name="VIP")
        run = take(paused, "rename_list", name="Very important").workflow

        assert company.go_on(run).state == State.SUCCEEDED
        assert len(company.members_of("Very important")) == 3
        paused.refresh_from_db()
        assert paused.state == State.CANCELLED


class TestGone:
    @pytest.fixture
    def gone(self, hurried: World) -> tuple[World, Workflow]:
        hurried.run()
        hurried.klaviyo.delete_list("VIP")
        hurried.write(people(5))
        return hurried, hurried.run()

    def test_is_made_again_once_its_name_was_typed(self, gone: tuple[World, Workflow]):
        company, paused = gone
        before = AudienceList.objects.get()

        assert dict(offer(paused, "recreate_list").numbers) == {"Members remembered": 3}
        run = take(paused, "recreate_list", name="VIP").workflow

        assert company.go_on(run).state == State.SUCCEEDED
        assert len(company.members()) == 5
        assert AudienceList.objects.get().pk != before.pk
        assert list(ledger_path(before.pk, 0).parent.glob("*.parquet")) == []

    def test_is_replaced_by_one_of_the_same_name_made_by_hand(self, gone: tuple[World, Workflow]):
        company, paused = gone
        made = company.klaviyo.create_list("VIP")

        run = take(paused, "use_list", name="VIP").workflow

        assert company.go_on(run).state == State.SUCCEEDED
        assert AudienceList.objects.get().list_id == made


class TestShared:
    def test_feeds_a_list_of_another_name(self, hurried: World):
        other = hurried.another(list_name="Gold")
        paused = hurried.run(dry_run=True)
        Workflow.objects.filter(pk=paused.pk).update(code="list_shared", message="Two feed it.")
        paused.refresh_from_db()

        with pytest.raises(Refused, match=other.name):
            take(paused, "rename_list", name="Gold")
        run = take(paused, "rename_list", name="Silver").workflow

        assert hurried.go_on(run).state == State.SUCCEEDED
        assert len(hurried.members_of("Silver")) == 3
