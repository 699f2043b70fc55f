"""An open line to the account of a test, and clocks that do not make anybody wait."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from destinations.clock import SystemClock
from destinations.klaviyo.service import Session, open_session
from simulator.control import Account


class PatientClock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment

    def sleep(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> PatientClock:
    return PatientClock()


@pytest.fixture
def session(db: None, klaviyo: Account) -> Iterator[Session]:
    with open_session(klaviyo.key, klaviyo.id, clock=SystemClock()) as opened:
        yield opened
