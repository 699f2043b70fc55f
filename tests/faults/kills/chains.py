"""Which kills there are, and how many of them one run takes; plain rules and the table at the end."""

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

MOMENTS = (
    "claimed",
    "step_started",
    "before_send",
    "after_send",
    "after_record",
    "pulse",
    "before_finish",
    "after_finish",
    "released",
)
# So many workers die in one run.
MOST_IN_A_RUN = 12
# Before anything was done in a step, and when it is over: whoever dies there leaves the step as it was, so
# that another can die in its middle in the same run.
BEFORE, AFTER = ("claimed", "step_started"), ("after_finish", "released")


@dataclass(frozen=True)
class Moment:
    """One moment of a run without faults: the `number`-th of its name in the step `key`."""

    key: str
    kind: str
    name: str
    number: int


@dataclass(frozen=True)
class Kill:
    """A worker's death at a moment of a run of a scene; `place` is how far into the run that is."""

    scene: str
    moment: Moment
    seed: int
    place: int

    @property
    def cell(self) -> tuple[str, str]:
        return self.moment.kind, self.moment.name

    @property
    def part(self) -> tuple[str, str]:
        """The beginning, middle or end of its step; in each of them one worker may die in a run."""
        name = self.moment.name
        return self.moment.key, "before" if name in BEFORE else "after" if name in AFTER else "middle"

    @property
    def told(self) -> str:
        return f"{self.moment.key} {self.moment.name} {self.moment.number}"


@dataclass(frozen=True)
class Played:
    """What came of a chain of kills in one run; `problems` is empty when all is well.

    `unmet` kills were never reached. `repeated` requests were sent again, of which `resent` belonged to
    finished steps.
    """

    scene: str
    kills: tuple[Kill, ...]
    unmet: tuple[Kill, ...] = ()
    problems: tuple[str, ...] = ()
    resumes: tuple[float, ...] = ()
    repeated: int = 0
    resent: int = 0
    seconds: float = 0.0


def numbered(trace: Iterable[tuple[str, str, str]]) -> list[Moment]:
    """Number the moments (key, kind, name) of a run, in their order."""
    seen: Counter[tuple[str, str]] = Counter()
    moments = []
    for key, kind, name in trace:
        seen[key, name] += 1
        moments.append(Moment(key, kind, name, seen[key, name]))
    return moments


def choose(runs: Mapping[str, Sequence[Moment]], seeds: int, *, only: str = "") -> list[Kill]:
    """Choose a kill for every kind, moment and seed there is; `only` is `kind` or `kind:moment`."""
    cells: dict[tuple[str, str], list[tuple[str, int]]] = defaultdict(list)
    for scene, moments in runs.items():
        for place, moment in enumerate(moments):
            if only in ("", moment.kind, f"{moment.kind}:{moment.name}"):
                cells[moment.kind, moment.name].append((scene, place))
    kills = []
    for (kind, name), places in sorted(cells.items()):
        for seed in range(seeds):
            chance = random.Random(f"{kind} {name} {seed}")
            # The same number of kills for each scene that knows the step, however often it comes there.
            scene = chance.choice(sorted({scene for scene, _ in places}))
            place = chance.choice([place for at, place in places if at == scene])
            kills.append(Kill(scene, runs[scene][place], seed, place))
    return kills


def chained(kills: Iterable[Kill], most: int = MOST_IN_A_RUN) -> list[tuple[Kill, ...]]:
    """Put kills together that one run can take: in different parts of its steps, in the order of the run."""
    left: dict[str, list[Kill]] = defaultdict(list)
    for kill in kills:
        left[kill.scene].append(kill)
    chains = []
    for scene, waiting in left.items():
        random.Random(scene).shuffle(waiting)
        while waiting:
            taken: dict[tuple[str, str], Kill] = {}
            for kill in waiting:
                if len(taken) < most:
                    taken.setdefault(kill.part, kill)
            chains.append(tuple(sorted(taken.values(), key=lambda kill: kill.place)))
            waiting = [kill for kill in waiting if kill is not taken.get(kill.part)]
    return chains


@dataclass
class Table:
    """The matrix of kind and moment: how many kills converged, of how many."""

    good: Counter[tuple[str, str]] = field(default_factory=Counter)
    all: Counter[tuple[str, str]] = field(default_factory=Counter)

    def count(self, played: Played) -> None:
        for kill in played.kills:
            self.all[kill.cell] += 1
            self.good[kill.cell] += not played.problems and kill not in played.unmet

    def lines(self, kinds: Sequence[str]) -> list[str]:
        width = max(map(len, [*kinds, "kind"]))
        head = f"{'kind':<{width}}  " + "  ".join(MOMENTS)
        return [head, "-" * len(head), *(self._line(kind, width) for kind in kinds)]

    def _line(self, kind: str, width: int) -> str:
        cells = [self._cell(kind, name).rjust(len(name)) for name in MOMENTS]
        return f"{kind:<{width}}  " + "  ".join(cells)

    def _cell(self, kind: str, name: str) -> str:
        killed, good = self.all[kind, name], self.good[kind, name]
        if not killed:
            return "·"
        return str(good) if good == killed else f"{good}/{killed}!"
