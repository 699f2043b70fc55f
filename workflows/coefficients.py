"""What is known of how fast things go: a cautious guess, until an account's own runs have taught better."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

# Runs that are remembered. An older one counts for less: accounts and servers change.
KEPT = 9
_DECAY = 0.8

# Beyond these a measurement says nothing about speed: a clock was set, or somebody stopped the machine.
_SHORTEST_SECONDS, _LONGEST_SECONDS = 0.0005, 86_400.0
_FEWEST_UNITS, _MOST_UNITS = 1.0, 1e12

# How firmly the guess's proportion of fixed to growing time is held while the runs say little about it. Runs
# of similar size cannot tell the two apart; runs of different sizes soon outvote it.
_FIRMNESS = 0.01
_WIDEST = 10.0

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Line:
    """`fixed` seconds once, and `each` seconds a unit; learned from `runs` runs, 0 for a guess."""

    fixed: float
    each: float
    runs: int = 0

    def seconds(self, units: float) -> float:
        return self.fixed + self.each * units


# Klaviyo states no figure for any of these. They are chosen rather too slow, so that a first run is not late,
# and such that without history 300,000 new people go by SFTP, 50,000 by import jobs and 20 one by one.
GUESSES: Mapping[str, Line] = {
    # Looking for the name, counting lists and segments ten a page, making the list. Unit: a list.
    "create": Line(0.0, 2.0),
    # One profile made or changed by a call of its own. Unit: a call.
    "upsert": Line(0.0, 0.3),
    # Up to 1,000 people put on, or taken off, by their ids. Unit: a call.
    "add": Line(0.0, 0.3),
    "remove": Line(0.0, 0.3),
    # One import job handed in, over a line of 2 MB a second. Unit: a byte.
    "submit": Line(0.3, 1 / 2_000_000),
    # A job waits for its turn, which is why Klaviyo advises against jobs for a few people. Unit: a profile.
    "import": Line(6.0, 1 / 500),
    # One CSV file: connecting and logging in, then 2 MB a second. Unit: a byte.
    "upload": Line(2.0, 1 / 2_000_000),
    # Klaviyo says nothing about when it reads a file: two minutes. Files are meant for more rows than jobs
    # are, so they are taken to go in faster. Unit: a row.
    "ingest": Line(120.0, 1 / 2_000),
    # Four cursors at 0.3 s a page, about as fast as the limits allow. Unit: a page of 100 members.
    "page": Line(0.0, 0.08),
    # Steps begun and ended, the pauses between two looks, outcomes and the ledger written. Unit: a change.
    "overhead": Line(3.0, 1 / 50_000),
}


@dataclass(frozen=True)
class Coefficients:
    """The lines of one account: learned where there is history, guessed where there is none."""

    learned: Mapping[str, Line] = field(default_factory=dict)

    def line(self, name: str) -> Line:
        return self.learned.get(name) or GUESSES[name]


NO_HISTORY = Coefficients()


def learned(runs: Mapping[str, Sequence[Points]]) -> Coefficients:
    """Return the coefficients that runs teach: for each name the points of each run, the oldest first."""
    return Coefficients({name: fit(GUESSES[name], seen) for name, seen in runs.items() if name in GUESSES})


def sane(points: Points) -> list[tuple[float, float]]:
    """Return the points (units, seconds) that can be true."""
    return [
        (units, seconds)
        for units, seconds in points
        if _FEWEST_UNITS <= units <= _MOST_UNITS and _SHORTEST_SECONDS <= seconds <= _LONGEST_SECONDS
    ]


def fit(guess: Line, runs: Sequence[Points]) -> Line:
    """Return the line through what runs have shown, the oldest first.

    One point cannot tell a fixed part from a growing one: then both keep the proportion they have in `guess`.
    Further points change that proportion as far as they differ in size. Medians throughout, so that one odd
    run among several does no harm.
    """
    kept = [found for run in runs if (found := sane(run))][-KEPT:]
    if not kept:
        return guess
    newest = len(kept) - 1
    points = [
        (units, seconds, _DECAY ** (newest - n)) for n, run in enumerate(kept) for units, seconds in run
    ]
    tilted = guess
    if guess.fixed and guess.each:
        tilted = _tilt(guess, _best_tilt(guess, points))
    scale = math.exp(_scale(tilted, points))
    return replace(tilted, fixed=tilted.fixed * scale, each=tilted.each * scale, runs=len(kept))


_Weighted = Sequence[tuple[float, float, float]]


def _best_tilt(guess: Line, points: _Weighted) -> float:
    """Return by how much the fixed part should weigh more than in `guess`, as a logarithm."""

    def cost(tilt: float) -> float:
        line = _tilt(guess, tilt)
        scale = _scale(line, points)
        misses = sum(weight * abs(_miss(line, units, seconds) - scale) for units, seconds, weight in points)
        return misses + _FIRMNESS * tilt * tilt

    step = 0.25
    coarse = min(_around(0.0, _WIDEST, step), key=cost)
    return min(_around(coarse, step, step / 25), key=cost)


def _around(middle: float, reach: float, step: float) -> list[float]:
    """Return places within `reach` of `middle`, the nearest first: of two as good, the nearer is taken."""
    places = range(round(reach / step) + 1)
    return [middle + sign * step * place for place in places for sign in (1, -1)]


def _tilt(line: Line, tilt: float) -> Line:
    return replace(line, fixed=line.fixed * math.exp(tilt / 2), each=line.each * math.exp(-tilt / 2))


def _scale(line: Line, points: _Weighted) -> float:
    return _median([(_miss(line, units, seconds), weight) for units, seconds, weight in points])


def _miss(line: Line, units: float, seconds: float) -> float:
    """How much longer it took than `line` says, as a logarithm."""
    return math.log(seconds / line.seconds(units))


def _median(weighted: Sequence[tuple[float, float]]) -> float:
    """Return the value with half of the weight on either side."""
    ordered = sorted(weighted)
    half = sum(weight for _, weight in ordered) / 2
    passed = 0.0
    for place, (value, weight) in enumerate(ordered):
        passed += weight
        if math.isclose(passed, half) and place + 1 < len(ordered):
            return (value + ordered[place + 1][0]) / 2
        if passed > half:
            break
    return value
