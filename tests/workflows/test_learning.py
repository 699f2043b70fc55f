"""Learning: one run calibrates the estimate of the next, and nonsense teaches nothing."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from destinations.klaviyo.limits import floor_seconds
from tests.workflows.factories import a_workflow
from tests.workflows.histories import Run, World, a_world, in_order, times, work
from workflows import learning
from workflows.coefficients import GUESSES, KEPT, Coefficients, Line, Points, fit, learned
from workflows.forecasts import Work, forecasts
from workflows.models import Coefficient, Stage, Step, StepState, Workflow
from workflows.moves import State
from workflows.observations import Facts, Past, observe
from workflows.spacing import paced, seconds_each

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)

worlds = st.integers(0, 10_000).map(random.Random)
sizes = st.sampled_from([30_000, 80_000, 300_000, 700_000])
ways = st.sampled_from(["import", "sftp"])


def taught_by(*runs: Run) -> Coefficients:
    kept: dict[str, list[Points]] = {}
    for run in runs:
        for name, points in observe(run.steps, run.facts, floor_seconds=floor_seconds).items():
            kept.setdefault(name, []).append(points)
    return learned(kept)


def foretold(planned: Work, way: str, known: Coefficients) -> float:
    return next(
        each for each in forecasts(planned, known, floor_seconds=floor_seconds) if each.way == way
    ).seconds


def a_plan(rng: random.Random, new: int) -> Work:
    return work(
        new,
        known=rng.choice([0, 0, 5_000]),
        removes=rng.choice([0, 4_000, 40_000]),
        updates=rng.choice([0, 0, 20_000]),
        members=rng.choice([4_000, 400_000]),
    )


class TestOneRun:
    @settings(max_examples=60, deadline=None)
    @given(rng=worlds, new=sizes, way=ways)
    def test_calibrates_the_next_of_its_shape(self, rng, new, way):
        world, planned = a_world(rng, telling=False), a_plan(rng, new)
        run = Run(world, planned, way)
        assert in_order(run)

        assert foretold(planned, way, taught_by(run)) == pytest.approx(run.seconds, rel=0.2)

    @settings(max_examples=60, deadline=None)
    @given(rng=worlds, new=sizes, way=ways, factor=st.sampled_from([0.5, 2.0]))
    def test_calibrates_one_of_half_or_twice_its_size(self, rng, new, way, factor):
        world, planned = a_world(rng), a_plan(rng, new)
        known = taught_by(Run(world, planned, way))
        following = times(factor, planned)

        assert foretold(following, way, known) == pytest.approx(Run(world, following, way).seconds, rel=0.2)

    def test_is_better_than_no_run(self):
        rng = random.Random(5)
        world, planned = a_world(rng), work(300_000, removes=4_000)
        run = Run(world, planned, "sftp")

        missed = abs(foretold(planned, "sftp", taught_by(run)) - run.seconds)

        assert missed < abs(foretold(planned, "sftp", Coefficients()) - run.seconds)


class TestSeveralRuns:
    @settings(max_examples=20, deadline=None)
    @given(rng=worlds, way=ways)
    def test_tell_waiting_from_working_by_their_sizes(self, rng, way):
        world = a_world(rng, telling=False)
        known = taught_by(*(Run(world, work(new, removes=4_000), way) for new in (40_000, 400_000, 150_000)))

        following = work(250_000, removes=4_000)

        assert foretold(following, way, known) == pytest.approx(Run(world, following, way).seconds, rel=0.15)

    def test_follow_a_change_of_speed(self):
        guess = GUESSES["remove"]
        slow, fast = [(1.0, 2.0)], [(1.0, 0.2)]

        assert fit(guess, [*[slow] * 6, *[fast] * 6]).each == pytest.approx(0.2)
        assert fit(guess, [*[slow] * 6, fast]).each == pytest.approx(2.0)

    def test_remember_the_newest_alone(self):
        old, new = [[(1.0, 9.0)]] * 50, [[(1.0, 0.5)]] * KEPT

        assert fit(GUESSES["add"], [*old, *new]) == Line(0.0, pytest.approx(0.5), runs=KEPT)


class TestFit:
    def test_keeps_the_guess_without_points(self):
        assert fit(GUESSES["import"], []) == GUESSES["import"]

    def test_keeps_the_proportion_of_the_guess_with_one_point(self):
        guess = Line(6.0, 0.002)

        found = fit(guess, [[(10_000.0, 13.0)]])

        assert (found.fixed, found.each, found.runs) == (pytest.approx(3.0), pytest.approx(0.001), 1)

    @pytest.mark.parametrize(
        "points",
        [
            [(0.0, 5.0)],
            [(10.0, 0.0)],
            [(10.0, -3.0)],
            [(float("nan"), 5.0)],
            [(10.0, float("inf"))],
            [(10.0, 1e9)],
        ],
    )
    def test_learns_nothing_from_nonsense(self, points):
        assert fit(GUESSES["import"], [points]) == GUESSES["import"]

    @settings(deadline=None)
    @given(
        true=st.tuples(st.floats(1, 1_000), st.floats(2e-5, 0.02)),
        rows=st.integers(10_000, 1_000_000),
    )
    def test_finds_the_line_through_a_small_and_a_large_run(self, true, rows):
        line = Line(*true)

        found = fit(GUESSES["ingest"], [[(rows / 50, line.seconds(rows / 50)), (rows, line.seconds(rows))]])

        for units in (rows / 50, rows / 2, rows, rows * 2):
            assert found.seconds(units) == pytest.approx(line.seconds(units), rel=0.2)

    @settings(deadline=None)
    @given(st.lists(st.lists(st.tuples(st.floats(0, 1e7), st.floats(-10, 1e6)), max_size=3), max_size=KEPT))
    def test_is_never_below_nothing(self, runs):
        for guess in GUESSES.values():
            found = fit(guess, runs)

            assert found.fixed >= 0
            assert found.each > 0

    def test_shrugs_off_one_odd_run(self):
        runs = [[(10_000.0, 20.0)]] * 4 + [[(10_000.0, 900.0)]] + [[(10_000.0, 21.0)]] * 2

        assert fit(GUESSES["import"], runs).seconds(10_000) == pytest.approx(20, abs=2)


class TestSpacing:
    @settings(deadline=None)
    @given(
        requests=st.integers(1, 4_000),
        each=st.floats(0.001, 2),
        endpoint=st.sampled_from(["lists.add", "lists.members"]),
    )
    def test_of_requests_can_be_read_back(self, requests, each, endpoint):
        def floor(number: int) -> float:
            return floor_seconds(number, endpoint)

        seconds = paced(requests, each, floor)

        assert seconds >= max(floor(requests), requests * each * 0.999)
        assert paced(requests, seconds_each(requests, seconds, floor), floor) == pytest.approx(
            seconds, rel=0.02
        )


class TestObserve:
    def test_leaves_out_what_had_to_be_tried_again(self):
        steps = [
            Past("remove", 0.0, 80.0, {"rows": 1_000}, smooth=False),
            Past("add", 80.0, 80.5, {"rows": 9}),
        ]

        found = observe(steps, Facts(0, 10, None), floor_seconds=floor_seconds)

        assert "remove" not in found
        assert found["add"] == [(1, pytest.approx(0.5))]

    def test_learns_no_reading_back_from_a_list_that_was_not_right_at_once(self):
        steps = [Past("verify", 0.0, 60.0, {"members": 900})]

        assert observe(steps, Facts(9, 10, None), floor_seconds=floor_seconds) == {}
        assert set(observe(steps, Facts(9, 10, 62.0), floor_seconds=floor_seconds)) == {"page", "overhead"}

    def test_counts_the_reading_back_of_a_file_as_overhead(self):
        steps = [Past("upload", 0.0, 5.0, {"rows": 9, "bytes": 900}), Past("confirm", 5.0, 9.0, {})]

        found = observe(steps, Facts(0, 9, 10.0), floor_seconds=floor_seconds)

        assert found == {"upload": [(900, 5.0)], "overhead": [(9, 5.0)]}

    def test_does_not_take_a_long_upload_for_the_work_on_jobs(self):
        steps = [
            Past("import", 0.0, 0.5, {"rows": 3, "bytes": 300}),
            Past("upload", 0.5, 300.0, {"rows": 9, "bytes": 900}),
            Past("jobs", 300.0, 300.2, {"jobs": 1}),
        ]

        assert "import" not in observe(steps, Facts(0, 10, None), floor_seconds=floor_seconds)

    @settings(deadline=None)
    @given(
        st.lists(
            st.builds(
                Past,
                kind=st.sampled_from(
                    [
                        "create",
                        "add",
                        "upsert",
                        "import",
                        "update",
                        "upload",
                        "ingest",
                        "jobs",
                        "remove",
                        "verify",
                    ]
                ),
                began=st.floats(0, 1e5),
                ended=st.floats(0, 1e5),
                outcome=st.dictionaries(
                    st.sampled_from(["rows", "bytes", "seconds", "first"]),
                    st.one_of(st.none(), st.text(), st.integers(-5, 9), st.floats(), st.lists(st.integers())),
                ),
            )
        )
    )
    def test_bears_whatever_steps_hold(self, steps):
        for points in observe(steps, Facts(3, 3, 9.0), floor_seconds=floor_seconds).values():
            assert all(units > 0 and seconds > 0 for units, seconds in points)


@pytest.mark.django_db
class TestLearn:
    def test_is_used_from_the_first_run_on(self):
        workflow = finished()

        learning.learn(workflow, now=NOW + timedelta(seconds=20))

        known = learning.coefficients(workflow.account_id)
        assert known.line("remove") == Line(0.0, pytest.approx(2.0), runs=1)
        assert known.line("page").runs == 1
        assert known.line("overhead").runs == 1
        assert known.line("ingest") == GUESSES["ingest"]

    def test_learns_from_a_destination_that_takes_files(self):
        workflow = a_workflow()
        done(workflow, "draft", -2, -1, {"adds": 900})
        done(workflow, "guard", -1, 0)
        done(workflow, "upload", 0, 5, {"rows": 900, "bytes": 90_000})
        done(workflow, "confirm", 5, 9)

        learning.learn(workflow, now=NOW + timedelta(seconds=10))

        known = learning.coefficients(workflow.account_id)
        assert set(known.learned) == {"upload", "overhead"}
        assert known.line("overhead").seconds(900) == pytest.approx(5.0)

    def test_keeps_accounts_apart(self):
        workflow = finished()

        learning.learn(workflow, now=NOW + timedelta(seconds=20))

        assert learning.coefficients("somebody else") == Coefficients()

    def test_counts_a_workflow_once(self):
        workflow = finished()

        for _ in range(3):
            learning.learn(workflow, now=NOW + timedelta(seconds=20))

        assert learning.coefficients(workflow.account_id).line("remove").runs == 1

    def test_keeps_the_last_runs_alone(self):
        workflow = finished()
        row = Coefficient(account_id=workflow.account_id, name="remove")
        row.observations = [{"workflow": str(n), "points": [[1, 50.0]]} for n in range(KEPT)]
        row.save()

        learning.learn(workflow, now=NOW + timedelta(seconds=20))

        row.refresh_from_db()
        assert [entry["workflow"] for entry in row.observations][-2:] == [str(KEPT - 1), str(workflow.pk)]
        assert len(row.observations) == KEPT

    def test_learns_nothing_from_a_run_that_waited_for_a_person(self):
        workflow = finished()
        workflow.events.create(seq=90, at=NOW + timedelta(seconds=1), kind="moved", to_state=State.PAUSED)

        learning.learn(workflow, now=NOW + timedelta(seconds=20))

        assert not Coefficient.objects.exists()

    def test_does_not_mind_that_its_plan_waited_for_a_person(self):
        workflow = finished()
        workflow.events.create(seq=90, at=NOW - timedelta(hours=1), kind="moved", to_state=State.PAUSED)

        learning.learn(workflow, now=NOW + timedelta(seconds=20))

        assert Coefficient.objects.exists()

    def test_learns_nothing_from_a_run_whose_worker_died(self):
        workflow = finished()
        workflow.steps.get(key="remove:r0:0").calls.create(
            fence=1, endpoint="lists.remove", intent_at=NOW, outcome="crashed"
        )

        learning.learn(workflow, now=NOW + timedelta(seconds=20))

        assert not Coefficient.objects.exists()

    def test_learns_nothing_from_a_run_that_planned_nothing(self):
        learning.learn(a_workflow(), now=NOW)

        assert not Coefficient.objects.exists()

    def test_learns_no_whole_from_a_run_of_several_rounds(self):
        workflow = finished(round=1)

        learning.learn(workflow, now=NOW + timedelta(seconds=20))

        assert list(Coefficient.objects.values_list("name", flat=True)) == ["remove"]

    @pytest.mark.parametrize(
        "observations", [None, {}, "x", [1], [{"points": 3}], [{"points": [["a", 1], [2]]}]]
    )
    def test_guesses_when_what_was_kept_is_damaged(self, observations):
        Coefficient.objects.create(account_id="A", name="remove", observations=observations or {})

        assert learning.coefficients("A").line("remove") == GUESSES["remove"]

    def test_forgets_a_name_that_is_known_no_more(self):
        kept = [{"workflow": "w", "points": [[1, 1.0]]}]
        Coefficient.objects.create(account_id="A", name="telepathy", observations=kept)

        assert learning.coefficients("A") == Coefficients()


def finished(**given: object) -> Workflow:
    """A workflow at its end: 2 calls that removed for 2 s each, 30 pages read back in 6 s, 20 s in all."""
    workflow = a_workflow(**given)
    planned = {"removes": 2_000, "calls": {"lists.members": 30}}
    done(workflow, "compare", -2, -1, planned)
    done(workflow, "guard", -1, 0)
    done(workflow, "remove", 1, 3, {"rows": 1_000}, number=0)
    done(workflow, "remove", 3, 5, {"rows": 1_000}, number=1)
    done(workflow, "verify", 10, 16, {"members": 3_000})
    return workflow


def done(
    workflow: Workflow,
    kind: str,
    began: int,
    ended: int,
    outcome: dict | None = None,
    *,
    number: int | None = None,
) -> None:
    key = f"{kind}:r0" if number is None else f"{kind}:r0:{number}"
    Step.objects.update_or_create(
        workflow=workflow,
        key=key,
        defaults={
            "kind": kind,
            "stage": Stage.DELIVER,
            "position": 1,
            "state": StepState.DONE,
            "outcome": outcome or {},
            "started_at": NOW + timedelta(seconds=began),
            "finished_at": NOW + timedelta(seconds=ended),
        },
    )


def test_histories_begin_where_the_guess_is():
    assert set(World(dict(GUESSES)).lines) == set(GUESSES)
