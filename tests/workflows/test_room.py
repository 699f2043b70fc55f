"""A full account: counted once, and nothing deleted that is not what it was when it was chosen."""

from collections import Counter
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from destinations.errors import NeedsDecision, Rejected
from destinations.klaviyo.answers import Counted, Flow, Group, GroupPage, ListInfo
from tests.workflows.factories import a_workflow
from workflows.models import Step, Workflow
from workflows.results import Done, Paused
from workflows.steps import deletion, deliver, room

MOST = 30


@dataclass
class Account:
    """Lists in memory, with how often each of its endpoints was asked."""

    members: dict[str, int]
    names: dict[str, str] = field(default_factory=dict)
    flows_of: dict[str, tuple[str, ...]] = field(default_factory=dict)
    refusal: Exception | None = None
    asked: Counter[str] = field(default_factory=Counter)
    deleted: list[str] = field(default_factory=list)

    def groups(self, kind: str, *, cursor: str = "") -> GroupPage:
        self.asked[f"{kind}s.find"] += 1
        found = self.members if kind == "list" else ()
        return GroupPage(tuple(Group("list", name, name, "", "") for name in found), "")

    def find_lists(self, name: str) -> list[ListInfo]:
        return []

    def create_list(self, name: str) -> ListInfo:
        raise self.refusal or AssertionError("there is no room")

    def list_total(self) -> int:
        self.asked["lists.find"] += 1
        return len(self.members)

    def segment_total(self) -> int:
        self.asked["segments.find"] += 1
        return 0

    def counted(self, kind: str, group_id: str) -> Counted:
        self.asked["count"] += 1
        return Counted(self.names.get(group_id, group_id), self.members[group_id])

    def flows(self, group_id: str, *, kind: str = "list") -> list[Flow]:
        return [Flow(name, name, "draft") for name in self.flows_of.get(group_id, ())]

    def delete_group(self, kind: str, group_id: str) -> None:
        self.deleted.append(group_id)


def a_run(account: Account, **given: Any) -> tuple[Any, Step]:
    """A run whose next step makes the list."""
    workflow = a_workflow(**given)
    step = Step.objects.create(workflow=workflow, key="create", kind="create", stage="deliver", position=5)

    def keep(step: Step, **columns: Any) -> None:
        for name, value in columns.items():
            setattr(step, name, value)

    run = SimpleNamespace(
        workflow=workflow,
        client=account,
        plugin=SimpleNamespace(max_lists=MOST),
        clock=SimpleNamespace(now=lambda: workflow.created_at),
        keep=keep,
        pulse=lambda **_: None,
    )
    return run, step


def lists(number: int) -> dict[str, int]:
    return {f"list {n}": n for n in range(number)}


@pytest.mark.django_db
class TestRoom:
    @pytest.mark.parametrize("refusal", [NeedsDecision("max_lists", "Full."), Rejected("rejected", "No.")])
    def test_counts_an_account_once_however_klaviyo_refuses(self, refusal: Exception):
        account = Account(lists(MOST - 1), refusal=refusal)
        run, step = a_run(account)

        with pytest.raises((Paused, Rejected)):
            deliver.create(run, step)

        assert (account.asked["lists.find"], account.asked["segments.find"]) == (1, 1)

    def test_keeps_the_survey_when_klaviyo_says_that_it_is_full(self):
        account = Account(lists(MOST - 1), refusal=NeedsDecision("max_lists", "Full."))
        run, step = a_run(account)

        with pytest.raises(Paused, match=f"has {MOST - 1} lists and 0 segments"):
            deliver.create(run, step)

        kept = step.checkpoint[room.SURVEY]
        assert (len(kept["groups"]), len(kept["looked"]), kept["done"]) == (MOST - 1, room.LOOKED_AT, True)

    def test_looks_further_once_for_each_time_it_is_asked_to(self):
        run, step = a_run(Account(lists(MOST)), instructions={"look_at": 20, "other": 1})

        with pytest.raises(Paused):
            room.make_sure(run, step)

        assert len(step.checkpoint[room.SURVEY]["looked"]) == 20
        assert Workflow.objects.get(pk=run.workflow.pk).instructions == {"other": 1}


@pytest.mark.django_db
class TestDeletion:
    def remove(self, account: Account, **shown: Any) -> str:
        run, step = a_run(account)
        given = {"kind": "list", "id": "old", "name": "old"} | shown
        step.input = given
        done = deletion.delete(run, step)
        assert isinstance(done, Done)
        return str(done.outcome.get("why", ""))

    def test_deletes_what_is_as_it_was_shown(self):
        account = Account({"old": 3})

        assert self.remove(account, members=3) == ""
        assert account.deleted == ["old"]

    def test_takes_one_that_has_lost_people_or_was_never_counted(self):
        account = Account({"old": 3})

        assert self.remove(account, members=5) == self.remove(account, members=None) == ""
        assert account.deleted == ["old", "old"]

    def test_leaves_one_that_has_more_members_by_now(self):
        account = Account({"old": 50_000})

        assert self.remove(account, members=0) == "50,000 are in it by now, and not 0."
        assert account.deleted == []

    def test_leaves_one_that_bears_another_name_by_now(self):
        account = Account({"old": 0}, names={"old": "Newsletter"})

        assert self.remove(account, members=0) == "it is called “Newsletter” by now."
        assert account.deleted == []
