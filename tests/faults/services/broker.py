"""Trials of the broker: flushed, gone, full, telling everything five times, and cutting every connection."""

import json
import random
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import redis

from tests.faults.services.crew import PATIENCE_SECONDS, Crew
from tests.flows.processes import until
from tests.flows.watching import DELIVERIES, picture, until_over
from tests.flows.world import people
from workflows import tasks
from workflows.models import Workflow

QUEUE = "rollcall"
CATCH_UP_SECONDS = 10.0


def flushed(crew: Crew, *, times: int, seed: int) -> Mapping[str, object]:
    """FLUSHALL at random points of runs, half of the time with every connection cut as well."""
    chance = random.Random(seed)
    again = runs = 0
    with crew.at_work(), crew.talk() as broker:
        left = times
        while left:
            company, points = crew.company(), sorted(chance.choices(range(DELIVERIES), k=min(left, 4)))
            workflow = crew.delivering(company, points[0], slow=0.1)
            for point in points:
                crew.reached(company, point)
                broker.flushall()
                if chance.random() < 0.5:
                    broker.client_kill_filter(_type="normal", skipme=True)
            again += crew.over(company, workflow)
            left, runs = left - len(points), runs + 1
    return {"runs": runs, "lost": 0, "requests sent again": again}


def stopped(crew: Crew, *, times: int, seconds: float) -> Mapping[str, object]:
    """Killed in the middle of a run, and started again empty; then a run begins while it is away."""
    slowest, again = 0.0, 0
    for _ in range(times):
        with crew.at_work():
            company, other = crew.company(), crew.company()
            workflow = crew.delivering(company, 2)
            crew.broker.stop()
            try:
                waiting = other.start()
                _stays_away(seconds)
            finally:
                crew.broker.start()
            slowest = max(slowest, _until_claimed(waiting))
            again += crew.over(company, workflow) + crew.over(other, waiting)
    assert slowest <= CATCH_UP_SECONDS, f"went on {slowest:.1f} s after it was back"
    return {
        "away (s)": seconds,
        "runs": 2 * times,
        "lost": 0,
        "requests sent again": again,
        "slowest catch-up (s)": round(slowest, 1),
    }


def full(crew: Crew, *, times: int, seconds: float) -> Mapping[str, object]:
    """Refusing every write for a while, as one that has no memory left; a run begins meanwhile."""
    slowest, again, refused = 0.0, 0, 0
    with crew.at_work(), crew.talk() as broker:
        broker.config_set("maxmemory-policy", "noeviction")
        for _ in range(times):
            company, other = crew.company(), crew.company()
            workflow = crew.delivering(company, 2)
            broker.config_set("maxmemory", "1")
            try:
                waiting = other.start()
                refused += not tasks.ring(waiting.pk)
                _stays_away(seconds)
            finally:
                broker.config_set("maxmemory", "0")
            slowest = max(slowest, _until_claimed(waiting))
            again += crew.over(company, workflow) + crew.over(other, waiting)
    assert refused == times, "a full broker took a message"
    assert slowest <= CATCH_UP_SECONDS, f"went on {slowest:.1f} s after it had room"
    return {
        "refused for (s)": seconds,
        "runs": 2 * times,
        "lost": 0,
        "requests sent again": again,
        "slowest catch-up (s)": round(slowest, 1),
    }


def redelivering(crew: Crew, *, times: int, seed: int) -> Mapping[str, object]:
    """Every message five times, shuffled and late; and all of them once more when the runs are over."""
    extra = again = 0
    with crew.at_work(), crew.talk() as broker:
        for number in range(times):
            company = crew.company()
            with _told_five_times(crew.broker.url, random.Random(seed + number)) as echo:
                workflow = crew.delivering(company, 1, slow=0.2)
                again += crew.over(company, workflow)
            before = picture(workflow)
            assert echo.heard, "no message was overheard"
            echo.all_again()
            extra += echo.sent
            # Messages are taken in turn: when a later one has been worked on, these have been.
            until_over(company.start(), seconds=PATIENCE_SECONDS)
            until(lambda: broker.llen(QUEUE) == 0, why="messages lie about", seconds=PATIENCE_SECONDS)
            assert picture(workflow) == before, "a late message changed a run that was over"
    return {"runs": times, "extra messages": extra, "effects of them": 0, "requests sent again": again}


def cut(crew: Crew, *, times: int) -> Mapping[str, object]:
    """Cut every connection to the broker; each time both workers listen again, and a run gets done."""
    slowest = 0.0
    with crew.at_work(), crew.talk() as broker:
        company = crew.company()
        until_over(company.start(), seconds=PATIENCE_SECONDS)
        until(lambda: _listening(broker) == 2, why="a worker does not listen")
        for number in range(times):
            known = {client["id"] for client in broker.client_list()}
            broker.client_kill_filter(_type="normal", skipme=True)
            cut_at = time.monotonic()
            until(
                lambda: _listening(broker, but=known) == 2,  # noqa: B023 - used at once
                why=f"a worker does not listen after cut {number + 1}",
                seconds=PATIENCE_SECONDS,
            )
            slowest = max(slowest, time.monotonic() - cut_at)
            company.write(people(100 + number % 2))
            workflow = company.start()
            tasks.ring(workflow.pk)
            until_over(workflow, seconds=PATIENCE_SECONDS)
    return {"consumed again": times, "slowest to listen again (s)": round(slowest, 1)}


def _listening(broker: redis.Redis, *, but: set[str] = frozenset()) -> int:  # type: ignore[assignment]
    """How many workers wait for messages, on connections other than those."""
    return sum(client["cmd"] == "brpop" and client["id"] not in but for client in broker.client_list())


def _until_claimed(workflow: Workflow) -> float:
    """Wait until a worker has taken a workflow; return after how many seconds."""
    since = time.monotonic()
    taken = Workflow.objects.filter(pk=workflow.pk, fence__gt=0)
    until(taken.exists, why="nobody went on", seconds=PATIENCE_SECONDS)
    return time.monotonic() - since


def _stays_away(seconds: float) -> None:
    """The trial is that something is away for so long."""
    time.sleep(seconds)


class _Echo:
    """Overhears what is put into the queue, and puts it there again: four times at once, five times later."""

    END = "the echo is over"

    def __init__(self, url: str, chance: random.Random) -> None:
        self.url = url
        self.broker = redis.Redis.from_url(url, decode_responses=True)
        self.chance = chance
        self.heard: list[str] = []
        self.sent = 0
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.listens = threading.Event()

    def begin(self) -> None:
        self.thread.start()
        self.listens.wait(5)

    def end(self) -> None:
        self.broker.publish(self.END, "")
        self.thread.join(10)

    def _listen(self) -> None:
        known, late = set(), []
        with redis.Redis.from_url(self.url, decode_responses=True).monitor() as overheard:
            self.listens.set()
            for told in overheard.listen():
                command = told["command"]
                if self.END in command:
                    break
                name, _, message = command.partition(f" {QUEUE} ")
                if name.upper() != "LPUSH" or message in known or not _is_whole(message):
                    continue
                known.add(message)
                self.heard.append(message)
                late += [message] * 4
                if self.chance.random() < 0.3:
                    self._put(late)
                    late = []
        self._put(late)

    def all_again(self) -> int:
        """Put everything that was heard there five times more; return how many messages that is."""
        every = self.heard * 5
        self._put(every)
        return len(every)

    def _put(self, messages: list[str]) -> None:
        for message in self.chance.sample(messages, len(messages)):
            self.broker.lpush(QUEUE, message)
            self.sent += 1


def _is_whole(message: str) -> bool:
    try:
        return "headers" in json.loads(message)
    except ValueError:
        return False


@contextmanager
def _told_five_times(url: str, chance: random.Random) -> Iterator[_Echo]:
    echo = _Echo(url, chance)
    echo.begin()
    try:
        yield echo
    finally:
        echo.end()
