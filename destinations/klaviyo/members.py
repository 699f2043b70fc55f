"""Reading who is on a list: several cursors at once, in slices, into one file.

One cursor is as slow as a round trip for every 100 members. So a cursor with nothing to do takes over the
upper half of what another still has to read, until the account's pace is the only limit.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from destinations.calls import Call
from destinations.errors import DeliveryError, HoldOn, Rejected, RetryLater
from destinations.gateway import READERS, Finished, Gateway
from destinations.klaviyo import payloads
from destinations.klaviyo.answers import Member, MemberPage, Odd
from destinations.klaviyo.client import member_page
from destinations.klaviyo.parts import Parts, joined_text
from destinations.klaviyo.ranges import Range, split

# A short list is read by one cursor; each takes a while to be worth another.
_PAGES_PER_CURSOR = 5
_TROUBLES_IN_A_ROW = 3
_MOST_RESTARTS = 20
_FORM = 1


@dataclass(frozen=True)
class Reading:
    """How far the reading of a list is.

    When `done`, `into` holds `members` people, each once, and `state` is None. Else `members` counts rows so
    far, `state` continues in the next slice, not before `hold_until` if that is set; `trouble` is why it
    stopped when neither time nor pace was the reason. `highest_joined` is UTC text that sorts, '' for nobody.
    """

    done: bool
    members: int
    pages: int
    state: dict[str, Any] | None
    highest_joined: str
    hold_until: datetime | None = None
    trouble: RetryLater | None = None


def read(
    gateway: Gateway,
    list_id: str,
    *,
    into: Path,
    key_of: Callable[[str], str | None],
    until: Callable[[], bool],
    since: datetime | None = None,
    state: dict[str, Any] | None = None,
) -> Reading:
    """Read the members of a list, or those who joined `since`, into a Parquet file.

    Its columns are key, profile_id, email, joined_at (see `parts.SCHEMA`); `key_of` gives None for an address
    it refuses. Pages are asked for while `until()` is False; what was read is kept in parts beside `into`.
    Raises NeedsDecision and Rejected; then the reading goes on from the last `state`.
    """
    if state is None or state.get("form") != _FORM or not _has_parts(state, into):
        low = None if since is None else since.replace(microsecond=0)
        state = {
            "ranges": [Range(low, None, None).to_state()],
            "parts": [],
            "pages": 0,
            "rows": 0,
            "highest": "",
        }
    reader = _Reader(gateway, list_id, Parts(into, state["parts"], key_of), state)
    try:
        reader.run(until)
    except BaseException:
        gateway.discard()
        raise
    return reader.result()


def _has_parts(state: dict[str, Any], into: Path) -> bool:
    return all(into.with_name(name).exists() for name in state["parts"])


class _Reader:
    """One slice of a reading."""

    def __init__(self, gateway: Gateway, list_id: str, parts: Parts, state: dict[str, Any]) -> None:
        self._gateway = gateway
        self._list_id = list_id
        self._parts = parts
        self._ranges = [Range.from_state(saved) for saved in state["ranges"]]
        self._pages: int = state["pages"]
        self._rows: int = state["rows"]
        self._highest: str = state["highest"]
        self._flying: dict[Call, Range] = {}
        self._stopping = False
        self._hold_until: datetime | None = None
        self._trouble: RetryLater | None = None
        self._troubles = 0
        self._restarts = 0

    def run(self, until: Callable[[], bool]) -> None:
        """Ask for pages until everything is read, it is time to stop, or something is in the way."""
        while True:
            self._ask(until)
            if not self._flying:
                return
            self._take(self._gateway.finish())

    def result(self) -> Reading:
        """Write down what was read."""
        if self._ranges:
            self._parts.flush()
            state = {
                "form": _FORM,
                "ranges": [each.to_state() for each in self._ranges],
                "parts": self._parts.names,
                "pages": self._pages,
                "rows": self._rows,
                "highest": self._highest,
            }
            return Reading(
                False, self._rows, self._pages, state, self._highest, self._hold_until, self._trouble
            )
        return Reading(True, self._parts.gather(), self._pages, None, self._highest)

    def _ask(self, until: Callable[[], bool]) -> None:
        wanted = min(READERS, 1 + self._pages // _PAGES_PER_CURSOR)
        while not self._stopping and len(self._flying) < wanted:
            if until():
                self._stopping = True
                return
            idle = (each for each in self._ranges if not each.flying)
            found = next(idle, None) or split(self._ranges, self._gateway.now())
            if found is None or not self._start(found):
                return

    def _start(self, found: Range) -> bool:
        call = payloads.members(self._list_id, since=found.low, before=found.asked, cursor=found.cursor)
        try:
            self._gateway.start(call)
        except HoldOn as hold:
            self._stopping, self._hold_until = True, hold.until
            return False
        found.flying = True
        self._flying[call] = found
        return True

    def _take(self, finished: Finished) -> None:
        found = self._flying.pop(finished.call)
        found.flying = False
        error: DeliveryError | None = finished.error
        if finished.answer is not None:
            try:
                self._keep(found, member_page(finished.answer))
            except Odd as odd:
                error = odd
        if error is None:
            self._troubles = 0
        else:
            self._recover(found, error)

    def _keep(self, found: Range, page: MemberPage) -> None:
        _check_order(page.members, found.at)
        if page.cursor and page.cursor == found.cursor:
            raise Odd("end of its pages")
        high = found.high
        mine = [member for member in page.members if high is None or member.joined_at < high]
        self._parts.add(mine)
        self._pages += 1
        self._rows += len(mine)
        if mine:
            self._highest = max(self._highest, joined_text(mine[-1].joined_at))
        if page.members:
            found.at = page.members[-1].joined_at
        found.cursor = page.cursor
        if not page.cursor or len(mine) < len(page.members):
            self._ranges.remove(found)

    def _recover(self, found: Range, error: DeliveryError) -> None:
        if isinstance(error, Rejected) and error.code == "invalid_cursor" and self._restarts < _MOST_RESTARTS:
            self._restarts += 1
            found.restart()
        elif not isinstance(error, RetryLater):
            raise error
        elif error.code != "throttled":
            self._troubles += 1
            if self._troubles >= _TROUBLES_IN_A_ROW:
                self._stopping, self._trouble = True, error


def _check_order(members: tuple[Member, ...], at: datetime | None) -> None:
    """Raise Odd unless the page is in order of joining; ranges rest on that."""
    moments = [member.joined_at for member in members]
    if at is not None:
        moments.insert(0, at)
    if any(later < earlier for earlier, later in pairwise(moments)):
        raise Odd("order")
