"""What is decided on a page: by whom it may be, of which picture, and once."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission

from accounts.models import User
from credentials.models import Credential
from destinations import lists
from destinations.models import DataTemplate
from destinations.sftp import checking
from tests.workflows.factories import a_workflow
from workflows import resolutions
from workflows.models import Step, Workflow
from workflows.moves import State
from workflows.resolutions import Answers, NotAllowed, NotOffered, Person, Refused, Resolution

OLGA = Person("Olga")
HASH = "a" * 64
PLAN = {"adds": 3, "removes": 0, "updates": 0, "members": 5_000, "hash": HASH, "round": 0}
PHONE = {"column": "phone", "target": "phone_number", "type": "text"}
TIER = {"column": "tier", "target": "properties.Tier", "type": "text"}
CITY = {"column": "city", "target": "location.city", "type": "text"}

pytestmark = pytest.mark.django_db


def stopped(code: str, **given: Any) -> Workflow:
    return a_workflow(**({"state": State.PAUSED, "code": code} | given))


def offered(workflow: Workflow, reason: str = "") -> dict[str, Resolution]:
    return {each.name: each for each in resolutions.offered(workflow, reason)}


def take(workflow: Workflow, way: str, *, by: Person = OLGA, reason: str = "", **answers: str) -> None:
    given = Answers({name: [told] for name, told in answers.items()})
    resolutions.resolve(workflow, way, given, by=by, reason=reason, seen=workflow.row_version)


def somebody(*permissions: str) -> Person:
    user = User.objects.create_user("grace")
    for each in permissions:
        room, _, codename = each.partition(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=room, codename=codename))
    return Person("grace", user)


def fields(resolution: Resolution) -> dict[str, str]:
    return {field.name: field.expected for field in resolution.fields}


class TestApproval:
    def doubled(self, **plan: int) -> Workflow:
        counts = {"rows": 100, "not_loaded": {"duplicate_conflict": 30}}
        return stopped("duplicate_key", counts=counts, plan=PLAN | plan, plan_hash=HASH)

    def test_by_the_rule_of_duplicates_is_for_who_may_approve(self):
        held = self.doubled()

        with pytest.raises(NotAllowed):
            take(
                held,
                "duplicates_rule",
                by=somebody("destinations.change_datatemplate"),
                rule="most_complete",
            )

        assert not held.approvals.exists()
        take(held, "duplicates_rule", rule="most_complete")
        assert held.approvals.count() == 1

    def test_of_many_removals_asks_for_their_number_whichever_way_it_is_given(self):
        held = self.doubled(removes=1_200)

        assert fields(offered(held)["set_aside"]) == {"sure": "1200"}
        with pytest.raises(Refused, match="Type 1200"):
            take(held, "set_aside", sure="120")
        with pytest.raises(Refused, match="Choose from what is there"):
            take(held, "duplicates_rule", rule="most_complete")
        take(held, "set_aside", sure="1200")

        assert held.approvals.count() == 1

    def test_by_another_limit_asks_for_the_number_too(self):
        plan = PLAN | {"removes": 1_200, "candidates": 9, "rows": 9, "not_loaded": {}}
        objections = [{"code": "large_removal", "sentence": "Many."}]
        held = stopped(
            "guard",
            plan=plan,
            plan_hash=HASH,
            base_members=5_000,
            removals_planned=1_200,
            error={"objections": objections},
        )
        held.steps.filter(key="extract").update(outcome={"rows": 9})
        held.steps.filter(key="compare:r0").update(outcome=plan)

        assert fields(offered(held)["change_limit"])["sure"] == "1200"
        with pytest.raises(Refused, match="is needed"):
            take(held, "change_limit", max_removed_share="30")
        take(held, "change_limit", max_removed_share="30", sure="1200")

        held.refresh_from_db()
        assert held.state == State.QUEUED


class TestPresses:
    def test_count_once_where_no_state_moves(self):
        held = stopped("restricted_pii")
        first, second = (Workflow.objects.get(pk=held.pk) for _ in range(2))

        take(first, "ask_operations")
        with pytest.raises(NotOffered, match="Someone else decided"):
            take(second, "ask_operations")

        assert held.events.filter(kind="decision").count() == 1

    def test_are_judged_by_the_row_as_it_is(self):
        held = stopped("restricted_pii")
        stale = Workflow.objects.get(pk=held.pk)
        Workflow.objects.filter(pk=held.pk).update(instructions={"asked_operations": "Ada"})

        with pytest.raises(NotOffered, match="Someone else decided"):
            take(stale, "ask_operations")

    def test_show_a_page_of_before_that_somebody_decided(self):
        held = stopped("restricted_pii")
        before = held.row_version

        take(held, "ask_operations")

        assert held.row_version == before + 1 == Workflow.objects.get(pk=held.pk).row_version


class TestReasons:
    @pytest.mark.parametrize("reason", ["nobody_knows", "x" * 300])
    def test_that_nobody_was_set_aside_for_have_no_ways_out(self, reason: str):
        counts = {"rows": 9, "not_loaded": {"email_invalid": 3}, "rejected": {"too_large": 1}}
        over = stopped("", state=State.SUCCEEDED_WITH_ISSUES, counts=counts)

        assert offered(over, "email_invalid")
        assert offered(over, reason) == {}
        with pytest.raises(NotOffered):
            take(over, "edit_query", reason=reason, sql="select 2")


class TestChooseList:
    def test_says_so_when_the_name_stands_for_another_list_by_now(self):
        held = stopped("list_ambiguous")
        found: list[dict[str, Any]] = [
            {"id": each, "created": "", "members": 0, "flows": []} for each in ("A", "B")
        ]
        step = held.steps.order_by("position")[0]
        Step.objects.filter(pk=step.pk).update(checkpoint={"found": found})
        lists.pin(lists.claim(held.account_id, held.list_key), "B")

        with pytest.raises(Refused) as said:
            take(held, "choose_list", list="A")

        assert said.value.field == "list"


class TestTemplates:
    """Somebody else changes the data template between the page and the press."""

    def changed_meanwhile(self, held: Workflow, *mapping: dict[str, str]) -> Workflow:
        templates = DataTemplate.objects.filter(pk=held.orchestration.template_id)
        templates.update(full_profile=True, mapping=list(mapping))
        read = Workflow.objects.select_related("orchestration__template").get(pk=held.pk)
        templates.update(mapping=[*mapping, CITY])
        return read

    def kept(self, workflow: Workflow) -> dict[str, str]:
        mapping = DataTemplate.objects.get(pk=workflow.orchestration.template_id).mapping
        return {entry["target"]: entry["column"] for entry in mapping}

    def test_keep_what_another_has_added_when_the_phone_goes(self):
        held = stopped("phone_format", counts={"rows": 9, "not_loaded": {"phone_invalid": 3}})
        read = self.changed_meanwhile(held, PHONE, TIER)

        take(read, "unmap_phone")

        assert self.kept(held) == {"properties.Tier": "tier", "location.city": "city"}
        run = held.children.get()
        assert len(run.config["template"]["mapping"]) == 2

    def test_keep_what_another_has_added_when_a_field_goes(self):
        held = stopped("too_large", error={"refused": 3})
        read = self.changed_meanwhile(held, TIER, PHONE)

        take(read, "drop_fields", fields="properties.Tier")

        assert self.kept(held) == {"phone_number": "phone", "location.city": "city"}

    def test_keep_what_another_has_added_when_a_column_is_mapped(self):
        held = stopped("column_missing", error={"column": "tier", "columns": ["email", "level"]})
        read = self.changed_meanwhile(held, TIER)

        take(read, "map_column", column="level")

        assert self.kept(held) == {"properties.Tier": "level", "location.city": "city"}


class TestServers:
    def shared(self) -> tuple[Workflow, Credential]:
        held = stopped("sftp_login_refused")
        server = {"host": "sftp.example.org", "port": 22, "user": "old"}
        key = Credential.objects.create(name="Files", kind="klaviyo_sftp", settings=server)
        destination = held.orchestration.template.destination
        destination.sftp_credential = key
        destination.save()
        return Workflow.objects.get(pk=held.pk), key

    def test_say_how_many_follow_to_another_user(self):
        held, _ = self.shared()

        way = offered(held)["change_sftp_login"]

        assert "Everything that uses the credential follows: 1 destination." in way.effect
        assert dict(way.numbers)["Destinations that use it"] == 1

    def test_move_to_another_user_by_who_may_approve(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(checking, "log_in", lambda credential, *, clock: None)
        held, key = self.shared()
        keeper = somebody("credentials.change_credential")

        with pytest.raises(NotAllowed):
            take(held, "change_sftp_login", by=keeper, user="new")
        key.refresh_from_db()
        assert key.settings["user"] == "old"
        take(held, "change_sftp_login", user="new")

        key.refresh_from_db()
        assert key.settings["user"] == "new"
