"""The only way out: order, outcomes, penalties, concurrent reads."""

import threading
from datetime import timedelta

import pytest

from destinations.calls import Answer, Call
from destinations.errors import Ambiguous, HoldOn, RetryLater
from destinations.gateway import Gateway
from destinations.klaviyo import payloads
from destinations.klaviyo.limits import WINDOWS
from destinations.limiter import Limiter

pytestmark = pytest.mark.django_db
ADD = payloads.add("XyZ123", ["01A"])
HOUR = timedelta(hours=1)


class Wire:
    """Answers from a script, and remembers who asked in which thread."""

    def __init__(self, *script: Answer | Exception) -> None:
        self.script = list(script)
        self.sent: list[tuple[Call, int]] = []
        self.closed = False
        self._lock = threading.Lock()

    def send(self, call: Call) -> Answer:
        with self._lock:
            self.sent.append((call, threading.get_ident()))
            told = self.script.pop(0) if self.script else Answer(200, {"data": []}, {})
        if isinstance(told, Exception):
            raise told
        return told

    def close(self) -> None:
        self.closed = True


class Diary:
    """Writes down what the hooks are told."""

    def __init__(self, clock, wire: Wire) -> None:
        self.clock, self.wire = clock, wire
        self.lines: list[tuple] = []
        self.refusal: Exception | None = None
        self.late: Exception | None = None

    def before(self, call: Call) -> object:
        if self.refusal:
            raise self.refusal
        self.lines.append(("before", call.endpoint, len(self.wire.sent), self.clock.now()))
        return f"token-{len(self.lines)}"

    def leaving(self, token) -> None:
        if self.late:
            raise self.late

    def after(self, token, outcome, answer) -> None:
        status = answer.status if answer else None
        self.lines.append(("after", token, type(outcome).__name__ if outcome else None, status))


def gateway(clock, wire: Wire, **options) -> Gateway:
    limiter = Limiter("A1", clock, windows=WINDOWS)
    return Gateway(wire, limiter, clock, jitter=lambda: 0.5, **options)


class TestSend:
    def test_announces_a_call_before_it_leaves_and_settles_it_after(self, clock):
        wire = Wire(Answer(204, None, {}))
        diary = Diary(clock, wire)

        with gateway(clock, wire, hooks=diary) as gate:
            gate.send(ADD)

        assert diary.lines == [
            ("before", "lists.add", 0, clock.now()),
            ("after", "token-1", None, 204),
        ]
        assert wire.closed

    def test_waits_for_its_turn(self, clock):
        begun, wire = clock.now(), Wire()

        with gateway(clock, wire) as gate:
            for _ in range(11):
                gate.send(ADD)

        assert clock.now() - begun == timedelta(seconds=1.15)

    def test_holds_on_when_its_turn_is_far_away(self, clock):
        wire = Wire()

        with gateway(clock, wire) as gate:
            for _ in range(150):
                gate.send(ADD)

            with pytest.raises(HoldOn):
                gate.send(ADD)

        assert len(wire.sent) == 150

    def test_settles_a_call_that_went_wrong(self, clock):
        wire = Wire(Ambiguous("answer_lost", "Nothing came."))
        diary = Diary(clock, wire)

        with gateway(clock, wire, hooks=diary) as gate, pytest.raises(Ambiguous):
            gate.send(ADD)

        assert diary.lines[-1] == ("after", "token-1", "Ambiguous", None)

    def test_sends_nothing_when_the_intent_cannot_be_written(self, clock):
        wire = Wire()
        diary = Diary(clock, wire)
        diary.refusal = LookupError("the lease is lost")

        with gateway(clock, wire, hooks=diary) as gate, pytest.raises(LookupError):
            gate.send(ADD)

        assert wire.sent == []

    def test_gives_the_slot_of_a_call_back_that_was_stopped(self, clock):
        diary = Diary(clock, Wire())
        diary.refusal = LookupError("the lease is lost")

        with gateway(clock, Wire(), hooks=diary, max_wait=timedelta(0)) as gate:
            for _ in range(300):
                with pytest.raises(LookupError):
                    gate.send(ADD)

    def test_stops_an_announced_call_that_would_leave_too_late(self, clock):
        wire = Wire()
        diary = Diary(clock, wire)
        diary.late = LookupError("the lease is lost")

        with gateway(clock, wire, hooks=diary) as gate, pytest.raises(LookupError):
            gate.send(ADD)

        assert [line[0] for line in diary.lines] == ["before"]
        assert wire.sent == []

    @pytest.mark.parametrize(
        ("after", "seconds"), [(timedelta(seconds=30), 31), (timedelta(0), 1), (None, 2)]
    )
    def test_lets_nobody_call_while_we_are_told_to_wait(self, clock, after, seconds):
        wire = Wire(RetryLater("throttled", "Slow down.", after=after))

        with gateway(clock, wire) as gate, pytest.raises(RetryLater):
            gate.send(ADD)
        with gateway(clock, Wire(), max_wait=timedelta(0)) as other, pytest.raises(HoldOn) as caught:
            other.send(ADD)

        assert caught.value.until == clock.now() + timedelta(seconds=seconds)

    def test_learns_from_the_headers_of_an_answer(self, clock):
        headers = {"ratelimit-limit": "150", "ratelimit-remaining": "0", "ratelimit-reset": "40"}

        with gateway(clock, Wire(Answer(204, None, headers))) as gate:
            gate.send(ADD)
            with pytest.raises(HoldOn):
                gate.send(ADD)


class TestReads:
    def test_run_in_other_threads_and_settle_in_this_one(self, clock):
        wire = Wire()
        diary = Diary(clock, wire)

        with gateway(clock, wire, hooks=diary) as gate:
            for number in range(8):
                gate.start(payloads.members("XyZ123", cursor=str(number)))
            finished = [gate.finish() for _ in range(8)]

        assert {each.call for each in finished} == {call for call, _ in wire.sent}
        assert threading.get_ident() not in {thread for _, thread in wire.sent}
        assert [line[0] for line in diary.lines].count("after") == 8

    def test_bring_their_error_with_them(self, clock):
        wire = Wire(RetryLater("upstream_unavailable", "502"))

        with gateway(clock, wire) as gate:
            gate.start(payloads.members("XyZ123"))
            finished = gate.finish()

        assert finished.answer is None
        assert finished.error.code == "upstream_unavailable"

    def test_are_at_most_eight(self, clock):
        with gateway(clock, Wire()) as gate:
            for number in range(8):
                gate.start(payloads.members("XyZ123", cursor=str(number)))

            with pytest.raises(ValueError, match="too many"):
                gate.start(payloads.members("XyZ123"))

    def test_are_never_writes(self, clock):
        with gateway(clock, Wire()) as gate, pytest.raises(ValueError, match="must be sent alone"):
            gate.start(ADD)

    def test_cannot_be_awaited_when_none_was_started(self, clock):
        with gateway(clock, Wire()) as gate, pytest.raises(LookupError):
            gate.finish()

    def test_do_not_use_a_slot_long_after_its_moment(self, clock):
        with gateway(clock, Wire()) as gate:
            for _ in range(4):
                gate.start(payloads.members("XyZ123"))
                gate.finish()
            clock.sleep(10)
            gate.start(payloads.members("XyZ123"))
            gate.finish()
            slot = Limiter("A1", clock, windows=WINDOWS).reserve("lists.members", max_wait=HOUR)[0]

        assert slot >= clock.now()

    def test_leave_no_thread_behind(self, clock):
        with gateway(clock, Wire()) as gate:
            gate.start(payloads.members("XyZ123"))

        assert not [each for each in threading.enumerate() if each.name.startswith("destination-read")]
