"""The commands, as a script or a scheduler uses them: exit codes, and JSON that holds nothing else."""

import uuid

import pytest
from django.utils import timezone

from accounts.models import Activity
from simulator.control import Account
from tests.api.shop import Ended, Shop, command
from workflows.models import Orchestration

pytestmark = pytest.mark.django_db(transaction=True)
STRANGERS = [f"person{number}@example.org" for number in range(1, 41)]


@pytest.fixture
def applied(shop: Shop) -> Shop:
    assert shop.apply().code == 0
    return shop


def copied(ended: Ended, part: str) -> list[str]:
    """Return the words after `manage` of the one printed line that has `part` in it."""
    line = next(line for line in ended.out.splitlines() if part in line and "run.py manage" in line)
    assert line.split()[:3] == ["python3", "run.py", "manage"]
    return line.split()[3:]


class TestApply:
    def test_tells_what_became_of_each_object(self, shop: Shop):
        ended = shop.apply("--json")

        assert ended.code == 0
        assert ended.json["changed"] is True
        assert ended.json["changes"][0] == {
            "kind": "credential",
            "name": "Shop",
            "action": "created",
            "fields": ["secret"],
        }

    def test_says_that_nothing_changed(self, applied: Shop):
        ended = applied.apply()

        assert "Unchanged: everything is as the file says." in ended.out

    def test_ends_with_one_and_a_plain_line_when_the_file_is_wrong(self, shop: Shop):
        shop.says(("sql:", "sgl:"))

        ended = shop.apply()

        assert ended.code == 1
        assert "queries › VIP › sgl: unknown key. Did you mean “sql”?" in ended.err
        assert "Traceback" not in ended.err

    def test_gives_the_error_as_json_too(self, shop: Shop):
        shop.says(("sql:", "sgl:"))

        ended = shop.apply("--json")

        assert ended.code == 1
        assert ended.json["error"]["code"] == "configuration"


class TestPlan:
    def test_prints_the_numbers_and_sends_nothing(self, applied: Shop, klaviyo: Account):
        ended = command("plan", "VIP", "--json")

        assert ended.code == 0
        assert (ended.json["plan"]["adds"], ended.json["plan"]["removes"]) == (2, 0)
        assert klaviyo.writes() == []

    def test_says_when_there_is_nothing_to_do(self, applied: Shop):
        assert command("run", "VIP", "--wait").code == 0

        ended = command("plan", "VIP")

        assert ended.code == 0
        assert "Nothing to do: the list equals the query." in ended.out

    def test_prints_the_lines_that_approve_exactly_this_plan(self, applied: Shop, klaviyo: Account):
        planned = command("plan", "VIP")

        line = copied(planned, " approve ")
        assert command(*line).code == 0
        assert command(*copied(planned, "--resume")).code == 0
        assert len(klaviyo.members("VIP")) == 2

    def test_repeats_the_warning_of_the_query(self, shop: Shop):
        shop.says(("    source: Warehouse\n", "    source: Warehouse\n    warn_below: 10\n"))
        shop.apply()

        planned, ran = command("plan", "VIP"), command("run", "VIP", "--wait")

        warning = "Warning: The query gave 2 rows; fewer than 10 are not expected."
        assert warning in planned.out
        assert warning in ran.out
        assert ran.code == 0
        assert command("workflow", ran.out.split()[-1], "--json").json["warnings"]


class TestRun:
    def test_ends_with_zero_when_the_list_was_read_back_and_equals_the_query(
        self, applied: Shop, klaviyo: Account
    ):
        ended = command("run", "VIP", "--wait", "--json")

        told = ended.json
        assert ended.code == 0
        assert (told["state"], told["list"]["name"], told["path"]) == ("succeeded", "VIP", "api")
        assert told["verified_at"]
        assert told["counts"]["added"] == 2
        assert told["requests"]["profiles.upsert"] == 2
        assert (told["throttled"], told["error"]) == (0, None)
        assert {"estimate_seconds", "actual_seconds", "workflow"} <= told.keys()
        assert klaviyo.members("VIP") == {"ada@example.org", "grace@example.org"}

    def test_prints_the_plan_the_progress_and_the_proof_for_a_person(self, applied: Shop):
        ended = command("run", "VIP", "--wait")

        assert "+           2  to add" in ended.out
        assert "Verified: the list “VIP”" in ended.out
        assert "Query" in ended.err

    def test_ends_with_three_when_it_needs_a_decision_and_goes_on_when_it_is_made(
        self, applied: Shop, klaviyo: Account
    ):
        klaviyo.add(klaviyo.list_named("VIP"), *STRANGERS)

        paused = command("run", "VIP", "--wait", "--json")

        assert paused.code == 3
        assert paused.json["error"]["code"] == "guard"
        assert len(paused.json["error"]["resolutions"]) >= 2
        assert len(klaviyo.members("VIP")) == 40
        short, plan_hash = paused.json["workflow"][:8], paused.json["plan"]["hash"]
        assert command("approve", short, "--plan", plan_hash[:16]).code == 0
        resumed = command("workflow", short, "--resume", "--json")
        assert (resumed.code, resumed.json["state"]) == (0, "succeeded")
        assert len(klaviyo.members("VIP")) == 2

    def test_says_how_to_approve_in_lines_that_can_be_copied(self, applied: Shop, klaviyo: Account):
        klaviyo.add(klaviyo.list_named("VIP"), *STRANGERS)

        paused = command("run", "VIP", "--wait")

        assert "Needs a decision: nothing was sent" in paused.out
        assert command(*copied(paused, " approve ")).code == 0
        assert command(*copied(paused, "--resume")).code == 0
        assert len(klaviyo.members("VIP")) == 2

    def test_approves_exactly_the_plan_that_was_looked_at(self, applied: Shop, klaviyo: Account):
        klaviyo.add(klaviyo.list_named("VIP"), *STRANGERS)
        seen = command("plan", "VIP", "--json").json["plan"]["hash"]

        ended = command("run", "VIP", "--wait", "--approve-plan", seen)

        assert ended.code == 0
        assert len(klaviyo.members("VIP")) == 2

    def test_sends_nothing_when_the_plan_is_another_one(self, applied: Shop, klaviyo: Account):
        klaviyo.add(klaviyo.list_named("VIP"), *STRANGERS)

        ended = command("run", "VIP", "--wait", "--approve-plan", "0" * 64, "--json")

        assert ended.code == 1
        assert ended.json["error"]["code"] == "stale"
        assert len(klaviyo.members("VIP")) == 40

    def test_shows_a_wrong_key_as_a_plain_state(self, applied: Shop, klaviyo: Account):
        # The account is known from `apply`; a key that was tried long ago is tried by its first real call.
        klaviyo.change(revoked=True)

        ended = command("run", "VIP", "--wait", "--json")

        klaviyo.change(revoked=False)
        assert ended.code == 3
        assert ended.json["error"]["code"] == "invalid_credentials"
        assert klaviyo.writes() == []

    def test_names_what_there_is_when_the_name_is_wrong(self, applied: Shop):
        ended = command("run", "VIPs", "--wait")

        assert ended.code == 1
        assert ended.err.strip() == "There is no orchestration “VIPs”. Did you mean “VIP”?"

    def test_ends_with_two_when_it_is_written_wrongly(self, applied: Shop):
        assert command("run", "VIP", "--approve-plan", "0" * 64).code == 2

    def test_leaves_the_workflow_to_the_workers_without_wait(self, applied: Shop):
        ended = command("run", "VIP", "--json")

        assert (ended.code, ended.json["state"]) == (0, "queued")


class TestWorkflow:
    def test_is_found_by_the_beginning_of_its_id(self, applied: Shop):
        told = command("run", "VIP", "--wait", "--json").json

        shown = command("workflow", told["workflow"][:6], "--json")

        assert shown.json == told

    def test_says_that_there_is_none(self, applied: Shop):
        ended = command("workflow", str(uuid.uuid4()))

        assert ended.code == 1
        assert "There is no workflow whose id begins with" in ended.err

    def test_shows_the_refused_rows_to_who_asks_and_remembers_it(self, applied: Shop):
        applied.has([("ada@example.org", "Ada", "London"), ("=cmd()@nowhere", "Eve", "Leeds")])
        workflow = command("run", "VIP", "--wait", "--json").json["workflow"]

        shown = command("workflow", workflow, "--refused")

        assert shown.code == 0
        [header, row] = shown.out.splitlines()
        assert header == "row_no,reason,column_name,email"
        assert row.endswith(",email_invalid,email,'=cmd()@nowhere")
        assert Activity.objects.filter(action="refused_rows_shown").count() == 1


class TestInactive:
    def test_is_refused_with_why_and_tried_by_a_probe(self, applied: Shop):
        Orchestration.objects.update(is_active=False, probe_at=timezone.now())

        refused = command("run", "VIP", "--wait")
        probed = command("run", "VIP", "--wait", "--probe")

        assert refused.code == 1
        assert "is inactive" in refused.err
        assert probed.code == 0
        assert Orchestration.objects.get().is_active
