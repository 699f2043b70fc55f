"""One row of the table, as it is handed on and printed."""

from dataclasses import asdict, dataclass
from enum import StrEnum


class End(StrEnum):
    """What a way out comes to: a list read back and equal, or a run given up or left as it is on purpose."""

    VERIFIED = "verified"
    GIVEN_UP = "given up"
    LEFT = "left as it is"


@dataclass(frozen=True)
class Row:
    """What is printed of one proof; `trouble` is '' when it holds."""

    code: str
    reason: str
    resolution: str
    provoked: str
    outside: str
    pressed: str
    came_to: str
    verified: bool
    end: str
    seconds: float
    trouble: str = ""

    @property
    def is_proved(self) -> bool:
        return not self.trouble

    def as_dict(self) -> dict[str, object]:
        return asdict(self)
