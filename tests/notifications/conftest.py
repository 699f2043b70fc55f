"""A webhook that listens, and rows for tests of this room."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from credentials import vault
from credentials.models import Credential
from notifications.models import Channel, Kind
from notifications.outbox import Notice
from tests.notifications import receivers

NOON = datetime(2026, 11, 20, 12, 10, tzinfo=UTC)


@pytest.fixture
def hook() -> Iterator[receivers.Webhook]:
    with receivers.webhook() as started:
        yield started


def a_channel(place: str = "json://127.0.0.1:1/", **given: Any) -> Channel:
    name = f"Channel {uuid.uuid4().hex[:8]}"
    credential = Credential(name=name, kind="notification_url")
    vault.save_secret(credential, place)
    columns: dict[str, Any] = {"name": name, "kind": "chat", "wants": Kind.values, "credential": credential}
    return Channel.objects.create(**columns | given)


def a_notice(**given: Any) -> Notice:
    columns: dict[str, Any] = {
        "kind": "trouble",
        "code": "invalid_credentials",
        "title": "Invalid credentials: VIP, nightly",
        "body": "Klaviyo does not accept the key of this credential.",
        "path": "/workflows/1/#resolutions",
        "about": None,
        "workflow": None,
        "key": str(uuid.uuid4()),
    }
    return Notice(**columns | given)
