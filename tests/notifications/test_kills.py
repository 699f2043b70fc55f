"""kill -9 of the dispatcher between sending and writing it down: at least once, at most twice, none missing.

`NOTICE_KILLS=100 NOTICE_SEED=7` says how many kills and which; a hundred are the long form.
"""

import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import IO

import pytest

from notifications import outbox
from notifications.models import Message
from notifications.timing import MOST_AN_HOUR
from tests.flows.processes import environment
from tests.notifications.conftest import a_channel, a_notice
from tests.notifications.receivers import Webhook

KILLS = int(os.environ.get("NOTICE_KILLS", "20"))
SEED = int(os.environ.get("NOTICE_SEED", "1"))


class Killer:
    """Kills the dispatcher while a message that was never heard before is at the receiver, unanswered."""

    def __init__(self, chance: random.Random) -> None:
        self.kills = 0
        self._chance, self._known, self._lock = chance, set(), threading.Lock()
        self._pid, self._spared = 0, 0

    def aim(self, pid: int) -> None:
        with self._lock:
            self._pid, self._spared = pid, self._chance.randrange(2)

    def heard(self, message: str) -> None:
        with self._lock:
            is_new = message not in self._known
            self._known.add(message)
            if not is_new or not self._pid or self.kills >= KILLS:
                return
            if self._spared:
                self._spared -= 1
                return
            os.kill(self._pid, signal.SIGKILL)
            self.kills, self._pid = self.kills + 1, 0


@pytest.fixture
def dispatchers() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.notifications.child"],
        env={**os.environ, **environment()},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    yield process
    assert process.stdin
    process.stdin.close()
    process.wait(timeout=30)


def run_one(process: subprocess.Popen[str], killer: Killer, ahead: float) -> float:
    """Let one dispatcher work to its end or its death; return how far the clock of the next runs ahead."""
    line_in, line_out = _pipes(process)
    line_in.write(f"{ahead}\n")
    line_in.flush()
    killer.aim(int(line_out.readline()))
    ended, over = line_out.readline().split()
    assert int(ended) in (0, -signal.SIGKILL)
    return float(over)


def _pipes(process: subprocess.Popen[str]) -> tuple[IO[str], IO[str]]:
    assert process.stdin
    assert process.stdout
    return process.stdin, process.stdout


@pytest.mark.timeout(60 + 20 * KILLS)
@pytest.mark.django_db(transaction=True)
def test_each_alert_is_sent_once_or_twice_and_none_is_missing(hook: Webhook, dispatchers):
    # Each kill takes one alert of its own, of one or two that are sent.
    rounds = -(-2 * KILLS // MOST_AN_HOUR)
    for _ in range(rounds):
        a_channel(hook.url)
    begun = datetime.now(UTC) - timedelta(seconds=1)
    for _ in range(MOST_AN_HOUR):
        outbox.post(a_notice(), now=begun)
    killer = Killer(random.Random(SEED))
    hook.heard = killer.heard

    ahead = 0.0
    while Message.objects.filter(sent_at__isnull=False).count() < rounds * MOST_AN_HOUR:
        ahead = run_one(dispatchers, killer, ahead)

    heard = Counter(hook.ids)
    assert killer.kills == KILLS
    assert len(heard) == rounds * MOST_AN_HOUR == Message.objects.count()
    assert Counter(heard.values()) == {1: len(heard) - KILLS, 2: KILLS}
