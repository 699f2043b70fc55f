"""The list of workflows is found through by anybody's own words, in any order, and taken away as a file."""

import csv
import io
import re

import pytest
from django.urls import reverse

from accounts.models import Activity
from tests.pages import world as worlds
from tests.pages.test_workflows import poll_address
from workflows import history
from workflows.cases import CASES_SHOWN
from workflows.models import Orchestration, Workflow

pytestmark = pytest.mark.django_db

MOST_QUERIES = 10


def listed(client, **given) -> str:
    return client.get(reverse("workflows:list"), given).content.decode()


def shown(page: str) -> list[str]:
    """The ids of the workflows on a page, in their order."""
    return re.findall(r'<tr id="row-([0-9a-f-]{36})"', page)


def ids(world, *parts: str) -> list[str]:
    return [str(world.workflows[part].pk) for part in parts]


class TestFilters:
    def test_narrow_to_a_destination_a_kind_and_a_time(self, as_ada, world):
        other = worlds.a_workflow(
            world, state="succeeded", list_key="other", trigger="api", created_at=worlds.moment(50)
        )

        for given in ({"kind": "api"}, {"kind": "api", "since": "week"}, {"q": "other", "since": "month"}):
            assert shown(listed(as_ada, **given)) == [str(other.pk)], given
        assert str(other.pk) not in shown(listed(as_ada, since="day"))
        assert len(shown(listed(as_ada, destination=str(world.destination.pk)))) == 9
        assert shown(listed(as_ada, destination="00000000-0000-4000-8000-000000000000")) == []

    def test_find_who_started_it(self, as_ada, world):
        mine = worlds.a_workflow(world, state="succeeded", list_key="mine", started_by="grace")

        assert shown(listed(as_ada, q="GRACE")) == [str(mine.pk)]

    def test_find_by_a_part_of_an_id_with_or_without_dashes(self, as_ada, world):
        wanted = world.workflows["held"]

        for words in (str(wanted.pk), wanted.pk.hex, str(wanted.pk)[:13], wanted.pk.hex[:9].upper()):
            assert shown(listed(as_ada, q=words)) == [str(wanted.pk)], words

    def test_count_each_tab_within_them(self, as_ada, world):
        page = listed(as_ada, q="verified")

        assert re.search(r"All <span>1</span>", page)
        assert re.search(r"Need a decision <span>0</span>", page)

    def test_keep_each_other(self, as_ada, world):
        page = listed(as_ada, state="verified", kind="manual", sort="took")

        assert re.search(
            r'href="/workflows/\?state=verified&amp;kind=manual&amp;sort=took&amp;since=day"', page
        )
        assert re.search(
            r'href="/workflows/\?state=verified&amp;sort=took"[^>]*><span class="vh">Kind: </span>', page
        )
        assert '<input type="hidden" name="kind" value="manual">' in page
        assert "kind=manual" in (poll_address(page) or "")


class TestSorting:
    def test_puts_first_what_waits_for_somebody(self, as_ada, world):
        found = shown(listed(as_ada, sort="status"))

        assert set(found[:2]) == set(ids(world, "held", "stuck"))
        assert found[-1] == ids(world, "verified")[0]
        assert shown(listed(as_ada, sort="-status"))[0] == ids(world, "verified")[0]

    def test_by_time_leaves_those_without_one_last(self, as_ada, world):
        long = worlds.a_workflow(
            world,
            state="succeeded",
            list_key="long",
            started_at=worlds.moment(9),
            finished_at=worlds.moment(1),
        )

        for sort, place in (("-took", 0), ("took", 4)):
            found = shown(listed(as_ada, sort=sort))
            assert found[place] == str(long.pk), sort
            assert set(found[-4:]) == set(ids(world, "held", "stuck", "queued", "running")), sort

    def test_by_name_and_by_age(self, as_ada, world):
        other = Orchestration.objects.create(
            name="Another", query=world.query, template=worlds.a_template(world.destination, "Another")
        )
        first = worlds.a_workflow(
            world, state="succeeded", list_key="Another", orchestration=other, created_at=worlds.moment(99)
        )

        assert shown(listed(as_ada, sort="workflow"))[0] == str(first.pk)
        assert shown(listed(as_ada, sort="started"))[0] == str(first.pk)
        assert shown(listed(as_ada, sort="-workflow"))[-1] == str(first.pk)

    def test_says_by_what_and_which_way(self, as_ada, world):
        page = listed(as_ada, sort="took")

        assert page.count("aria-sort=") == 1
        assert re.search(r'<th scope="col" class="num" aria-sort="ascending"><a href="[^"]*sort=-took', page)


class TestPaging:
    def test_shows_each_workflow_once(self, as_ada, world, django_assert_max_num_queries):
        for number in range(60):
            worlds.a_workflow(world, state="succeeded", list_key=f"list {number}")

        found: list[str] = []
        for page in (1, 2, 3):
            with django_assert_max_num_queries(MOST_QUERIES):
                found += shown(listed(as_ada, page=page, sort="took"))

        assert len(found) == len(set(found)) == 68

    def test_of_a_page_that_is_not_there_shows_the_last(self, as_ada, world):
        assert len(shown(listed(as_ada, page=99))) == 8


class TestCases:
    def test_name_the_likeliest_way_out_and_the_others(self, as_ada, world):
        page = listed(as_ada)

        case = page[page.index(f'id="case-{world.workflows["stuck"].pk}"') :]
        case = case[: case.index("</article>")]
        assert "?way=replace_key#resolutions" in case
        assert case.index("way=replace_key") < case.index("way=choose_credential") < case.index("way=retry")
        assert "Whoever keeps the credentials" in case

    def test_say_how_many_more_there_are(self, as_ada, world, django_assert_max_num_queries):
        for number in range(30):
            worlds.a_workflow(world, state="paused", code="list_gone", list_key=f"gone {number}")

        with django_assert_max_num_queries(MOST_QUERIES):
            page = listed(as_ada)

        assert "32 workflows need a decision" in page
        assert page.count('<article class="case"') == CASES_SHOWN
        assert "See all 32" in page


class TestOnHold:
    def test_is_no_decision_beside_those_that_are(self, as_ada, world):
        held = worlds.a_workflow(
            world, state="paused", code="upstream_unavailable", list_key="x", wake_at=worlds.moment(-1)
        )

        page = listed(as_ada)

        assert "2 workflows need a decision" in page
        assert "1 more is on hold" in page
        case = page[page.index(f'id="case-{held.pk}"') :]
        assert "It goes on by itself at" in case[: case.index("</article>")]
        row = page[page.index(f'id="row-{held.pk}"') :]
        assert "On hold" in row[: row.index("</tr>")]
        assert page.index("case-" + ids(world, "stuck")[0]) < page.index(f"case-{held.pk}")
        assert history.waiting_for_a_decision() == 2
        assert "2 workflows need a decision" in as_ada.get(reverse("overview")).content.decode()

    def test_alone_asks_nobody_for_anything(self, as_ada, world):
        Workflow.objects.filter(state="paused").update(code="rate_limited", wake_at=worlds.moment(-1))

        page = listed(as_ada)

        assert "2 workflows are on hold" in page
        assert not re.search(r"workflows? needs? a decision", page)
        assert "need a decision</span></span></a>" not in page


class TestInactive:
    def test_are_told_of_one_by_one_up_to_three(self, as_ada, world):
        for number in range(4):
            Orchestration.objects.create(
                name=f"Resting {number}",
                query=world.query,
                template=worlds.a_template(world.destination, f"Resting {number}"),
                is_active=False,
            )

        page = listed(as_ada)

        assert page.count("” is inactive") == 3
        assert "4 orchestrations are inactive in all" in page

    def test_orchestrations_are_told_of(self, as_ada, world):
        assert "is inactive" not in listed(as_ada)

        Orchestration.objects.update(
            is_active=False, inactive_since=worlds.moment(3), probe_at=worlds.moment(-1)
        )

        page = listed(as_ada)
        assert "“VIP, nightly” is inactive since" in page
        assert "One run tries it by itself at" in page
        assert "Probe now" in page


class TestExport:
    def test_holds_counts_and_nobody(self, as_ada, ada, world):
        answer = as_ada.get(reverse("workflows:export"), {"state": "verified"})

        text = b"".join(answer.streaming_content).decode()
        rows = list(csv.DictReader(io.StringIO(text)))
        assert {row["workflow"] for row in rows} == set(ids(world, "verified", "issues"))
        assert {row["added"] for row in rows} == {"1197"}
        assert {row["not_loaded"] for row in rows} == {"12"}
        assert "•••" not in text
        assert "attachment" in answer.headers["Content-Disposition"]
        assert Activity.objects.get(action="exported").actor == ada

    def test_keeps_a_name_from_being_a_formula(self, as_ada, world):
        Orchestration.objects.update(name="=1+1")

        text = b"".join(as_ada.get(reverse("workflows:export")).streaming_content).decode()

        assert "'=1+1" in text
        assert ",=1+1" not in text

    def test_asks_the_database_once_for_all(self, as_ada, world, django_assert_max_num_queries):
        for number in range(40):
            worlds.a_workflow(world, state="succeeded", list_key=f"list {number}")

        with django_assert_max_num_queries(7):
            b"".join(as_ada.get(reverse("workflows:export")).streaming_content)


def test_an_empty_search_is_told_from_an_empty_list(as_ada, world):
    assert "No workflow matches" in listed(as_ada, q="zzzz")

    Workflow.objects.update(parent=None)
    assert "Nothing has run yet" not in listed(as_ada, since="day", kind="api")
