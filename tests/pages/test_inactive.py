"""An orchestration that rests is shown as such, and tried by a press."""

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.pages import world as worlds
from workflows import overview
from workflows.models import Orchestration, Workflow

pytestmark = pytest.mark.django_db
PROBE_AT = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)


@pytest.fixture
def resting(world) -> Orchestration:
    orchestration = world.workflows["held"].orchestration
    Orchestration.objects.filter(pk=orchestration.pk).update(is_active=False, probe_at=PROBE_AT)
    return orchestration


class TestInactive:
    @pytest.mark.parametrize("page", ["overview", "workflows:orchestrations"])
    def test_says_why_and_when_it_is_tried(self, as_ada, resting, page):
        shown = as_ada.get(reverse(page)).content.decode()

        assert "Inactive" in shown
        assert "It is tried again at 2026-11-22 08:30 UTC." in shown
        assert "Probe now" in shown

    def test_is_not_said_of_one_that_is_active(self, as_ada, world):
        shown = as_ada.get(reverse("workflows:orchestrations")).content.decode()

        assert "Inactive" not in shown
        assert "Probe now" not in shown


def test_many_cost_no_more_queries_than_one(resting, world):
    given = {"query": world.query, "is_active": False}
    for number in range(5):
        template = worlds.a_template(world.destination, f"Resting {number}")
        made = Orchestration.objects.create(name=f"Resting {number}", template=template, **given)
        worlds.a_workflow(world, orchestration=made, state="failed", code="bug", list_key=f"r{number}")

    with CaptureQueriesContext(connection) as asked:
        told = [each.why_inactive for each in overview.standings()]

    assert len(asked) <= 5
    assert sum("failed 1 times in a row" in why for why in told) == 5


class TestWaitingForACredential:
    def test_is_called_so(self, as_ada, world):
        workflow = world.workflows["held"]
        Workflow.objects.filter(pk=workflow.pk).update(
            state="waiting", reason="circuit", message="Waits for the credential “Shop”.", code=""
        )

        shown = as_ada.get(reverse("workflows:detail", args=[workflow.pk])).content.decode()

        assert "Waits for a credential" in shown
        assert "Waits for the credential “Shop”." in shown
