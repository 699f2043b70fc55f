"""Rotation of keys, killed on the way."""

import json
import os
import random
import signal
import subprocess
import sys

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from credentials import rotation, vault
from credentials.models import Credential
from tests.credentials.conftest import a_key, a_klaviyo_key

# Runs the real command in a process of its own, and kills it at its n-th write, before or after that is done.
CHILD = """
import json, os, signal, sys
import django
from django.conf import settings

plan = json.loads(sys.argv[1])
settings.DATABASES["default"]["NAME"] = plan["database"]
settings.CREDENTIALS_KEYS = plan["keys"]
django.setup()

from django.core.management import call_command
from django.db import connection

writes = 0

def killer(execute, sql, params, many, context):
    global writes
    if not sql.startswith("UPDATE"):
        return execute(sql, params, many, context)
    writes += 1
    if writes == plan["killed_at"] and plan["before"]:
        os.kill(os.getpid(), signal.SIGKILL)
    result = execute(sql, params, many, context)
    if writes == plan["killed_at"]:
        os.kill(os.getpid(), signal.SIGKILL)
    return result

with connection.execute_wrapper(killer):
    call_command("rotate_credentials")
"""


def rotate_in_a_process(*, keys: list[str], killed_at: int, before: bool) -> int:
    plan = {"database": str(connection.settings_dict["NAME"]), "keys": keys}
    plan |= {"killed_at": killed_at, "before": before}
    command = [sys.executable, "-c", CHILD, json.dumps(plan)]
    return subprocess.run(command, env={**os.environ, "PYTHONPATH": os.getcwd()}, timeout=60).returncode


@pytest.mark.django_db(transaction=True)
class TestRotationKilled:
    def test_loses_no_secret_of_200_rows_and_leaves_none_under_the_old_key(
        self, make_credential, settings, keys
    ):
        secrets = {f"Shop {n}": a_klaviyo_key(n) for n in range(200)}
        for name, secret in secrets.items():
            make_credential(name, secret=secret)
        both = [a_key(5), *keys]
        settings.CREDENTIALS_KEYS = both
        chance = random.Random(20)

        for kill in range(5):
            before, remaining = chance.random() < 0.5, left_under(keys[0])
            killed_at = chance.randint(1, 35)

            ended = rotate_in_a_process(keys=both, killed_at=killed_at, before=before)

            assert ended == -signal.SIGKILL, f"kill {kill}"
            assert left_under(keys[0]) in {remaining - killed_at, remaining - killed_at + 1}
            assert revealed() == secrets

        assert rotate_in_a_process(keys=both, killed_at=0, before=False) == 0
        settings.CREDENTIALS_KEYS = [a_key(5)]
        assert revealed() == secrets


@pytest.mark.django_db
class TestRotate:
    def test_does_each_row_once_and_nothing_the_second_time(self, make_credential, settings, keys):
        make_credential("Old")
        settings.CREDENTIALS_KEYS = [a_key(5), *keys]
        make_credential("New", secret=a_klaviyo_key(8))
        told = []

        assert rotation.rotate(told=told.append) == rotation.Rotation(rotated=1, current=1)
        assert rotation.rotate(told=told.append) == rotation.Rotation(current=2)

        assert told == ["Old"]
        assert {row.version for row in Credential.objects.all()} == {1}

    def test_leaves_a_row_to_the_one_who_replaced_its_secret_meanwhile(self, make_credential, settings, keys):
        make_credential("First")
        make_credential("Second")
        settings.CREDENTIALS_KEYS = [a_key(5), *keys]

        def replace_all_the_others(name: str) -> None:
            for other in Credential.objects.exclude(name=name):
                vault.save_secret(other, a_klaviyo_key(9))

        done = rotation.rotate(told=replace_all_the_others)

        assert done == rotation.Rotation(rotated=1, changed_meanwhile=1)
        assert sorted(revealed().values()) == sorted([a_klaviyo_key(7), a_klaviyo_key(9)])

    def test_does_not_write_over_a_secret_replaced_after_it_was_read(self, make_credential, settings, keys):
        read_early = make_credential()
        settings.CREDENTIALS_KEYS = [a_key(5), *keys]
        vault.save_secret(Credential.objects.get(), a_klaviyo_key(9))

        assert rotation._reseal(read_early) is False

        assert vault.reveal(Credential.objects.get()) == a_klaviyo_key(9)

    def test_goes_on_past_a_row_that_no_key_opens_and_names_it(self, make_credential, settings, keys, capsys):
        make_credential("Broken")
        make_credential("Whole")
        Credential.objects.filter(name="Broken").update(ciphertext=b"\x00" * 60)
        settings.CREDENTIALS_KEYS = [a_key(5), *keys]

        with pytest.raises(CommandError, match='"Broken"'):
            call_command("rotate_credentials")

        assert capsys.readouterr().out.startswith(
            "1 sealed again, 0 already under the newest key, 0 changed meanwhile, 1 unreadable."
        )
        assert vault.reveal(Credential.objects.get(name="Whole")) == a_klaviyo_key(7)

    def test_prints_no_secret(self, make_credential, settings, keys, capsys):
        make_credential()
        settings.CREDENTIALS_KEYS = [a_key(5), *keys]

        call_command("rotate_credentials", verbosity=2)

        printed = capsys.readouterr().out
        assert 'sealed again: "Shop EU"' in printed
        assert a_klaviyo_key(7) not in printed


def revealed() -> dict[str, str]:
    return {row.name: vault.reveal(row) for row in Credential.objects.all()}


def left_under(key: str) -> int:
    old = vault.read_keyring([key]).newest
    return Credential.objects.filter(key_id=old.id).count()
