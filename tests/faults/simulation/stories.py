"""Stories told on purpose, for what chance meets too seldom: each one moment, and what must come of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tests.faults.simulation.misfortunes import Misfortunes
from tests.faults.simulation.tale import FREE, Row, Tale, Turn

LEASE_SECONDS = 90.0
PEOPLE = 30


class Script(Misfortunes):
    """No chance at all: `wires` says of each call of an endpoint how it goes, `moments` what befalls whom.

    `wires` has the ways of the calls of an endpoint in order, the last for all that follow. `moments` is
    (moment, endpoint or kind of step) → what `at` returns, once.
    """

    def __init__(
        self,
        *,
        wires: Mapping[str, tuple[str, ...]] | None = None,
        moments: Mapping[tuple[str, str], float] | None = None,
        late: float = 60.0,
    ) -> None:
        super().__init__(0, lease_seconds=LEASE_SECONDS)
        self.dying = self.pausing = self.cutting = self.wiring = self.lagging = self.bell_loss = 0.0
        self._wires = {endpoint: list(ways) for endpoint, ways in (wires or {}).items()}
        self._moments = dict(moments or {})
        self._late = late

    def at(self, moment: str, *, about: str = "", writes: bool = False) -> float | None:
        return self._moments.pop((moment, about), None)

    def wire(self, *, is_read: bool, about: str = "") -> str:
        ways = self._wires.get(about, ["well"])
        return ways.pop(0) if len(ways) > 1 else ways[0]

    def lateness(self) -> float:
        return self._late

    def patience(self) -> float:
        return 0.0


@dataclass(frozen=True)
class Story:
    """`proves` is what a product that fails it cannot do. `variants` of it differ in a few seconds."""

    name: str
    proves: str
    tale: Tale
    fate: Callable[[int], Script]
    variants: int = 1


def _rows(*numbers: int) -> tuple[Row, ...]:
    return tuple(Row(f"person{number}@example.org", "gold") for number in numbers)


def _turn(rows: tuple[Row, ...], **more: Any) -> Turn:
    usual: dict[str, Any] = {
        "at_first": None,
        "leavers": 0,
        "edits": (),
        "stop_after": None,
        "source_fails": 0,
        "rest_after": 80.0,
    }
    return Turn(rows=rows, **usual | more)


EVERYONE = _rows(*range(PEOPLE))
FEW_LESS = _rows(*range(5, PEOPLE))
USUAL = Tale(
    seed=0,
    workers=2,
    people=PEOPLE,
    list_exists=True,
    listed=tuple(row.email for row in EVERYONE),
    full_profile=False,
    mode="mirror",
    guards=FREE,
    one_by_one=False,
    small_list=10_000,
    tested=True,
    imports={},
    cancels_jobs_at=None,
    revokes_at=None,
    wrong_key_first=False,
    has_twin=False,
    flood_at=None,
    presses_at=None,
    refused=(),
    calm_after=3_600.0,
    turns=(_turn(EVERYONE),),
)


def _told(**changes: Any) -> Tale:
    return replace(USUAL, **changes)


def _nothing(variant: int) -> Script:
    return Script()


STORIES: dict[str, Story] = {
    story.name: story
    for story in (
        Story(
            "late_removal",
            "R-03: a removal of a stopped run cannot land after the next run has found everybody there",
            _told(turns=(_turn(FEW_LESS, stop_after=10.0, rest_after=1.0), _turn(EVERYONE))),
            lambda variant: Script(wires={"lists.remove": ("late", "unsent")}, late=30.0 + 3 * variant),
            variants=10,
        ),
        Story(
            "late_removal_of_a_success",
            "R-03: a run ends only when its lost requests can have no effect any more",
            _told(turns=(_turn(FEW_LESS, rest_after=1.0), _turn(EVERYONE))),
            lambda variant: Script(wires={"lists.remove": ("late", "well")}, late=40.0 + 2 * variant),
            variants=10,
        ),
        Story(
            "import_of_a_run_given_up",
            "R-04: a run waits for imports that an earlier one left unfinished",
            _told(
                list_exists=True,
                listed=(),
                imports={"lag_seconds": 300.0},
                lags=((10.0, 0.0),),
                revokes_at=5.0,
                turns=(_turn(EVERYONE, stop_after=9.5, rest_after=1.0), _turn(FEW_LESS, rest_after=300.0)),
            ),
            _nothing,
        ),
        Story(
            "import_nobody_heard_of",
            "R-04: an import whose worker ended in flight is known to the next run by its intent",
            _told(
                listed=(),
                imports={"lag_seconds": 300.0},
                lags=((15.0, 0.0),),
                turns=(_turn(EVERYONE, stop_after=20.0, rest_after=1.0), _turn(FEW_LESS, rest_after=300.0)),
            ),
            lambda variant: Script(moments={("in_flight", "imports.create"): -1.0}),
        ),
        Story(
            "import_sent_twice",
            "R-04: of a batch that was sent again, the import it may have started before is waited for",
            _told(
                listed=(),
                lags=((10.0, 300.0), (50.0, 0.0)),
                turns=(_turn(EVERYONE, rest_after=1.0), _turn(FEW_LESS, rest_after=300.0)),
            ),
            lambda variant: Script(wires={"imports.create": ("late", "well")}, late=20.0),
        ),
        Story(
            "flood_in_round_two",
            "R-31: the guard counts over all rounds, so a crowd in the second one is not removed unasked",
            _told(
                guards={"approve_first_run": False},
                imports={"lag_seconds": 5.0},
                flood_at=4.0,
                turns=(_turn((*FEW_LESS, *_rows(40, 41, 42))),),
            ),
            _nothing,
        ),
        Story(
            "flood_after_an_approval",
            "R-31: an approval is of one plan, and a crowd that comes later is not in it",
            _told(
                guards={}, imports={"lag_seconds": 5.0}, flood_at=128.0, turns=(_turn(_rows(*range(9, 60))),)
            ),
            lambda variant: Script(moments={("after_record", "imports.create"): 80.0}),
        ),
        Story(
            "empty_query",
            "R-31: an empty query removes nobody",
            _told(guards={"approve_first_run": False}, turns=(_turn(EVERYONE, at_first=()),)),
            _nothing,
        ),
        Story(
            "two_lists_of_one_name",
            "R-06: between two lists of one name nobody chooses in silence",
            _told(has_twin=True),
            _nothing,
        ),
        Story(
            "late_creation",
            "R-06: a list whose making was not answered is looked for before another is made",
            _told(list_exists=False, listed=()),
            lambda variant: Script(wires={"lists.create": ("late", "well")}, late=20.0 + 5 * variant),
            variants=5,
        ),
        Story(
            "creation_nobody_heard_of",
            "R-06: a list that was made while its worker ended is found, not made again",
            _told(list_exists=False, listed=()),
            lambda variant: Script(moments={("in_flight", "lists.create"): -1.0}),
        ),
        Story(
            "frozen_before_sending",
            "R-09: a worker that stood still between its intent and its call does not make it any more",
            _told(list_exists=False, listed=()),
            lambda variant: Script(moments={("before_send", "lists.create"): 400.0}),
        ),
        Story(
            "frozen_before_writing",
            "R-09: a worker that stood still writes nothing when it wakes",
            _told(turns=(_turn(FEW_LESS),)),
            lambda variant: Script(
                moments={
                    (
                        ("after_send", "before_finish")[variant % 2],
                        ("lists.remove", "remove")[variant % 2],
                    ): 400.0
                }
            ),
            variants=2,
        ),
        Story(
            "import_cancelled",
            "R-22: who did not come on by an import that was cancelled is seen to be missing",
            _told(listed=(), imports={"lag_seconds": 5.0, "rows_per_second": 2.0}, cancels_jobs_at=12.0),
            _nothing,
        ),
        Story(
            "stopped_between_batches",
            "R-45: after a stop nothing more is sent",
            _told(
                people=200,
                listed=tuple(row.email for row in _rows(*range(200))),
                turns=(_turn(_rows(0), stop_after=3.0), _turn(_rows(*range(200)))),
            ),
            _nothing,
        ),
        Story(
            "started_twice",
            "R-38: a list has one run at a time",
            _told(imports={"lag_seconds": 30.0}, listed=(), presses_at=10.0),
            _nothing,
        ),
        Story(
            "key_of_another_account",
            "R-40: a key of another account is refused",
            _told(revokes_at=1.0, wrong_key_first=True, turns=(_turn(FEW_LESS),)),
            _nothing,
        ),
        Story(
            "people_who_left",
            "R-35: who left the list by themselves is not put back",
            _told(turns=(_turn(EVERYONE), _turn(EVERYONE, leavers=3))),
            _nothing,
        ),
    )
}
