"""Posting: with the change it tells of, once, and owed to who wants it."""

import os
import uuid
from datetime import timedelta

import pytest
from django.db import transaction

from accounts.models import User
from notifications import outbox, reading, retention, wishes
from notifications.models import Delivery, Message, Notification, Preference
from notifications.wishes import Wish
from tests.notifications.conftest import NOON, a_channel, a_notice

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> User:
    return User.objects.create_user("ada")


class TestPost:
    def test_owes_each_channel_that_wants_it_one_delivery(self):
        wanting, other = a_channel(), a_channel(wants=["recovered"])
        off = a_channel(enabled=False)

        outbox.post(a_notice(), now=NOON)

        assert Delivery.objects.filter(channel=wanting, available_at=NOON, digest=False).count() == 1
        assert not Delivery.objects.filter(channel__in=[other, off]).exists()

    def test_happens_once_for_a_key(self):
        a_channel()

        first = outbox.post(a_notice(key="one"), now=NOON)
        second = outbox.post(a_notice(key="one"), now=NOON)

        assert first is not None
        assert second is None
        assert Delivery.objects.count() == 1

    def test_goes_when_its_transaction_does(self):
        a_channel()

        with transaction.atomic():
            outbox.post(a_notice(), now=NOON)
            transaction.set_rollback(True)

        assert not Notification.objects.exists()
        assert not Delivery.objects.exists()

    def test_blots_out_what_looks_like_a_person_or_a_key(self):
        title, body = (
            "Query failed: lists of ada@example.org\nnext",
            "With pk_c0ffeec0ffeec0ffee, +44 7700 900123",
        )

        posted = outbox.post(a_notice(title=title, body=body), now=NOON)

        assert posted.title == "Query failed: lists of [address]\\nnext"
        assert posted.body == "With [key], [phone]"

    def test_gathers_for_a_channel_that_sends_digests(self):
        a_channel(mode="hour")

        outbox.post(a_notice(), now=NOON)

        delivery = Delivery.objects.get()
        assert delivery.digest
        assert delivery.available_at == NOON.replace(hour=13, minute=0)


class TestWishes:
    def test_gather_an_orchestration_where_the_channel_tells_at_once(self, ada):
        a_channel()
        about = uuid.uuid4()
        wishes.prefer(about, Wish("digest"), by=ada, now=NOON)

        outbox.post(a_notice(about=about), now=NOON)
        outbox.post(a_notice(about=uuid.uuid4()), now=NOON)

        assert sorted(Delivery.objects.values_list("digest", flat=True)) == [False, True]

    def test_mute_an_orchestration_and_drop_what_waits(self, ada):
        a_channel()
        about = uuid.uuid4()
        outbox.post(a_notice(about=about), now=NOON)

        wishes.prefer(about, Wish("muted"), by=ada, now=NOON)
        quiet = outbox.post(a_notice(about=about), now=NOON)

        assert quiet.quiet
        assert not Delivery.objects.exists()
        assert reading.count_unread(ada) == 1

    def test_mute_until_a_moment(self, ada):
        a_channel()
        about = uuid.uuid4()
        wishes.prefer(about, Wish("muted", NOON + timedelta(hours=1)), by=ada, now=NOON)

        during = outbox.post(a_notice(about=about), now=NOON + timedelta(minutes=59))
        after = outbox.post(a_notice(about=about), now=NOON + timedelta(hours=1))

        assert (during.quiet, after.quiet) == (True, False)
        assert wishes.wish_of(about, now=NOON + timedelta(hours=2)).telling == "immediate"

    def test_are_one_for_each_orchestration(self, ada):
        about = uuid.uuid4()

        wishes.prefer(about, Wish("muted"), by=ada, now=NOON)
        wishes.prefer(about, Wish("immediate"), by=ada, now=NOON)

        assert Preference.objects.get().telling == "immediate"
        assert ada.activities.filter(action="changed_notices").count() == 2


class TestReading:
    def test_is_each_persons_own(self, ada):
        ben = User.objects.create_user("ben")
        posted = [outbox.post(a_notice(), now=NOON) for _ in range(3)]

        reading.mark(ada, [posted[0].pk], at=NOON)
        reading.mark(ada, [posted[0].pk], at=NOON)

        assert reading.count_unread(ada) == 2
        assert reading.count_unread(ben) == 3
        assert [notice.is_read for notice in reading.everything(ada)].count(True) == 1

    def test_of_everything_leaves_what_came_since(self, ada):
        outbox.post(a_notice(), now=NOON)
        later = outbox.post(a_notice(), now=NOON + timedelta(seconds=1))

        reading.mark_everything(ada, until=NOON, at=NOON)

        assert [notice.pk for notice in reading.unread(ada)] == [later.pk]

    def test_stops_counting_where_a_number_says_no_more(self, ada):
        for _ in range(105):
            outbox.post(a_notice(), now=NOON)

        assert reading.count_unread(ada) == 100

    def test_finds_what_concerns_a_destination(self, ada):
        place = uuid.uuid4()
        of_place = outbox.post(a_notice(destination=place, account_id="A1"), now=NOON)
        of_account = outbox.post(a_notice(account_id="A1"), now=NOON)
        outbox.post(a_notice(destination=uuid.uuid4(), account_id="A1"), now=NOON)
        outbox.post(a_notice(), now=NOON)

        found = {notice.pk for notice in reading.of_destination(ada, place, "A1")}

        assert found == {of_place.pk, of_account.pk}
        assert not reading.of_destination(ada, uuid.uuid4(), "").exists()


class TestRetention:
    def test_deletes_old_notices_with_what_was_sent_of_them(self, ada):
        channel = a_channel()
        old = outbox.post(a_notice(), now=NOON)
        new = outbox.post(a_notice(), now=NOON + timedelta(days=1))
        sent = Message.objects.create(channel=channel, made_at=NOON, next_at=NOON, sent_at=NOON)
        Delivery.objects.filter(notification=old).update(message=sent)
        reading.mark(ada, [old.pk, new.pk], at=NOON)

        retention.purge(NOON + timedelta(hours=1))

        assert [notice.pk for notice in Notification.objects.all()] == [new.pk]
        assert not Message.objects.exists()
        assert ada.receipts.count() == 1

    def test_leaves_no_message_without_its_notices_when_it_breaks(self, monkeypatch):
        kept = outbox.post(a_notice(), now=NOON)
        monkeypatch.setattr(retention.Message, "objects", None)

        with pytest.raises(AttributeError):
            retention.purge(NOON + timedelta(hours=1))

        assert Notification.objects.filter(pk=kept.pk).exists()

    def test_deletes_mail_that_was_written_to_files(self, settings, tmp_path):
        settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
        settings.EMAIL_FILE_PATH = str(tmp_path)
        old, new = tmp_path / "old.log", tmp_path / "new.log"
        for file, moment in ((old, NOON), (new, NOON + timedelta(days=2))):
            file.write_text("To: ada@example.org")
            os.utime(file, (moment.timestamp(), moment.timestamp()))

        retention.purge(NOON + timedelta(days=1))

        assert [file.name for file in tmp_path.iterdir()] == ["new.log"]
