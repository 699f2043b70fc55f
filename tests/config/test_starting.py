"""A server or a worker without the keys that stored secrets need ends at once, and says which."""

import base64
import os
import secrets
import subprocess
import sys

import pytest

from credentials import vault
from credentials.models import Credential
from tests.flows.processes import database_url

WORKER = ["celery", "--app", "config", "--quiet", "worker", "--concurrency", "1"]
WEB = ["gunicorn", "--config", "python:config.gunicorn", "--bind", "127.0.0.1:0", "config.wsgi:application"]


def a_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


@pytest.mark.parametrize("part", [WORKER, WEB], ids=["worker", "web"])
def test_refuses_to_start_without_a_key_in_use(transactional_db: None, part: list[str]):
    credential = Credential(name="Shop", kind="klaviyo_api_key")
    vault.save_secret(credential, "pk_" + secrets.token_hex(17))
    keys = {name: a_key() for name in ("SECRET_KEY", "CREDENTIALS_KEYS", "LOOKUP_KEY")}
    told = {"DATABASE_URL": database_url(), "DJANGO_SETTINGS_MODULE": "tests.settings", **keys}

    ended = subprocess.run(
        [sys.executable, "-m", *part], env={**os.environ, **told}, capture_output=True, text=True, timeout=60
    )

    assert ended.returncode == 1
    assert f"Key {credential.key_id} seals stored secrets but is not in CREDENTIALS_KEYS." in ended.stderr
    assert not [key for key in keys.values() if key in ended.stderr]
