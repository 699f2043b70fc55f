"""Machines that watch an installation get two answers, and no detail."""

import pytest
from django.db import connection
from django.test import Client

from config import health


@pytest.fixture
def watcher() -> Client:
    # A watcher asks by address; the name is none of ours.
    return Client(headers={"host": "10.1.2.3"})


class TestAlive:
    def test_answers_without_sign_in_whatever_the_host(self, watcher, settings):
        settings.SECURE_SSL_REDIRECT = True

        answer = watcher.get("/healthz")

        assert (answer.status_code, answer.content) == (200, b"ok")


@pytest.mark.django_db
class TestReady:
    def test_answers_when_database_and_broker_do(self, watcher):
        answer = watcher.get("/readyz")

        assert (answer.status_code, answer.content) == (200, b"ok")
        assert answer["Cache-Control"] == "no-store"

    def test_says_only_unavailable_when_the_broker_is_gone(self, watcher, settings):
        settings.REDIS_URL = "redis://:secret@127.0.0.1:1/0"

        answer = watcher.get("/readyz")

        assert (answer.status_code, answer.content) == (503, b"unavailable")

    def test_needs_no_broker_in_the_form_without_one(self, watcher, settings):
        settings.REDIS_URL = ""

        assert watcher.get("/readyz").status_code == 200

    def test_names_the_failing_part_in_the_log_alone(self, settings, caplog):
        settings.REDIS_URL = "redis+socket:///nowhere/valkey.sock?virtual_host=0"

        assert health.failing() == ["broker"]
        assert "nowhere" not in caplog.text

    def test_is_asked_with_a_plain_query(self, django_assert_num_queries):
        with django_assert_num_queries(1):
            health.failing()

        assert connection.in_atomic_block
