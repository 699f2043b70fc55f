"""Which part of a list each cursor reads: ranges of the moment of joining, split as cursors fall idle."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

# Klaviyo's moments of joining may be whole seconds; less than this cannot be split.
_NARROWEST = timedelta(seconds=2)


@dataclass
class Range:
    """Members who joined in `low` (included) to `high` (not), read in order of joining.

    `asked` is the upper bound the cursor began with: a cursor goes on with the filter it was made for, also
    after another cursor has taken the upper half. `at` is the last moment read.
    """

    low: datetime | None
    high: datetime | None
    asked: datetime | None
    cursor: str = ""
    at: datetime | None = None
    flying: bool = False

    @property
    def begun(self) -> bool:
        return bool(self.cursor)

    def restart(self) -> None:
        """Begin again at the last moment read; its members come twice and are counted once."""
        if self.at is not None:
            self.low = self.at.replace(microsecond=0)
        self.asked, self.cursor, self.at = self.high, "", None

    def to_state(self) -> list[str | None]:
        return [_text(self.low), _text(self.high), _text(self.asked), self.cursor, _text(self.at)]

    @classmethod
    def from_state(cls, saved: list[Any]) -> "Range":
        low, high, asked, cursor, at = saved
        return cls(_moment(low), _moment(high), _moment(asked), cursor, _moment(at))


def split(ranges: list[Range], now: datetime) -> Range | None:
    """Take the upper half of the widest range being read, for an idle cursor; None when all are narrow.

    Nothing is known about when people joined, and nothing needs to be: a half that turns out to be empty
    costs one request.
    """
    widest = max(
        (each for each in ranges if each.begun and each.at), key=lambda each: _width(each, now), default=None
    )
    if widest is None or widest.at is None or _width(widest, now) <= _NARROWEST:
        return None
    middle = (widest.at + _width(widest, now) / 2).replace(microsecond=0)
    if middle <= widest.at:
        return None
    upper = Range(low=middle, high=widest.high, asked=widest.high)
    widest.high = middle
    ranges.append(upper)
    return upper


def _width(each: Range, now: datetime) -> timedelta:
    # People join while we read, so the topmost range stays open.
    return (each.high or now) - (each.at or now)


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
