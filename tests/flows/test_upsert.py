"""A few new people: one call each, then one that puts them on the list."""

from collections.abc import Callable

import pytest

from tests.flows.world import World, people
from workflows import sealing
from workflows.moves import State
from workflows.steps import HANDLERS

pytestmark = pytest.mark.one_by_one

UPSERT = "POST /api/profile-import"


class TestAFewPeople:
    def test_go_by_a_call_each_and_no_import_job(self, world: Callable[..., World]):
        company = world()

        workflow = company.run()

        assert (workflow.state, workflow.message) == (State.SUCCEEDED, "")
        assert company.members() == {f"person{n}@example.org" for n in range(3)}
        assert workflow.requests["profiles.upsert"] == 3
        assert workflow.requests["lists.add"] == 1
        assert "imports.create" not in workflow.requests
        assert workflow.plan["way"] == "single"

    def test_leave_out_who_is_refused_and_name_them(self, world: Callable[..., World]):
        company = world()
        company.klaviyo.expect_deviations()
        company.klaviyo.fault(path=r"/api/profile-import$", status=400, code="invalid", skip=1, times=1)

        workflow = company.run()

        assert workflow.state == State.SUCCEEDED_WITH_ISSUES
        assert sum(workflow.counts["rejected"].values()) == 1
        assert len(company.members()) == 2
        assert len(sealing.refused(workflow)) == 1

    def test_are_asked_about_again_after_an_answer_that_was_lost(self, world: Callable[..., World]):
        company = world()
        company.klaviyo.fault("drop_after", path=r"/api/profile-import$", skip=1, times=1)

        workflow = company.run()

        assert workflow.state == State.SUCCEEDED
        assert len(company.klaviyo.log(operation=UPSERT)) == 4
        assert company.members() == {f"person{n}@example.org" for n in range(3)}

    def test_go_on_after_a_crash_with_who_is_left(
        self, world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
    ):
        company = world()
        company.write(people(10))
        workflow = company.start()
        real, calls = HANDLERS["upsert"], []

        def dies_on_the_sixth(run, step):
            send = run.client.upsert

            def counted(resource):
                calls.append(resource)
                if len(calls) == 6:
                    raise KeyboardInterrupt
                return send(resource)

            monkeypatch.setattr(run.client, "upsert", counted)
            return real(run, step)

        monkeypatch.setitem(HANDLERS, "upsert", dies_on_the_sixth)
        with pytest.raises(KeyboardInterrupt):
            company.go_on(workflow)
        monkeypatch.setitem(HANDLERS, "upsert", real)

        ended = company.go_on(workflow)

        assert ended.state == State.SUCCEEDED
        assert len(company.klaviyo.log(operation=UPSERT)) == 10
        assert len(company.members()) == 10
