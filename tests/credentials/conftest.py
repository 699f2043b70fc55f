"""Credentials and keys for these tests: made up, the same each time."""

import base64
import random
from collections.abc import Callable
from typing import Any

import pytest

from credentials import vault
from credentials.models import Credential, CredentialKind


def a_key(seed: int) -> str:
    return base64.urlsafe_b64encode(random.Random(seed).randbytes(32)).decode()


def a_klaviyo_key(seed: int) -> str:
    return f"pk_{random.Random(seed).randbytes(17).hex()}"


@pytest.fixture
def keys(settings: Any) -> list[str]:
    settings.CREDENTIALS_KEYS = [a_key(1)]
    settings.LOOKUP_KEY = a_key(2)
    return settings.CREDENTIALS_KEYS


@pytest.fixture
def make_credential(keys: list[str]) -> Callable[..., Credential]:
    def make(name: str = "Shop EU", *, secret: str | None = None) -> Credential:
        credential = Credential(name=name, kind=CredentialKind.KLAVIYO_API_KEY)
        vault.save_secret(credential, secret or a_klaviyo_key(7))
        return credential

    return make
