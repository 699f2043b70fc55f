"""Sending what is owed: once, in order, within a deadline, tried again, and never a storm."""

import itertools
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from django.db import connection

from accounts.models import User
from notifications import channels, outbox, sending
from notifications import dispatch as dispatching
from notifications.dispatch import CLAIM_LASTS, claim_next, dispatch
from notifications.faults import Fault
from notifications.letters import Letter
from notifications.models import Channel, Delivery, Message, Notification
from notifications.timing import MOST_AN_HOUR, RETRY_AFTER
from tests.notifications.conftest import NOON, a_channel, a_notice

CANARY = "ada.lovelace@example.org"


class Recorder:
    """Takes the place of the wire where a test is about what is sent when."""

    def __init__(self, *faults: Fault) -> None:
        self.letters: list[Letter] = []
        self._faults = itertools.chain(faults, itertools.repeat(Fault.NONE))

    def __call__(self, channel: Channel, letter: Letter) -> Fault:
        self.letters.append(letter)
        return next(self._faults)


def post(number: int = 1, *, at: datetime = NOON, **given: object) -> list[Notification]:
    made = [outbox.post(a_notice(title=f"Query failed: order {n}", **given), now=at) for n in range(number)]
    return [notice for notice in made if notice]


def at(moment: datetime):
    return lambda: moment


@pytest.mark.django_db
class TestDispatch:
    def test_sends_each_notice_once_and_in_order(self):
        channel, sent = a_channel(), Recorder()
        post(3)

        assert dispatch(now=at(NOON), send=sent) == 3
        assert dispatch(now=at(NOON), send=sent) == 0

        assert [letter.title for letter in sent.letters] == [f"Query failed: order {n}" for n in range(3)]
        assert channel.messages.filter(sent_at=NOON).count() == 3

    def test_says_where_to_look(self, settings):
        settings.BASE_URL = "https://rollcall.example.org"
        a_channel()
        post()

        sent = Recorder()
        dispatch(now=at(NOON), send=sent)

        assert sent.letters[0].body.endswith("https://rollcall.example.org/workflows/1/#resolutions")

    def test_tries_again_later_under_the_same_id(self):
        a_channel()
        post()
        sent = Recorder(Fault.NOT_TAKEN)

        assert dispatch(now=at(NOON), send=sent) == 0
        assert dispatch(now=at(NOON + timedelta(seconds=29)), send=sent) == 0
        assert dispatch(now=at(NOON + timedelta(seconds=30)), send=sent) == 1

        assert [letter.id for letter in sent.letters] == [str(Message.objects.get().pk)] * 2

    def test_lets_the_rest_wait_behind_what_is_not_taken(self):
        a_channel()
        other = a_channel()
        post(2)
        refusing = Recorder(*[Fault.NOT_TAKEN] * 10)

        dispatch(
            now=at(NOON), send=lambda channel, letter: refusing(channel, letter) if channel != other else ""
        )

        assert len(refusing.letters) == 1
        assert other.messages.filter(sent_at=NOON).count() == 2

    def test_gives_up_after_a_day_and_says_so_on_the_pages(self):
        channel = a_channel(wants=["trouble"])
        post(kind="trouble")
        sent, moment = Recorder(*[Fault.TIMEOUT] * 20), NOON

        for wait in (timedelta(), *RETRY_AFTER):
            moment += wait
            dispatch(now=at(moment), send=sent)

        first = Message.objects.earliest("made_at")
        assert (first.attempts, first.dropped_at) == (len(RETRY_AFTER) + 1, moment)
        told = Notification.objects.get(code="channel_failing")
        assert str(channel) in told.title
        assert channels.every_channel().get().given_up == 1

    def test_gathers_a_flood_into_one(self):
        a_channel()
        post(100)
        sent = Recorder()

        dispatch(now=at(NOON), send=sent)

        assert [letter.title for letter in sent.letters] == ["100 notifications from Rollcall"]
        assert not Delivery.objects.filter(message=None).exists()

    def test_sends_at_most_its_share_in_an_hour_and_then_the_rest_as_one(self):
        a_channel()
        sent = Recorder()

        for minute in range(60):
            moment = NOON + timedelta(minutes=minute)
            post(1, at=moment)
            dispatch(now=at(moment), send=sent)
        assert len(sent.letters) == MOST_AN_HOUR
        dispatch(now=at(NOON + timedelta(hours=1)), send=sent)

        assert len(sent.letters) == MOST_AN_HOUR + 1
        assert sent.letters[-1].title == "40 notifications from Rollcall"

    def test_sends_a_digest_when_its_hour_comes(self):
        a_channel(mode="hour")
        post(3)
        sent = Recorder()

        dispatch(now=at(NOON + timedelta(minutes=49)), send=sent)
        assert sent.letters == []
        dispatch(now=at(NOON + timedelta(minutes=50)), send=sent)

        assert [letter.title for letter in sent.letters] == ["3 notifications from Rollcall"]

    def test_does_not_catch_up_for_a_channel_that_was_off(self):
        ada, channel, sent = User.objects.create_user("ada"), a_channel(), Recorder()
        post(2)

        channel.enabled = False
        channels.change(channel, "", by=ada)
        post(1)
        channel.enabled = True
        channels.change(channel, "", by=ada)
        dispatch(now=at(NOON), send=sent)

        assert sent.letters == []

    def test_keeps_one_worker_only_while_a_channel_is_slow(self):
        a_channel(), a_channel()
        post(1)

        assert claim_next(NOON) is not None
        assert claim_next(NOON) is None

    def test_drops_a_message_whose_notices_were_deleted(self):
        channel, sent = a_channel(), Recorder()
        Message.objects.create(channel=channel, made_at=NOON - timedelta(days=1), next_at=NOON)
        post(1)

        assert dispatch(now=at(NOON), send=sent) == 1
        assert channel.messages.count() == 1

    def test_serves_the_others_when_one_channel_cannot_be_served(self, monkeypatch, caplog):
        kept = sorted([a_channel(), a_channel()], key=lambda each: each.pk)
        post(2)
        make = dispatching._make

        def breaks(channel: Channel, now: datetime) -> Message | None:
            if channel == kept[0]:
                raise ValueError(CANARY)
            return make(channel, now)

        monkeypatch.setattr(dispatching, "_make", breaks)

        assert dispatch(now=at(NOON), send=Recorder()) == 2
        assert kept[1].messages.filter(sent_at=NOON).count() == 2
        assert "no notice of a channel" in caplog.text
        assert CANARY not in caplog.text

    def test_goes_on_when_sending_breaks(self):
        broken, whole = a_channel(), a_channel()
        post(1)

        def send(channel: Channel, letter: Letter) -> Fault:
            if channel == broken:
                raise OSError(CANARY)
            return Fault.NONE

        assert dispatch(now=at(NOON), send=send) == 1
        assert whole.messages.get().sent_at == NOON
        assert broken.messages.get().error == Fault.FAILED

    def test_sends_a_claimed_message_again_when_its_claim_ran_out(self):
        a_channel()
        post()
        killed, sent = claim_next(NOON), Recorder()

        assert dispatch(now=at(NOON + CLAIM_LASTS - timedelta(seconds=1)), send=sent) == 0
        assert dispatch(now=at(NOON + CLAIM_LASTS), send=sent) == 1

        assert [letter.id for letter in sent.letters] == [killed.letter.id]


@pytest.mark.django_db(transaction=True)
class TestTwentyDispatchers:
    def test_have_one_effect(self):
        kept = [a_channel(), a_channel()]
        for _ in range(8):
            post(1)
        sent = Recorder()

        def work(_: int) -> int:
            try:
                return sum(dispatch(now=at(NOON), send=sent) for _ in range(4))
            finally:
                connection.close()

        with ThreadPoolExecutor(20) as pool:
            taken = sum(pool.map(work, range(20)))
        taken += dispatch(now=at(NOON), send=sent)

        ids = [letter.id for letter in sent.letters]
        assert len(ids) == len(set(ids)) == taken == 16
        assert {channel.messages.filter(sent_at=NOON).count() for channel in kept} == {8}


@pytest.mark.django_db
class TestSend:
    def test_reaches_a_webhook_with_its_id_in_a_header_and_a_field(self, hook):
        channel = a_channel(hook.url)

        fault = sending.send(channel, Letter("7f3a", "Query failed", "The source said no."))

        assert fault == Fault.NONE
        assert hook.ids == ["7f3a"]
        assert (hook.posts[0]["title"], hook.posts[0]["message"]) == ("Query failed", "The source said no.")

    @pytest.mark.parametrize("status", [302, 404, 500])
    def test_says_when_it_is_not_taken(self, hook, status):
        hook.status = status

        assert sending.send(a_channel(hook.url), Letter("1", "t", "b")) == Fault.NOT_TAKEN

    def test_says_when_nobody_listens(self):
        assert sending.send(a_channel("json://127.0.0.1:1/"), Letter("1", "t", "b")) == Fault.NOT_TAKEN

    def test_ends_at_its_deadline_while_a_server_drips(self, hook):
        hook.drips = True

        fault = sending.send(a_channel(hook.url), Letter("1", "t", "b"), deadline=timedelta(seconds=2))

        assert fault == Fault.TIMEOUT

    def test_writes_mail_with_the_same_id_each_time(self, settings, tmp_path):
        settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
        settings.EMAIL_FILE_PATH = str(tmp_path)
        channel = a_channel(f"mailto:{CANARY}", kind="email")

        for _ in range(2):
            assert sending.send(channel, Letter("7f3a", "Query failed", "Nö.")) == Fault.NONE

        for file in tmp_path.iterdir():
            text = file.read_text()
            assert "Message-ID: <7f3a@rollcall>" in text
            assert "X-Rollcall-Message: 7f3a" in text
            assert f"To: {CANARY}" in text

    def test_tells_several_receivers_nothing_of_each_other(self, settings, tmp_path):
        settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
        settings.EMAIL_FILE_PATH = str(tmp_path)
        channel = a_channel(f"mailto:{CANARY},ben@example.org", kind="email")

        assert sending.send(channel, Letter("7f3a", "Query failed", "Nö.")) == Fault.NONE

        (file,) = tmp_path.iterdir()
        text = file.read_text()
        assert "To: undisclosed-recipients:;" in text
        assert CANARY not in text
        assert "ben@example.org" not in text

    def test_says_when_the_mail_server_cannot_be_reached(self, settings):
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1

        assert sending.send(a_channel(f"mailto:{CANARY}"), Letter("1", "t", "b")) == Fault.UNREACHABLE

    def test_says_when_its_secret_cannot_be_opened(self):
        channel = a_channel()
        channel.credential.ciphertext = b"changed"

        assert sending.send(channel, Letter("1", "t", "b")) == Fault.SECRET

    @pytest.mark.parametrize(
        ("place", "fault"),
        [
            ("json://example.org/hook", Fault.NONE),
            ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/", Fault.NONE),
            ("slack://", Fault.UNKNOWN_SERVICE),
            ("nosuchservice://example.org", Fault.UNKNOWN_SERVICE),
        ],
    )
    def test_knows_which_urls_are_of_a_service(self, place, fault):
        assert sending.check(place) == fault


@pytest.mark.django_db
class TestCanary:
    def test_no_address_and_no_key_leaves_or_rests(self, hook, settings, caplog):
        secret_part = "tokenc0ffeec0ffee"
        channel = a_channel(f"{hook.url}?+X-Token={secret_part}")
        words = {"title": f"Failed for {CANARY}", "body": f"Row of {CANARY}, key pk_c0ffeec0ffeec0ffee"}
        outbox.post(a_notice(**words), now=NOON)

        dispatch(now=at(NOON))
        hook.status = 500
        channels.try_out(channel, by=User.objects.create_user("ada"))

        assert len(hook.posts) == 2
        rests = [list(model.objects.values()) for model in (Notification, Message, Channel, Delivery)]
        seen = json.dumps([hook.posts, rests], default=str) + caplog.text
        assert CANARY not in seen
        assert "pk_c0ffee" not in seen
        assert secret_part not in seen
