"""The only place that seals and opens: secrets of credentials, and files of workflows."""

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from credentials import kinds, ssh_keys
from credentials.keyring import (
    KEY_BYTES,
    NONCE_BYTES,
    TAG_BYTES,
    Key,
    Keyring,
    Tampered,
    UnknownKey,
    VaultError,
    key_material,
    read_keyring,
)
from credentials.models import Credential

__all__ = [
    "NoSecret",
    "RefusedSecret",
    "StaleCredential",
    "Tampered",
    "UnknownKey",
    "VaultError",
    "candidate",
    "derive",
    "keyring",
    "reveal",
    "save_secret",
    "seal",
    "unsaved",
    "unseal",
]

_MAGIC = b"RCS1"
_KEY_ID_BYTES = 8


class NoSecret(VaultError):
    """The credential was made, but no secret was saved in it yet."""

    code = "credential_empty"


class RefusedSecret(ValueError):
    """The secret has a shape its kind cannot have; the message says which, without the secret."""

    code = "credential_refused"


class StaleCredential(Exception):
    """Somebody else replaced the secret since this credential was read; read it again."""


def keyring() -> Keyring:
    """Return the keys of the settings, newest first. Raises MalformedKey."""
    return read_keyring(settings.CREDENTIALS_KEYS)


@sensitive_variables()
def save_secret(credential: Credential, secret: str, *, passphrase: str | None = None) -> bool:
    """Seal `secret` into the credential; return False when it already held this one.

    A private key of SSH is sealed as OpenSSH text that needs no passphrase any more, and its public half is
    kept in `settings`. A credential that is not in the database yet is inserted. A new secret forgets what
    the old one was tested to open. Raises RefusedSecret for an impossible shape, StaleCredential when
    another replaced it first.
    """
    sealable = _sealable(credential.kind, secret, passphrase)
    if credential.has_secret and holds(credential, secret, passphrase=passphrase):
        return False
    _write(credential, sealable)
    return True


@sensitive_variables()
def unsaved(name: str, kind: str, secret: str, *, passphrase: str | None = None) -> Credential:
    """Return a credential that opens what `secret` opens and is in no database, to try something with.

    Raises RefusedSecret for an impossible shape.
    """
    sealable = _sealable(kind, secret, passphrase)
    key, credential = keyring().newest, Credential(name=name, kind=kind, version=1)
    credential.key_id, credential.settings = key.id, _public_settings(kind, sealable)
    credential.ciphertext = seal_for(credential, sealable, version=1, key=key)
    return credential


@sensitive_variables()
def candidate(credential: Credential, secret: str, *, passphrase: str | None = None) -> Credential:
    """Return the credential as it would be with another secret, to try that before it is stored.

    The database keeps what it has. Raises RefusedSecret for an impossible shape.
    """
    sealable = _sealable(credential.kind, secret, passphrase)
    key, version = keyring().newest, credential.version + 1
    public = _public_settings(credential.kind, sealable)
    made = Credential(
        pk=credential.pk,
        name=credential.name,
        kind=credential.kind,
        key_id=key.id,
        version=version,
        settings={**credential.settings, **public},
    )
    made.ciphertext = seal_for(made, sealable, version=version, key=key)
    return made


@sensitive_variables()
def reveal(credential: Credential) -> str:
    """Return the secret. The only decryption of a credential.

    Raises NoSecret, UnknownKey or Tampered, each naming the credential and what to do.
    """
    if not credential.has_secret:
        raise NoSecret(f'Credential "{credential.name}" holds no secret yet. Paste one.')
    try:
        key = keyring().find(credential.key_id)
        return key.decrypt(bytes(credential.ciphertext), bound_to=identity(credential)).decode()
    except UnknownKey:
        raise UnknownKey(
            f'The secret of credential "{credential.name}" was sealed with key {credential.key_id}, which is '
            "not in CREDENTIALS_KEYS. Put that key back, or paste the secret again."
        ) from None
    except Tampered:
        raise Tampered(
            f'The stored secret of credential "{credential.name}" was changed or moved since it was saved. '
            "Paste the secret again."
        ) from None


def seal_for(credential: Credential, secret: str, *, version: int, key: Key) -> bytes:
    """Return the bytes for this row and this version; they open nowhere else."""
    return key.encrypt(secret.encode(), bound_to=identity(credential, version=version))


def identity(credential: Credential, *, version: int | None = None) -> bytes:
    """Return the associated data `credentials.credential|<row id>|secret|<version>`."""
    number = credential.version if version is None else version
    return f"credentials.credential|{credential.pk}|secret|{number}".encode()


def seal(data: bytes, *, context: str) -> bytes:
    """Seal a file's bytes with the newest key; `context` names the one place where they may be opened.

    The result is self-describing: 4 bytes of format, 8 of key id, then nonce, ciphertext and tag.
    """
    key = keyring().newest
    return _MAGIC + bytes.fromhex(key.id) + key.encrypt(data, bound_to=_place(context))


def unseal(sealed: bytes, *, context: str) -> bytes:
    """Return what `seal` was given under the same context. Raises UnknownKey or Tampered."""
    head = len(_MAGIC) + _KEY_ID_BYTES
    if len(sealed) < head + NONCE_BYTES + TAG_BYTES or not sealed.startswith(_MAGIC):
        raise Tampered("This sealed file is cut short or was not sealed here.")
    key_id = sealed[len(_MAGIC) : head].hex()
    try:
        return keyring().find(key_id).decrypt(sealed[head:], bound_to=_place(context))
    except UnknownKey:
        raise UnknownKey(
            f"This file was sealed with key {key_id}, which is not in CREDENTIALS_KEYS. Put that key back."
        ) from None
    except Tampered:
        raise Tampered("This sealed file was changed or moved since it was written.") from None


def derive(purpose: str) -> bytes:
    """Return 32 bytes for keyed hashes, different for each purpose and stable while LOOKUP_KEY stays.

    They do not depend on CREDENTIALS_KEYS, so rotating those leaves every stored hash valid.
    """
    if not purpose:
        raise ValueError("a derived key needs a purpose")
    material = key_material(settings.LOOKUP_KEY, name="LOOKUP_KEY")
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=b"rollcall lookup", info=purpose.encode()).derive(
        material
    )


@sensitive_variables()
def holds(credential: Credential, secret: str, *, passphrase: str | None = None) -> bool:
    """Return whether the credential holds this secret already; a key of SSH may be written differently.

    What cannot be opened is not held: pasting the secret again is the remedy its message names.
    """
    try:
        stored = reveal(credential)
    except VaultError:
        return False
    if credential.kind not in kinds.SSH_KINDS:
        return stored == secret
    try:
        return ssh_keys.read(secret, passphrase).public_line == ssh_keys.read(stored).public_line
    except ssh_keys.BadKey:
        return False


@sensitive_variables()
def _sealable(kind: str, secret: str, passphrase: str | None) -> str:
    if problem := kinds.problem(kind, secret, passphrase):
        raise RefusedSecret(problem)
    return ssh_keys.read(secret, passphrase).openssh if kind in kinds.SSH_KINDS else secret


@sensitive_variables()
def _public_settings(kind: str, secret: str) -> dict[str, str]:
    return {"public_key": ssh_keys.read(secret).public_line} if kind in kinds.SSH_KINDS else {}


@sensitive_variables()
def _write(credential: Credential, secret: str) -> None:
    key, version = keyring().newest, credential.version + 1
    columns = {
        "ciphertext": seal_for(credential, secret, version=version, key=key),
        "key_id": key.id,
        "version": version,
        "hint": kinds.hint(credential.kind, secret),
        "account_id": "",
        "account_name": "",
        "scopes": [],
        "tested_at": None,
        "updated_at": timezone.now(),
    }
    public = _public_settings(credential.kind, secret)
    columns["settings"] = {**credential.settings, **public}
    if not credential._state.adding:
        with transaction.atomic():
            as_read = Credential.objects.filter(pk=credential.pk, version=credential.version)
            stored = as_read.select_for_update().first()
            if stored is None:
                raise StaleCredential(
                    f'Credential "{credential.name}" was changed by somebody else meanwhile.'
                )
            # A pin that was accepted since this credential was read stays.
            columns["settings"] = {**stored.settings, **public}
            as_read.update(**columns)
    for name, value in columns.items():
        setattr(credential, name, value)
    if credential._state.adding:
        credential.save(force_insert=True)


def _place(context: str) -> bytes:
    if not context:
        raise ValueError("a sealed file needs a context")
    return f"rollcall file|{context}".encode()
