"""What a trial comes to, and the table of all of them."""

import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """What was tried, how often, the figures it came to, and what was wrong ('' when nothing was)."""

    fault: str
    times: int
    figures: Mapping[str, object]
    wrong: str = ""
    seconds: float = 0.0

    def line(self, width: int) -> str:
        told = ", ".join(f"{name} {value}" for name, value in self.figures.items())
        verdict = "ok" if not self.wrong else "FAILED"
        end = f"\n{'':<{width}}         {self.wrong}" if self.wrong else ""
        return f"{self.fault:<{width}}  {self.times:>5}  {verdict:<6}  {told}  ({self.seconds:.0f} s){end}"


def tried(fault: str, times: int, trial: Callable[[], Mapping[str, object]]) -> Row:
    """Run a trial. What it raises is what was wrong."""
    began = time.monotonic()
    try:
        figures, wrong = trial(), ""
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        figures, wrong = {}, f"{type(error).__name__}: {error} ({place.name}, line {place.lineno})"
    return Row(fault, times, figures, wrong, time.monotonic() - began)
