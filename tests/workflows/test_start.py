"""Starting: one live workflow a list, and the same key is the same workflow."""

import threading

import pytest
from django.db import connection

from tests.workflows.factories import a_workflow, an_orchestration
from workflows.models import Workflow
from workflows.moves import State
from workflows.start import CannotStart, start

pytestmark = pytest.mark.django_db(transaction=True)


class TestStart:
    def test_returns_the_live_workflow_of_the_list(self):
        orchestration = an_orchestration()
        first = start(orchestration, by="ada", trigger="manual")

        assert start(orchestration, by="grace", trigger="manual").pk == first.pk

    def test_makes_one_workflow_when_many_start_at_once(self):
        orchestration = an_orchestration()
        made: set[object] = set()

        def begin() -> None:
            made.add(start(orchestration, by="someone", trigger="manual").pk)
            connection.close()

        threads = [threading.Thread(target=begin) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert len(made) == Workflow.objects.filter(orchestration=orchestration).count() == 1

    def test_returns_the_workflow_of_a_key_even_when_it_is_over(self):
        orchestration = an_orchestration()
        first = start(orchestration, by="cron", trigger="api", trigger_key="2026-11-20")
        Workflow.objects.filter(pk=first.pk).update(state=State.SUCCEEDED)

        assert start(orchestration, by="cron", trigger="api", trigger_key="2026-11-20").pk == first.pk

    def test_links_a_new_run_to_the_paused_one_it_replaces(self):
        orchestration = an_orchestration()
        paused = start(orchestration, by="ada", trigger="manual")
        Workflow.objects.filter(pk=paused.pk).update(state=State.PAUSED)

        workflow = start(orchestration, by="ada", trigger="manual")

        paused.refresh_from_db()
        assert (workflow.parent_id, workflow.number) == (paused.pk, 2)
        assert paused.state == State.CANCELLED

    def test_refuses_a_draft(self):
        orchestration = an_orchestration()
        orchestration.query.state = "draft"

        with pytest.raises(CannotStart, match="is a draft"):
            start(orchestration, by="ada", trigger="manual")

    def test_keeps_no_address_and_no_sql_in_what_it_freezes(self):
        workflow = a_workflow()

        assert "sql" not in str(workflow.config)

    def test_refuses_a_second_mirror_of_one_list(self):
        first = an_orchestration()
        second = an_orchestration()
        second.template = first.template
        second.save()

        with pytest.raises(CannotStart) as refused:
            start(second, by="ada", trigger="manual")

        assert refused.value.code == "list_shared"
