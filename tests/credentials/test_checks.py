"""What stops an installation from starting."""

import os
import subprocess
import sys

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import connection

from credentials import checks
from credentials.models import Credential
from tests.credentials.conftest import a_key


def test_no_process_starts_with_a_key_it_cannot_read():
    environment = {
        **os.environ,
        "SECRET_KEY": "s" * 50,
        "CREDENTIALS_KEYS": "changeme",
        "LOOKUP_KEY": a_key(2),
    }

    ended = subprocess.run(
        [sys.executable, "-c", "import django; django.setup()"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert ended.returncode != 0
    assert "Key 1 of CREDENTIALS_KEYS is 6 bytes long; it must be 32 random bytes." in ended.stderr
    assert "changeme" not in ended.stderr


@pytest.mark.django_db
class TestKeyProblems:
    def test_is_empty_when_every_key_in_use_is_there(self, make_credential, settings, keys):
        make_credential()

        settings.CREDENTIALS_KEYS = [a_key(5), *keys]

        assert checks.key_problems() == []

    def test_refuses_to_start_when_a_key_in_use_is_gone(self, make_credential, settings):
        credential = make_credential()
        settings.CREDENTIALS_KEYS = [a_key(5)]

        with pytest.raises(SystemCheckError, match=credential.key_id):
            call_command("check")
        with pytest.raises(ImproperlyConfigured, match=credential.key_id):
            checks.require_keys()

    def test_says_nothing_while_there_is_no_table(self, keys):
        cascade = "CASCADE" if connection.vendor == "postgresql" else ""
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TABLE {Credential._meta.db_table} {cascade}")

        assert checks._missing_keys() == []

    @pytest.mark.parametrize(
        ("name", "value", "sentence"),
        [
            ("CREDENTIALS_KEYS", ["short"], "Key 1 of CREDENTIALS_KEYS"),
            ("CREDENTIALS_KEYS", [], "holds no key"),
            ("LOOKUP_KEY", "short", "LOOKUP_KEY is"),
            ("LOOKUP_KEY", a_key(1), "must all differ"),
            ("SECRET_KEY", a_key(2).rstrip("="), "must all differ"),
        ],
    )
    def test_names_the_setting_that_is_wrong(self, keys, settings, name, value, sentence):
        setattr(settings, name, value)

        (problem,) = checks.key_problems()

        assert sentence in problem
        assert not isinstance(value, str) or value not in problem
