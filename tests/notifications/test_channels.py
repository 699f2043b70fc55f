"""What the page of channels is told: right, and soon however many notices there are."""

from collections.abc import Iterator
from datetime import timedelta
from time import process_time
from typing import Any

import pytest
from django.db import connection

from notifications.channels import every_channel
from notifications.models import Channel, Delivery, Message, Notification
from tests.notifications.conftest import NOON, a_channel

pytestmark = pytest.mark.django_db

MANY = 500
CPU_SECONDS = 2.0


def told(channel: Channel, number: int, **of_each: Any) -> None:
    """Give a channel so many notices, each in a message of its own."""
    keys = [f"{channel.pk}:{len(of_each)}:{place}" for place in range(number)]
    notices = Notification.objects.bulk_create(
        Notification(kind="trouble", title="Query failed", key=key, at=NOON) for key in keys
    )
    messages = Message.objects.bulk_create(
        Message(channel=channel, made_at=NOON, next_at=NOON, **of_each) for _ in keys
    )
    Delivery.objects.bulk_create(
        Delivery(channel=channel, notification=notice, available_at=NOON, message=message)
        for notice, message in zip(notices, messages, strict=True)
    )


def rows_of(plan: dict[str, Any]) -> Iterator[int]:
    """How many rows each part of a plan that was carried out gave."""
    yield int(plan["Actual Rows"] * plan["Actual Loops"])
    for part in plan.get("Plans", ()):
        yield from rows_of(part)


class TestEveryChannel:
    def test_counts_what_is_owed_sent_and_given_up(self):
        one, other = a_channel(name="A"), a_channel(name="B")
        told(one, 3)
        told(one, 2, sent_at=NOON)
        told(one, 1, sent_at=NOON + timedelta(hours=1), error="")
        told(one, 4, dropped_at=NOON, error="timeout", attempts=9)
        Message.objects.filter(sent_at=None, dropped_at=None).update(error="not_taken")

        first, second = every_channel()

        assert (first.owed, first.given_up, first.error) == (3, 4, "not_taken")
        assert first.told_at == NOON + timedelta(hours=1)
        assert (second, second.owed, second.given_up, second.error) == (other, 0, 0, "")
        assert second.told_at is None

    def test_takes_one_query_and_little_work_for_many_notices(self, django_assert_num_queries):
        for _ in range(3):
            told(a_channel(), MANY, sent_at=NOON)
        begun = process_time()

        with django_assert_num_queries(1):
            assert len(every_channel()) == 3

        assert process_time() - begun < CPU_SECONDS

    @pytest.mark.skipif(connection.vendor != "postgresql", reason="tells its work in a plan")
    def test_looks_at_each_notice_a_few_times(self):
        for _ in range(3):
            told(a_channel(), MANY, sent_at=NOON)
        with connection.cursor() as cursor:
            sql, values = every_channel().query.sql_with_params()
            cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", values)
            (plan,) = cursor.fetchone()[0]

        assert max(rows_of(plan["Plan"])) <= 10 * 3 * MANY
