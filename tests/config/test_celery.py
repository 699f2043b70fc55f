"""How Celery is set up: a broker that was away for long is found soon."""

import pytest
from kombu.exceptions import OperationalError

from config.celery import LOOK_FOR_BROKER_EVERY_SECONDS, app


def test_looks_for_a_broker_as_often_after_long_as_at_first(monkeypatch: pytest.MonkeyPatch):
    pauses: list[float] = []
    monkeypatch.setattr("kombu.utils.functional.sleep", lambda seconds: None)

    with app.connection_for_read("redis://127.0.0.1:1/0") as line, pytest.raises(OperationalError):
        line.ensure_connection(lambda error, pause: pauses.append(pause), 20)

    assert set(pauses) == {LOOK_FOR_BROKER_EVERY_SECONDS}
    assert app.conf.broker_connection_max_retries is None
