"""The workflows' pages tell the truth, stay quick, and are quiet when nothing has changed."""

import re

import pytest
from django.urls import reverse

from tests.pages import world as worlds
from workflows.calls import PAGE_SIZE
from workflows.models import Approval, Event, Step, Workflow

pytestmark = pytest.mark.django_db

MOST_QUERIES = 14


def detail(client, workflow) -> str:
    return client.get(reverse("workflows:detail", args=[workflow.pk])).content.decode()


def poll_address(page: str) -> str | None:
    found = re.search(r'<div class="stack" id="workflows?"[^>]* hx-get="([^"]+)"', page)
    return found[1].replace("&amp;", "&") if found else None


class TestList:
    def test_counts_a_later_round_on_top_of_what_was_sent(self, as_ada, world):
        held = world.workflows["held"]
        worlds.a_step(held, "import:r0:00001", "deliver", 4, input={"limit": 1200})
        later = {**worlds.PLAN, "adds": 0, "removes": 1, "updates": 0, "round": 1}
        Workflow.objects.filter(pk=held.pk).update(plan=later)

        page = as_ada.get(reverse("workflows:list")).content.decode()

        assert "1,200 of 1,201 changes sent" in page

    def test_asks_as_much_of_the_database_for_many_rows_as_for_few(
        self, as_ada, world, django_assert_max_num_queries
    ):
        for number in range(120):
            worlds.a_workflow(world, state="succeeded", list_key=f"list {number}", counts=worlds.COUNTS)

        with django_assert_max_num_queries(MOST_QUERIES):
            page = as_ada.get(reverse("workflows:list")).content.decode()

        assert "1–25 of 128" in page

    def test_says_first_what_needs_a_decision(self, as_ada, world):
        page = as_ada.get(reverse("workflows:list")).content.decode()

        assert "2 workflows need a decision" in page
        assert page.index("need a decision") < page.index("All <span>")

    @pytest.mark.parametrize(
        ("tab", "shown"), [("running", 2), ("decision", 2), ("verified", 2), ("stopped", 2)]
    )
    def test_shows_one_state_at_a_time(self, as_ada, world, tab, shown):
        page = as_ada.get(reverse("workflows:list"), {"state": tab}).content.decode()

        assert page.count('<tr id="row-') == shown

    def test_finds_by_name_list_and_id(self, as_ada, world):
        wanted = world.workflows["held"]

        for words in ("VIP, nightly", "held", str(wanted.pk)[:8]):
            page = as_ada.get(reverse("workflows:list"), {"q": words}).content.decode()
            assert f"row-{wanted.pk}" in page, words

    def test_survives_what_nobody_would_type(self, as_ada, world):
        for given in (
            {"q": "\x00"},
            {"page": "9" * 30},
            {"page": "-1"},
            {"state": "nonsense"},
            {"q": "%' --"},
        ):
            assert as_ada.get(reverse("workflows:list"), given).status_code == 200, given

    def test_answers_nothing_when_nothing_is_new(self, as_ada, world):
        address = poll_address(as_ada.get(reverse("workflows:list")).content.decode())

        before = as_ada.get(address)
        Workflow.objects.filter(pk=world.workflows["running"].pk).update(row_version=7)
        after = as_ada.get(address)

        assert before.status_code == 204
        assert after.status_code == 200


class TestPage:
    def test_asks_little_of_the_database(self, as_ada, world, django_assert_max_num_queries):
        for number in range(300):
            worlds.a_step(world.workflows["running"], f"import:r1:{number:05d}", "deliver", 10 + number)

        with django_assert_max_num_queries(MOST_QUERIES):
            detail(as_ada, world.workflows["running"])

    def test_says_that_the_list_equals_the_query_only_when_verified(self, as_ada, world):
        said = {part: "List equals query" in detail(as_ada, each) for part, each in world.workflows.items()}

        assert {part for part, told in said.items() if told} == {"verified", "issues"}

    def test_names_those_klaviyo_would_not_take(self, as_ada, world):
        page = detail(as_ada, world.workflows["issues"])

        assert "Klaviyo refused 3 people: invalid phone number." in page
        assert "a•••@e•••.org" in page

    def test_gives_the_numbers_before_it_is_approved(self, as_ada, world):
        page = detail(as_ada, world.workflows["held"])

        assert "It would remove 30 of 70 people (43%)." in page
        assert "Approve 1,270 changes" in page
        assert "+1,200 −30 ~40" in page

    def test_says_that_nothing_has_been_sent_only_when_that_is_so(self, as_ada, world):
        held = world.workflows["held"]
        assert "Nothing has been sent." in detail(as_ada, held)

        Workflow.objects.filter(pk=held.pk).update(plan={**worlds.PLAN, "adds": 1, "round": 1})

        page = detail(as_ada, held)
        assert "Nothing has been sent" not in page
        assert "A part has been sent already; nothing more is sent until someone decides." in page
        assert "Plan of round 2" in page
        assert "Approve 71 changes" in page

    def test_says_what_was_sent_before_it_got_stuck(self, as_ada, world):
        stuck = world.workflows["stuck"]
        assert "Nothing has been sent." in detail(as_ada, stuck)

        worlds.a_step(stuck, "import:r0:00000", "deliver", 3, outcome={"rows": 1200})
        worlds.a_step(stuck, "remove:r0:00000", "deliver", 4, outcome={"rows": 1})

        page = detail(as_ada, stuck)
        assert "Nothing has been sent" not in page
        assert "Sent so far: 1,200 adds, 1 removal." in page

    def test_shows_the_warning_of_a_query_quietly(self, as_ada, world):
        verified = world.workflows["verified"]
        warning = "The query gave 9,257 rows; fewer than 10,000 are not expected."
        assert warning not in detail(as_ada, verified)

        outcome = {"rows": 9257, "seconds": 2.5, "warning": warning}
        Step.objects.filter(workflow=verified, kind="extract").update(outcome=outcome)

        assert warning in detail(as_ada, verified)

    def test_speaks_of_one_as_one(self, as_ada, world):
        counts = {**worlds.COUNTS, "on_list": 1, "rejected": {"email_invalid": 1}}
        plan = {**worlds.PLAN, "rows": 1, "candidates": 1, "members": 1}
        issues = world.workflows["issues"]
        Workflow.objects.filter(pk=issues.pk).update(counts=counts, plan=plan)

        page = detail(as_ada, issues)

        assert "Klaviyo refused 1 person: email invalid." in page
        assert "Read back: 1 member." in page
        assert "<b>1</b> row: <b>1</b> person who can be sent" in page
        assert "<b>1</b> member on the list" in page

    def test_polls_while_it_is_open_and_no_longer(self, as_ada, world):
        polled = {part: poll_address(detail(as_ada, each)) for part, each in world.workflows.items()}

        open_ones = {part for part, address in polled.items() if address}
        assert open_ones == {"queued", "running", "held", "stuck"}

    @pytest.mark.parametrize("change", ["event", "progress", "requests"])
    def test_is_sent_again_only_when_it_looks_different(self, as_ada, world, change):
        running = world.workflows["running"]
        address = poll_address(detail(as_ada, running))
        before = as_ada.get(address).status_code
        if change == "event":
            Event.objects.create(workflow=running, seq=9, at=worlds.moment(0), kind="step", message="More.")
        elif change == "progress":
            Step.objects.filter(workflow=running, state="pending").update(progress={"done": 10})
        else:
            Workflow.objects.filter(pk=running.pk).update(requests={"lists.members": 99})

        after = as_ada.get(address)

        assert (before, after.status_code) == (204, 200)
        assert poll_address(after.content.decode()) != address

    def test_is_not_there_for_an_id_nobody_has(self, as_ada):
        nobody = "00000000-0000-4000-8000-000000000000"

        assert as_ada.get(reverse("workflows:detail", args=[nobody])).status_code == 404
        assert as_ada.get(reverse("workflows:progress", args=[nobody])).status_code == 404


class TestDecisions:
    def test_approves_exactly_the_plan_that_was_shown(self, as_ada, ada, world):
        held = world.workflows["held"]

        as_ada.post(reverse("workflows:approve", args=[held.pk]), {"plan_hash": held.plan_hash})

        held.refresh_from_db()
        assert held.state == "queued"
        assert Approval.objects.get().decided_by == ada

    def test_refuses_an_approval_of_another_plan(self, as_ada, world):
        held = world.workflows["held"]
        url = reverse("workflows:approve", args=[held.pk])

        page = as_ada.post(url, {"plan_hash": "f" * 64}, follow=True).content.decode()

        held.refresh_from_db()
        assert held.state == "paused"
        assert "The plan has changed since it was shown" in page

    def test_asks_for_the_number_before_many_are_removed(self, as_ada, world):
        held = world.workflows["held"]
        Workflow.objects.filter(pk=held.pk).update(plan=held.plan | {"removes": 1_200})
        url, given = reverse("workflows:approve", args=[held.pk]), {"plan_hash": held.plan_hash}

        page = as_ada.post(url, {**given, "sure": "120"}, follow=True).content.decode()

        held.refresh_from_db()
        assert held.state == "paused"
        assert "Type 1200 to remove so many people. Nothing was approved." in page
        assert 'id="approve-sure"' in page
        as_ada.post(url, {**given, "sure": "1200"})
        assert Approval.objects.count() == 1

    @pytest.mark.parametrize(
        ("part", "press", "state"),
        [("held", "discard", "cancelled"), ("stuck", "retry", "queued"), ("queued", "stop", "cancelled")],
    )
    def test_moves_the_workflow(self, as_ada, world, part, press, state):
        workflow = world.workflows[part]

        as_ada.post(reverse(f"workflows:{press}", args=[workflow.pk]))

        workflow.refresh_from_db()
        assert workflow.state == state

    def test_runs_an_orchestration_and_opens_its_workflow(self, as_ada, world):
        answer = as_ada.post(reverse("workflows:run-now", args=[world.orchestration.pk]))

        made = Workflow.objects.get(list_key="VIP")
        assert made.started_by == "ada"
        assert answer.url == reverse("workflows:detail", args=[made.pk])

    def test_says_why_an_orchestration_cannot_run(self, as_ada, world):
        world.orchestration.query = world.draft
        world.orchestration.save()

        url = reverse("workflows:run-now", args=[world.orchestration.pk])
        page = as_ada.post(url, follow=True).content.decode()

        assert "is a draft" in page


def test_the_pages_of_steps_are_left_by_links_that_keep_their_ids(as_ada, world):
    workflow = world.workflows["running"]
    for place in range(3 * PAGE_SIZE):
        worlds.a_step(workflow, f"import:r0:{place + 1:05}", "deliver", 3)

    page = as_ada.get(
        reverse("workflows:steps", args=[workflow.pk]), {"steps": 2}, headers={"HX-Request": "true"}
    ).content.decode()

    # What is pressed keeps the focus when the part around it is replaced.
    assert page.count('id="steps-earlier"') == page.count('id="steps-later"') == 1
