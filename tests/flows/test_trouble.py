"""Trouble that ends by itself: an outage, a server that drips, a limit that others use up; and its record."""

import json
import time
from collections.abc import Callable
from datetime import timedelta

import pytest

from destinations.klaviyo import service
from destinations.models import Destination
from tests.flows.world import HurriedClock, World, people
from workflows import engine, resolutions
from workflows.models import Attempt, Workflow
from workflows.moves import State
from workflows.start import start

OUTAGE = timedelta(minutes=30)
MOST_REQUESTS = 60
ADA = resolutions.Person("ada")
TIER = [{"column": "tier", "target": "properties.Tier", "type": "text"}]


def through_the_outage(company: World, workflows: list[Workflow], clock: HurriedClock) -> int:
    """Let Klaviyo answer 503 for half an hour; return the requests made meanwhile."""
    company.klaviyo.fault("status", status=503)
    before, end = len(company.klaviyo.log()), clock.now() + OUTAGE
    ours = Workflow.objects.filter(pk__in=[workflow.pk for workflow in workflows])
    while clock.now() < end:
        for pk in engine.due(clock.now()):
            engine.advance(pk, worker="test", clock=clock)
        wakes = [at for at in ours.values_list("wake_at", flat=True) if at]
        clock.sleep(max((min([*wakes, end]) - clock.now()).total_seconds(), 0.1))
    company.klaviyo.clear_faults()
    return len(company.klaviyo.log()) - before


class TestOutage:
    @pytest.mark.parametrize("number", [1, 3])
    def test_of_half_an_hour_needs_nobody_and_few_requests(self, world: Callable[..., World], number: int):
        clock = HurriedClock(pace=500)
        company = world(clock=clock)
        orders = [company.orchestration, *(company.another(list_name=f"List {n}") for n in range(1, number))]
        workflows = [start(order, by="a test", trigger="manual") for order in orders]

        requests = through_the_outage(company, workflows, clock)

        assert requests <= MOST_REQUESTS
        states = {Workflow.objects.get(pk=each.pk).state for each in workflows}
        assert states <= {State.QUEUED, State.RUNNING, State.WAITING}
        over = clock.now()
        done = company.go_on(workflows[0])
        assert done.state == State.SUCCEEDED
        assert not done.events.filter(to_state=State.PAUSED).exists()
        first = done.steps.exclude(finished_at=None).order_by("finished_at").first()
        assert first is not None
        assert first.finished_at - over <= timedelta(seconds=60)


class TestDrip:
    def test_holds_no_worker_beyond_its_deadline(self, world: Callable[..., World], monkeypatch):
        deadline = 1.0
        opened = service.transport
        monkeypatch.setattr(service, "transport", lambda key: opened(key, deadline_seconds=deadline))
        company = world()
        company.klaviyo.fault("drip", seconds=0.2, times=2)
        workflow = company.start()
        slices = []

        while Workflow.objects.get(pk=workflow.pk).is_open:
            begun = time.monotonic()
            engine.advance(workflow.pk, worker="test")
            slices.append(time.monotonic() - begun)
            now = Workflow.objects.get(pk=workflow.pk)
            assert now.lease_until is None
            assert now.fence == len(slices)

        assert Workflow.objects.get(pk=workflow.pk).state == State.SUCCEEDED
        late = Attempt.objects.filter(step__workflow=workflow, outcome="retrylater")
        assert late.count() == 2
        assert all((each.ended_at - each.intent_at).total_seconds() < deadline + 1 for each in late)


class TestLimit:
    def test_that_others_use_up_puts_the_run_on_hold(self, world: Callable[..., World]):
        clock = HurriedClock()
        company = world(clock=clock)
        company.klaviyo.fault("status", status=429, path="/api/lists", headers={"Retry-After": "2"})

        held = company.run()

        assert (held.state, held.code) == (State.PAUSED, "rate_limited")
        assert held.wake_at is not None
        assert held.wake_at > clock.now()
        assert "8 times in a row" in held.message
        assert held.orchestration.is_active
        company.klaviyo.clear_faults()
        offered = {way.name for way in resolutions.offered(held)}
        assert {"hold", "change_share"} <= offered
        assert "send_by_sftp" not in offered
        resolutions.resolve(held, "hold", resolutions.Answers({"when": ["now"]}), by=ADA, clock=clock)
        assert company.go_on(held).state == State.SUCCEEDED

    def test_is_left_to_others_by_a_share(self, world: Callable[..., World]):
        clock = HurriedClock()
        company = world(clock=clock)
        company.klaviyo.fault("status", status=429, path="/api/lists", headers={"Retry-After": "2"})
        held = company.run()
        company.klaviyo.clear_faults()

        resolutions.resolve(held, "change_share", resolutions.Answers({"share": ["10"]}), by=ADA, clock=clock)

        assert set(Destination.objects.values_list("rate_share", flat=True)) == {10}
        assert company.go_on(held).state == State.SUCCEEDED

    def test_is_gone_around_by_sftp(self, by_file: Callable[..., World]):
        company = by_file(template={"path": "api"})
        company.klaviyo.fault("status", status=429, path="/api/lists", headers={"Retry-After": "2"})
        held = company.run()
        company.klaviyo.clear_faults()

        resolved = resolutions.resolve(held, "send_by_sftp", by=ADA, clock=company.clock)

        done = company.go_on(resolved.workflow)
        assert done.state == State.SUCCEEDED
        assert done.plan["path"] == "sftp"


class TestRecord:
    def test_of_writes_and_failed_reads_says_what_and_not_who(self, world: Callable[..., World]):
        company = world(template={"full_profile": True, "mapping": TIER})
        company.write([{**person, "tier": "Platinum"} for person in people(40)])
        company.klaviyo.fault("status", method="GET", path="/api/lists", status=503, times=1)

        workflow = company.run()

        assert workflow.state == State.SUCCEEDED
        attempts = Attempt.objects.filter(step__workflow=workflow)
        sent = attempts.get(endpoint="imports.create")
        assert sent.request["path"] == "/api/profile-bulk-import-jobs"
        assert "40 profiles" in sent.request["body"]
        assert sent.answer["status"] == 202
        assert sent.step.external_ref in sent.answer["body"]
        failed = attempts.get(http_status=503)
        assert (failed.request["method"], failed.outcome) == ("GET", "retrylater")
        shown = json.dumps(list(attempts.values_list("request", "answer")))
        assert "example.org" not in shown
        assert "Platinum" not in shown

    def test_keeps_an_answer_that_nobody_knows(self, world: Callable[..., World]):
        clock = HurriedClock()
        company = world(clock=clock)
        body = {"data": {"odd": "ada@example.org"}}
        company.klaviyo.fault("status", method="GET", path="/api/lists", status=200, body=body)

        paused = company.run()

        assert (paused.state, paused.code) == (State.PAUSED, "unexpected_answer")
        kept = Attempt.objects.filter(step__workflow=paused, code="unexpected_answer").last()
        assert kept is not None
        assert kept.answer["status"] == 200
        assert "ada" not in json.dumps(kept.answer)

    def test_of_a_file_says_its_name_size_and_hash(self, by_file: Callable[..., World]):
        company = by_file()

        workflow = company.run()

        uploaded = Attempt.objects.get(step__workflow=workflow, endpoint="sftp.upload")
        assert uploaded.request["path"].endswith(".csv")
        assert "sha256" in uploaded.answer["body"]
