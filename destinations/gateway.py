"""The only way out: every call waits its turn, is announced, is sent, and its outcome is written down."""

from collections import defaultdict, deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import SystemRandom
from types import TracebackType
from typing import Protocol

from destinations import outage
from destinations.calls import Answer, Call
from destinations.clock import Clock
from destinations.errors import DeliveryError, RetryLater
from destinations.limiter import Limiter

MAX_WAIT = timedelta(seconds=20)
_random = SystemRandom()
READERS = 8
# A slot is for its moment; a later send would crowd those that were booked after it.
_SLOT_KEEPS = timedelta(milliseconds=100)
# Time for the intent to be written before its slot comes.
_LEAD = timedelta(milliseconds=50)
_MOST_SLOTS = 10
_LONGEST_PENALTY_SECONDS = 60.0


class Sends(Protocol):
    """Whatever sends a call, such as `destinations.transport.Transport`."""

    def send(self, call: Call) -> Answer: ...

    def close(self) -> None: ...


class Hooks(Protocol):
    """What the caller wants done around every call, in the thread that asked for it."""

    def before(self, call: Call) -> object:
        """Write the intent down and return a token for it; raise to stop the call from leaving."""

    def leaving(self, token: object) -> None:
        """Raise to stop an announced call in the very moment it would leave."""

    def after(self, token: object, outcome: DeliveryError | None, answer: Answer | None) -> None:
        """Write the outcome down; exactly one of `outcome` and `answer` is given."""


class NoHooks:
    """For calls that nobody needs to know of."""

    def before(self, call: Call) -> object:
        return None

    def leaving(self, token: object) -> None:
        return None

    def after(self, token: object, outcome: DeliveryError | None, answer: Answer | None) -> None:
        return None


@dataclass(frozen=True)
class Finished:
    """A concurrent read that is over: exactly one of `answer` and `error` is set."""

    call: Call
    answer: Answer | None = field(repr=False)
    error: DeliveryError | None


@dataclass(frozen=True)
class _Flight:
    """A call on its way: when it left, and the token its hook gave for it."""

    call: Call
    slot: datetime
    token: object


class Gateway:
    """Sends calls for one account at its pace. Use it as a context manager; it closes its threads.

    The limiter, the hooks and so the database are only used in the caller's thread; other threads do HTTP.
    """

    def __init__(
        self,
        transport: Sends,
        limiter: Limiter,
        clock: Clock,
        *,
        max_wait: timedelta = MAX_WAIT,
        hooks: Hooks | None = None,
        jitter: Callable[[], float] = _random.random,
    ) -> None:
        self._transport = transport
        self._limiter = limiter
        self._clock = clock
        self._max_wait = max_wait
        self._hooks: Hooks = hooks or NoHooks()
        self._jitter = jitter
        self._readers: ThreadPoolExecutor | None = None
        self._flying: dict[Future[Answer], _Flight] = {}
        self._slots: dict[str, deque[datetime]] = defaultdict(deque)
        self._appetite: dict[str, int] = defaultdict(lambda: 1)
        self._throttled: dict[str, int] = defaultdict(int)

    def send(self, call: Call) -> Answer:
        """Send a call when its turn comes and return its answer.

        Raises HoldOn when its turn is more than `max_wait` away, whatever the hooks raise, and the
        DeliveryError the answer means. Nothing is repeated here.
        """
        slot = self._limiter.reserve(call.endpoint, max_wait=self._max_wait)[0]
        flight = _Flight(call, slot, self._announce(call, slot))
        try:
            answer = self._transport.send(call)
        except DeliveryError as error:
            self._settle(flight, error, None)
            raise
        self._settle(flight, None, answer)
        return answer

    def start(self, call: Call) -> None:
        """Send a read without waiting for its answer; at most 8 fly at once.

        Raises HoldOn and whatever the hooks raise; what the answer means comes with `finish`.
        """
        if not call.is_read:
            raise ValueError(f"{call.endpoint} changes something and must be sent alone")
        if self.in_flight >= READERS:
            raise ValueError("too many reads at once")
        slot = self._slot(call.endpoint)
        flight = _Flight(call, slot, self._announce(call, slot))
        if self._readers is None:
            self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="destination-read")
        self._flying[self._readers.submit(self._transport.send, call)] = flight

    def now(self) -> datetime:
        """Return the time by the gateway's clock."""
        return self._clock.now()

    @property
    def in_flight(self) -> int:
        return len(self._flying)

    def finish(self) -> Finished:
        """Wait for any read that was started and return it. Raises LookupError when none was."""
        if not self._flying:
            raise LookupError("no read was started")
        done, _ = wait(self._flying, return_when=FIRST_COMPLETED)
        future = done.pop()
        flight = self._flying.pop(future)
        try:
            answer = future.result()
        except DeliveryError as error:
            self._settle(flight, error, None)
            return Finished(flight.call, None, error)
        self._settle(flight, None, answer)
        return Finished(flight.call, answer, None)

    def discard(self) -> None:
        """Wait for the reads that fly and forget them; each takes a transport's deadline at most."""
        wait(self._flying)
        self._flying.clear()

    def close(self) -> None:
        """Wait for what flies, return the slots nobody used, and close the threads and the connections."""
        self.discard()
        for endpoint in list(self._slots):
            self._give_back(endpoint)
        if self._readers is not None:
            self._readers.shutdown()
            self._readers = None
        self._transport.close()

    def __enter__(self) -> "Gateway":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _slot(self, endpoint: str) -> datetime:
        """Return a booked slot; reads book several at once, more the longer they go on."""
        slots = self._slots[endpoint]
        if slots and slots[0] < self._clock.now() - _SLOT_KEEPS:
            self._give_back(endpoint)
        if not slots:
            wanted = self._appetite[endpoint]
            slots.extend(self._limiter.reserve(endpoint, wanted, max_wait=self._max_wait))
            self._appetite[endpoint] = min(wanted * 2, _MOST_SLOTS)
        return slots.popleft()

    def _give_back(self, endpoint: str) -> None:
        """Return what was booked and not used; the times of the rest would crowd a late one."""
        self._limiter.give_back(endpoint, self._slots[endpoint])
        self._slots[endpoint].clear()

    def _announce(self, call: Call, slot: datetime) -> object:
        """Wait for the slot, with the intent written just before it comes."""
        self._sleep_until(slot - _LEAD)
        try:
            token = self._hooks.before(call)
        except Exception:
            # Nobody sends in this slot.
            self._limiter.give_back(call.endpoint, [slot])
            raise
        self._sleep_until(slot)
        self._hooks.leaving(token)
        return token

    def _sleep_until(self, moment: datetime) -> None:
        seconds = (moment - self._clock.now()).total_seconds()
        if seconds > 0:
            self._clock.sleep(seconds)

    def _settle(self, flight: _Flight, outcome: DeliveryError | None, answer: Answer | None) -> None:
        self._hooks.after(flight.token, outcome, answer)
        endpoint = flight.call.endpoint
        if outcome is not None and outcome.code in outage.FAILING:
            self._limiter.failed(chance=self._jitter())
        else:
            # A refusal is an answer too.
            self._limiter.worked()
        if answer is not None:
            self._throttled[endpoint] = 0
            self._limiter.note(endpoint, answer.headers, sent=flight.slot)
        elif isinstance(outcome, RetryLater) and outcome.code == "throttled":
            self._slow_down(endpoint, outcome.after)

    def _slow_down(self, endpoint: str, after: timedelta | None) -> None:
        """Stop every worker's calls to this endpoint for as long as asked, or for longer each time."""
        self._give_back(endpoint)
        self._throttled[endpoint] += 1
        if after is None:
            backoff = min(2.0 ** self._throttled[endpoint], _LONGEST_PENALTY_SECONDS)
            after = timedelta(seconds=backoff * self._jitter())
        # The seconds we are told are whole ones, rounded down.
        self._limiter.penalise(endpoint, self._clock.now() + after + timedelta(seconds=1))
