"""Many seeds on several processes, and the figures of them all."""

import gc
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from tests.faults.simulation import setting

PROCESSES = 2
# The order of a set of texts would be another in every process.
HASHES = {"PYTHONHASHSEED": "0"}
FIGURES = (
    ("crashes", "workers that died"),
    ("pauses", "workers that stood still"),
    ("long_pauses", "of these longer than the lease"),
    ("stale_refused", "stale workers refused"),
    ("ambiguous", "answers that were lost or made no sense"),
    ("commits_cut", "commits that failed, done or not"),
    ("messages_lost", "messages lost"),
    ("messages_doubled", "messages doubled and late"),
    ("lags", "changes that showed late"),
    ("edits", "edits by others"),
    ("leavers", "people who left"),
    ("jobs_cancelled", "imports cancelled"),
    ("revocations", "keys revoked"),
    ("stops", "runs stopped"),
    ("bad_queries_held", "bad queries held"),
    ("approvals", "plans approved"),
    ("decisions", "decisions of a person"),
    ("second_lists_flagged", "second lists, flagged"),
    ("calls", "calls"),
    ("writes", "of these writes"),
)
VERDICTS = (
    ("lists that differ", "I1"),
    ("people outside of a plan", "I2"),
    ("removals nobody let pass", "I3"),
    ("two runs of a list", "I4"),
    ("stale writes", "I5"),
    ("rows lost", "I6"),
    ("runs stuck", "I7"),
    ("second lists unnoticed", "I8"),
    ("keys of another account", "I9"),
)


@dataclass
class Figures:
    """What so many seeds came to. `wrong` is seed → violation."""

    seeds: int = 0
    seconds: float = 0.0
    met: Counter[str] = field(default_factory=Counter)
    wrong: dict[int, str] = field(default_factory=dict)

    def told(self) -> str:
        lines = [
            f"{self.seeds:,} seeds in {self.seconds:,.0f} s ({self.seconds / max(self.seeds, 1):.2f} s each)"
        ]
        lines += [f"{self.met[name]:>9,} {words}" for name, words in FIGURES]
        ended = {name: number for name, number in sorted(self.met.items()) if name.startswith("ended_")}
        lines.append(
            "          runs: " + ", ".join(f"{number:,} {name[6:]}" for name, number in ended.items())
        )
        found = Counter(text.partition(":")[0] for text in self.wrong.values())
        lines += [f"{found.pop(code, 0):>9,} {words} ({code})" for words, code in VERDICTS]
        lines.append(f"{sum(found.values()):>9,} anything else")
        lines += [f"seed {seed}: {text}" for seed, text in sorted(self.wrong.items())[:20]]
        return "\n".join(lines)


def same_hashes() -> None:
    """Begin again with fixed hashes, unless this process has them."""
    if any(os.environ.get(name) != value for name, value in HASHES.items()):
        os.environ.update(HASHES)
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def run(
    seeds: Sequence[int],
    *,
    mutant: str = "",
    processes: int = PROCESSES,
    told: Callable[[str], None] = print,
    until_wrong: bool = False,
) -> Figures:
    """Live through the seeds and return their figures; `until_wrong` stops at the first that is."""
    began = time.monotonic()
    figures = Figures()
    for seed, violation, met in _outcomes(seeds, mutant, processes):
        figures.seeds += 1
        figures.met.update(met)
        if violation:
            figures.wrong[seed] = violation
            if until_wrong:
                break
        if figures.seeds % 500 == 0:
            told(f"{figures.seeds:,} seeds, {len(figures.wrong)} wrong, {time.monotonic() - began:,.0f} s")
    figures.seconds = time.monotonic() - began
    return figures


def story(name: str, *, mutant: str = "") -> str:
    """Tell every variant of a story in a process of its own; return the first violation, '' for none."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1, initializer=_begin, initargs=(mutant,)) as pool:
        return pool.apply(tell, (name,))


def tell(name: str, *, variants: int = 100) -> str:
    """Tell the variants of a story in this process, which is made ready; return the first violation."""
    if _broken:
        raise RuntimeError(_broken)
    from tests.faults.simulation.seed import play
    from tests.faults.simulation.stories import STORIES

    found = STORIES[name]
    for variant in range(min(found.variants, variants)):
        if violation := play(variant, tale=found.tale, fate=found.fate(variant)).violation:
            return violation
    return ""


Told = tuple[int, str, Counter[str]]


def _outcomes(seeds: Sequence[int], mutant: str, processes: int) -> Iterable[Told]:
    context = multiprocessing.get_context("spawn")
    with context.Pool(processes, initializer=_begin, initargs=(mutant,)) as pool:
        yield from pool.imap_unordered(_play, seeds, chunksize=4)


_broken = ""


def _begin(mutant: str) -> None:
    """Make a process of a pool ready; a pool would start others for ever in place of one that fails here."""
    global _broken
    try:
        begin(mutant)
    except Exception as error:
        _broken = f"{type(error).__name__}: {error}"


def begin(mutant: str = "") -> None:
    """Make a process ready for seeds, with one mechanism switched off when one is named."""
    import atexit

    setting.prepare()
    atexit.register(setting.end)
    if mutant:
        from tests.faults.mutants import MUTANTS

        MUTANTS[mutant].switch_off()
    # Everything imported stays; looking through it again and again takes a tenth of the time.
    gc.collect()
    gc.freeze()


def _play(seed: int) -> Told:
    if _broken:
        raise RuntimeError(_broken)
    from tests.faults.simulation.seed import play

    outcome = play(seed)
    return seed, outcome.violation, outcome.met
