"""What goes wrong in one seed, and how often: every throw of the dice that is not part of the story."""

import random
from collections import Counter
from collections.abc import Mapping

# Ways a call over the wire may go, with their weights among calls that go wrong. Klaviyo has not been told
# (`unsent`, `lost`, `throttled`, `refused`), has done it (`heard`, `broke`, `nonsense`), or does it later.
READS = {"unsent": 2, "lost": 2, "throttled": 2, "refused": 2, "nonsense": 1}
WRITES = {
    "unsent": 1,
    "lost": 2,
    "heard": 3,
    "late": 3,
    "throttled": 2,
    "refused": 1,
    "broke": 2,
    "nonsense": 1,
}
LONGEST_LATENESS_SECONDS = 60.0


def chance(seed: int, of: str) -> random.Random:
    """Return dice of their own, so that a throw more for one thing changes nothing for another."""
    return random.Random(f"{seed}:{of}")


class Misfortunes:
    """Throws for one seed until it is `calm`. `met` counts what happened."""

    def __init__(self, seed: int, *, lease_seconds: float) -> None:
        self.calm = False
        self.met: Counter[str] = Counter()
        self._lease_seconds = lease_seconds
        self._dice = {name: chance(seed, name) for name in ("moment", "commit", "wire", "bell", "lag")}
        character = chance(seed, "character")
        self.dying = character.choice([0.0, 0.01, 0.02, 0.04])
        self.pausing = character.choice([0.0, 0.01, 0.02, 0.04])
        self.cutting = character.choice([0.0, 0.0, 0.002, 0.006])
        self.wiring = character.choice([0.0, 0.03, 0.08, 0.15])
        self.lagging = character.choice([0.0, 0.0, 0.3, 0.8])
        self.bell_loss = character.choice([0.0, 0.0, 0.3])

    def at(self, moment: str, *, about: str = "", writes: bool = False) -> float | None:
        """Return None to go on, the seconds of a pause, or -1.0 for the end of the worker.

        `about` is the endpoint of the call or the kind of the step at hand. `writes`: it is the moment of a
        call that changes something, which is where it hurts most.
        """
        if self.calm:
            return None
        dice = self._dice["moment"]
        throw = dice.random() / (4 if writes else 1)
        if throw < self.dying:
            self.met["crashes"] += 1
            return -1.0
        if throw < self.dying + self.pausing:
            self.met["pauses"] += 1
            if dice.random() < 0.5:
                self.met["long_pauses"] += 1
                return dice.uniform(self._lease_seconds + 1, self._lease_seconds * 5)
            return dice.uniform(0.1, self._lease_seconds)
        return None

    def commit(self) -> str:
        """Return whole, or how a commit goes wrong: undone or unknown (done, and nobody is told)."""
        if self.calm or not self.cutting:
            return "whole"
        throw = self._dice["commit"].random()
        if throw >= self.cutting:
            return "whole"
        self.met["commits_cut"] += 1
        return "undone" if throw < self.cutting / 2 else "unknown"

    def wire(self, *, is_read: bool, about: str = "") -> str:
        """Return how a call goes."""
        dice = self._dice["wire"]
        if self.calm or dice.random() >= self.wiring * (1 if is_read else 4):
            return "well"
        way = _one_of(dice, READS if is_read else WRITES)
        self.met["ambiguous"] += not is_read and way in (
            "lost",
            "heard",
            "late",
            "broke",
            "refused",
            "nonsense",
        )
        self.met[f"wire_{way}"] += 1
        return way

    def travel(self) -> float:
        return self._dice["wire"].uniform(0.01, 0.2)

    def lateness(self) -> float:
        return self._dice["wire"].uniform(0.5, LONGEST_LATENESS_SECONDS)

    def patience(self) -> float:
        """Seconds until a client knows that no answer comes: none if the line was cut, else its deadline."""
        return self._dice["wire"].choice([0.0, 30.0])

    def lag(self) -> float:
        """Seconds until a change shows in what is read."""
        dice = self._dice["lag"]
        if self.calm or dice.random() >= self.lagging:
            return 0.0
        self.met["lags"] += 1
        return dice.uniform(0.5, 20.0)

    def bells(self) -> list[float]:
        """Return the seconds after which a message arrives: nothing when it is lost, several when doubled."""
        dice = self._dice["bell"]
        if self.calm or not self.bell_loss:
            return [0.0]
        throw = dice.random()
        if throw < self.bell_loss:
            self.met["messages_lost"] += 1
            return []
        if throw < self.bell_loss + 0.2:
            self.met["messages_doubled"] += 1
            return [dice.uniform(0, 300) for _ in range(dice.randint(2, 4))]
        return [0.0]


def _one_of(dice: random.Random, weights: Mapping[str, int]) -> str:
    return dice.choices(list(weights), list(weights.values()))[0]
