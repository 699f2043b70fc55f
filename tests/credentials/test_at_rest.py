"""The database is searched for secrets, written in every way a careless store might write them."""

import base64
import codecs
import json
import subprocess
from pathlib import Path
from urllib.parse import quote

import pytest
from django.db import connection

from accounts import activity
from credentials import vault
from credentials.models import Credential, CredentialKind
from tests.credentials.conftest import a_klaviyo_key

CANARIES = {
    **{f"Key {n}": (CredentialKind.KLAVIYO_API_KEY, a_klaviyo_key(100 + n)) for n in range(3)},
    "Password": (CredentialKind.DATABASE_PASSWORD, "canary päss/word & más"),
    "Long password": (CredentialKind.DATABASE_PASSWORD, "canary " * 20),
}


# Secrets stored in the open on purpose: others, since a file keeps what was deleted from it for a while.
CONTROLS = {
    "Key": (CredentialKind.KLAVIYO_API_KEY, a_klaviyo_key(200)),
    "Password": (CredentialKind.DATABASE_PASSWORD, "control päss/word & más"),
    "Long password": (CredentialKind.DATABASE_PASSWORD, "control " * 20),
}


def spellings(secret: str) -> set[bytes]:
    raw = secret.encode()
    # What base64 makes of the bytes depends on where among three they begin.
    shifted = {base64.b64encode(b"\x00" * pad + raw)[4:-4] for pad in range(3)}
    return {
        raw,
        secret.encode("utf-16-le"),
        secret.encode("utf-16-be"),
        raw.hex().encode(),
        raw.hex().upper().encode(),
        *shifted,
        *(text.translate(bytes.maketrans(b"+/", b"-_")) for text in shifted),
        quote(secret).encode(),
        json.dumps(secret)[1:-1].encode(),
        codecs.encode(secret, "rot13").encode(),
        raw[::-1],
    }


def found_in(dump: bytes, among: dict[str, tuple[CredentialKind, str]] = CANARIES) -> list[str]:
    return [
        name for name, (_, secret) in among.items() if any(spelling in dump for spelling in spellings(secret))
    ]


def dump() -> bytes:
    """Every value of every table, and on SQLite the bytes of the database's files."""
    parts = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            parts += [_bytes(value) for row in cursor.fetchall() for value in row]
    if connection.vendor == "sqlite":
        file = Path(connection.settings_dict["NAME"])
        parts += [_bytes_of(path) for path in sorted(file.parent.glob(f"{file.name}*"))]
    return b"\n".join(parts)


def _bytes_of(path: Path) -> bytes:
    # Closing a file of SQLite's in this process would drop the locks of every connection in it.
    return subprocess.run(["cat", path], stdout=subprocess.PIPE, check=True).stdout


def _bytes(value: object) -> bytes:
    return bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()


@pytest.mark.django_db(transaction=True)
class TestDatabase:
    def test_holds_no_secret_in_any_spelling(self, keys):
        for name, (kind, secret) in CANARIES.items():
            credential = Credential(name=name, kind=kind)
            vault.save_secret(credential, secret)
            activity.record(None, "credential_made", credential, version=credential.version)

        assert found_in(dump()) == []

    @pytest.mark.parametrize("name", CONTROLS)
    def test_would_show_one_that_was_stored_in_the_open(self, keys, name):
        kind, secret = CONTROLS[name]
        Credential.objects.create(name=name, kind=kind, description=secret)

        assert name in found_in(dump(), CONTROLS)
