"""What happened in one seed, line by line, and one digest of it all."""

import hashlib
from dataclasses import dataclass, field

from tests.faults.simulation.hub import Hub


@dataclass
class Trace:
    """Lines with the seconds since the beginning. None holds an id or a key that differs from run to run."""

    hub: Hub
    lines: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        self.lines.append(f"{self.hub.elapsed:10.3f} {text}")

    def digest(self) -> str:
        return hashlib.sha256("\n".join(self.lines).encode()).hexdigest()
