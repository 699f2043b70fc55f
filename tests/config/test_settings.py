"""Settings from the environment: safe when half given, strict when the address is https."""

import base64
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from config.keys import embedded_keys

ROOT = Path(__file__).resolve().parents[2]
KEY = base64.urlsafe_b64encode(bytes(range(32))).decode()
LOOKUP_KEY = base64.urlsafe_b64encode(bytes(range(32, 64))).decode()
SECRET_KEY = "a-test-key-of-some-length-" + "0123456789" * 4
KEYS = {"SECRET_KEY": SECRET_KEY, "CREDENTIALS_KEYS": KEY, "LOOKUP_KEY": LOOKUP_KEY}
PRODUCTION = KEYS | {
    "DATABASE_URL": "postgresql://rollcall:word@db.example.com/rollcall",
    "REDIS_URL": "redis://:word@broker.example.com/0",
    "BASE_URL": "https://rollcall.example.com",
    "ALLOWED_HOSTS": "rollcall.example.com",
}


def manage(*arguments: str, data: Path, **given: str) -> subprocess.CompletedProcess[str]:
    """Run manage.py with nothing in its environment but `given` and a folder."""
    env = {"PATH": os.environ["PATH"], "DATA_DIR": str(data), **given}
    argv = [sys.executable, "manage.py", *arguments]
    return subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)


def setting(name: str, *, data: Path, **given: str) -> object:
    program = (
        f"import json; from django.conf import settings; print(json.dumps(settings.{name}, default=str))"
    )
    env = {
        "PATH": os.environ["PATH"],
        "DATA_DIR": str(data),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        **given,
    }
    argv = [sys.executable, "-c", program]
    return json.loads(
        subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, check=True, timeout=60).stdout
    )


class TestKeys:
    def test_are_refused_when_half_given(self, tmp_path):
        ended = manage("check", data=tmp_path, SECRET_KEY=SECRET_KEY, LOOKUP_KEY=LOOKUP_KEY)

        assert ended.returncode != 0
        assert "missing: CREDENTIALS_KEYS" in ended.stderr
        assert SECRET_KEY not in ended.stderr

    def test_are_asked_for_beside_a_database_of_ones_own(self, tmp_path):
        ended = manage("check", data=tmp_path, DATABASE_URL=PRODUCTION["DATABASE_URL"])

        assert "missing: SECRET_KEY, CREDENTIALS_KEYS, LOOKUP_KEY" in ended.stderr
        assert not (tmp_path / "keys.json").exists()

    def test_are_made_once_for_their_owner_alone(self, tmp_path):
        place = tmp_path / "new" / "keys.json"

        first, second = embedded_keys(place), embedded_keys(place)

        assert first == second
        assert stat.S_IMODE(place.stat().st_mode) == 0o600
        assert len(base64.urlsafe_b64decode(first["LOOKUP_KEY"])) == 32
        assert [other.name for other in place.parent.iterdir()] == ["keys.json"]

    def test_are_refused_when_others_can_read_them(self, tmp_path):
        place = tmp_path / "keys.json"
        embedded_keys(place)
        place.chmod(0o640)

        with pytest.raises(PermissionError, match="chmod 600"):
            embedded_keys(place)


class TestProduction:
    def test_passes_the_deployment_check(self, tmp_path):
        ended = manage("check", "--deploy", "--fail-level", "WARNING", data=tmp_path, **PRODUCTION)

        assert ended.returncode == 0, ended.stderr
        assert not (tmp_path / "keys.json").exists()

    @pytest.mark.parametrize("name", ["SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SECURE_SSL_REDIRECT"])
    def test_follows_the_scheme_of_its_address(self, name, tmp_path):
        assert setting(name, data=tmp_path, **PRODUCTION) is True
        assert (
            setting(name, data=tmp_path, **PRODUCTION | {"BASE_URL": "http://rollcall.example.com"}) is False
        )

    def test_allows_no_inline_script_or_style(self, tmp_path):
        policy = setting("CONTENT_SECURITY_POLICY", data=tmp_path)

        assert policy["DIRECTIVES"]["default-src"] == ["'self'"]
        assert "unsafe" not in json.dumps(policy)

    def test_has_names_with_digests_for_static_files(self, tmp_path):
        assert "Manifest" in setting("STORAGES", data=tmp_path)["staticfiles"]["BACKEND"]


class TestEmbedded:
    def test_takes_a_database_file_with_waiting_writers(self, tmp_path):
        database = setting("DATABASES", data=tmp_path)["default"]

        assert database["NAME"] == str(tmp_path / "rollcall.sqlite3")
        assert database["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
        assert "journal_mode=WAL" in database["OPTIONS"]["init_command"]

    def test_takes_lists_that_are_given_empty_as_empty(self, tmp_path):
        assert setting("CSRF_TRUSTED_ORIGINS", data=tmp_path, CSRF_TRUSTED_ORIGINS="") == []
