"""The story of one seed, decided before it begins: who should be on the list, and what people do."""

import random
from dataclasses import dataclass, field
from typing import Any

from tests.faults.simulation.misfortunes import chance

LIST = "VIP"
BAD_QUERY_SHARE = 0.15
TIERS = ("gold", "silver", "bronze")
BROKEN = ("nobody", "a@b", "@example.org", "")
FREE = {"approve_first_run": False, "max_removed_share": 1.0}


@dataclass(frozen=True)
class Row:
    """One row of the query."""

    email: str
    tier: str


@dataclass(frozen=True)
class Turn:
    """One run: what the query gives, and what it gives `at_first` when it is bad.

    `leavers` leave the list before it, `edits` are (seconds after its start, who, what) and `stop_after` is
    when somebody asks it to stop; `rest_after` is the time to the next run where that is not left to chance.
    """

    rows: tuple[Row, ...]
    at_first: tuple[Row, ...] | None
    leavers: int
    edits: tuple[tuple[float, str, str], ...]
    stop_after: float | None
    source_fails: int
    rest_after: float | None = None

    @property
    def wanted(self) -> dict[str, str]:
        """Return tier by address of those that can be sent."""
        return {row.email: row.tier for row in self.rows if row.email not in BROKEN}


@dataclass(frozen=True)
class Tale:
    """Everything about one seed that is not fate.

    `has_twin`: there is a second list of that name. At `flood_at` somebody puts many people on the list by
    hand, and at `presses_at` somebody starts the run that runs already; both in seconds. `lags` are (seconds,
    lag): from then on new imports wait for so many seconds.
    """

    seed: int
    workers: int
    people: int
    list_exists: bool
    listed: tuple[str, ...]
    full_profile: bool
    mode: str
    guards: dict[str, Any]
    one_by_one: bool
    small_list: int
    tested: bool
    imports: dict[str, Any]
    cancels_jobs_at: float | None
    revokes_at: float | None
    wrong_key_first: bool
    has_twin: bool
    flood_at: float | None
    presses_at: float | None
    refused: tuple[str, ...]
    calm_after: float
    turns: tuple[Turn, ...] = field(default=())
    lags: tuple[tuple[float, float], ...] = ()


def tell(seed: int) -> Tale:
    """Return the story of a seed."""
    dice = chance(seed, "tale")
    people = dice.randint(20, 90) if dice.random() < 0.8 else dice.randint(90, 300)
    everyone = [f"person{number}@example.org" for number in range(people)]
    listed = dice.sample(everyone, k=int(people * dice.choice([0.0, 0.3, 0.7])))
    first = _rows(dice, dice.sample(everyone, k=int(people * dice.uniform(0.4, 0.9))))
    second = _changed(dice, first, everyone)
    bad = dice.randrange(2) if dice.random() < BAD_QUERY_SHARE else None
    return Tale(
        seed=seed,
        workers=dice.choice([2, 2, 3]),
        people=people,
        list_exists=dice.random() < 0.6,
        listed=tuple(listed),
        full_profile=dice.random() < 0.3,
        mode=dice.choices(["mirror", "add_only"], [9, 1])[0],
        guards=dice.choice([{}, FREE, {"approve_first_run": False}]),
        one_by_one=dice.random() < 0.4,
        small_list=dice.choice([10_000, 10_000, 15]),
        tested=dice.random() < 0.9,
        imports={
            "lag_seconds": dice.choices([0.0, 2.0, 30.0, 90.0, 2_500.0], [60, 15, 15, 8, 2])[0],
            "rows_per_second": dice.choice([None, None, 20.0, 5.0]),
            "settle_seconds": dice.choice([0.0, 0.0, 3.0, 10.0]),
            "pointers": dice.random() < 0.7,
            "fail": ["person3[0-9]@"] if dice.random() < 0.15 else [],
        },
        cancels_jobs_at=dice.uniform(5, 200) if dice.random() < 0.1 else None,
        revokes_at=dice.uniform(0, 300) if dice.random() < 0.1 else None,
        wrong_key_first=dice.random() < 0.4,
        has_twin=dice.random() < 0.04,
        flood_at=dice.uniform(2, 60) if dice.random() < 0.08 else None,
        presses_at=dice.uniform(0, 60) if dice.random() < 0.15 else None,
        refused=("spo/ilt@example.org",) if dice.random() < 0.12 else (),
        calm_after=dice.uniform(300, 2_400),
        turns=(_turn(dice, first, bad == 0, later=False), _turn(dice, second, bad == 1, later=True)),
    )


def _rows(dice: random.Random, emails: list[str]) -> list[Row]:
    return [Row(email, dice.choice(TIERS)) for email in emails]


def _changed(dice: random.Random, rows: list[Row], everyone: list[str]) -> list[Row]:
    """Return the query's rows a day later: some gone, some changed, some new."""
    gone = dice.choice([0.0, 0.05, 0.15, 0.5])
    kept = [
        row if dice.random() < 0.9 else Row(row.email, dice.choice(TIERS))
        for row in rows
        if dice.random() >= gone
    ]
    known = {row.email for row in kept}
    fresh = [email for email in everyone if email not in known and dice.random() < dice.choice([0.1, 0.5])]
    return kept + _rows(dice, fresh)


def _turn(dice: random.Random, rows: list[Row], bad: bool, *, later: bool) -> Turn:
    if dice.random() < 0.2:
        rows = [*rows, *(Row(email, "gold") for email in dice.sample(BROKEN, k=2))]
    at_first = None
    if bad:
        at_first = tuple(rows[: dice.choice([0, len(rows) // 10])])
    edits = []
    if dice.random() < 0.25:
        for _ in range(dice.randint(1, 4)):
            edits.append(
                (dice.uniform(0, 240), dice.choice(["stranger", "member"]), dice.choice(["joins", "leaves"]))
            )
    return Turn(
        rows=tuple(rows),
        at_first=at_first,
        leavers=dice.randint(0, 3) if later else 0,
        edits=tuple(sorted(edits)),
        stop_after=dice.uniform(1, 400) if dice.random() < 0.12 else None,
        source_fails=dice.choice([0, 0, 0, 0, 1]),
    )
