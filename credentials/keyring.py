"""The keys that seal: read from settings, named by fingerprint, newest first."""

import base64
import binascii
import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16


class MalformedKey(Exception):
    """A key in the settings cannot be used; the message says which and why, never what it holds."""


class VaultError(Exception):
    """A sealed thing stays closed; the message says which and what to do. `code` is stable."""

    code = "credential_unreadable"


class UnknownKey(VaultError):
    """It was sealed with a key that is not in the settings; putting the key back opens it again."""

    code = "credential_key_missing"


class Tampered(VaultError):
    """Its bytes, its row or its version are not those it was sealed with; nobody can open it any more."""

    code = "credential_tampered"


@dataclass(frozen=True)
class Key:
    """`id` is 16 hex characters of the key's fingerprint: it names the key and tells nothing about it."""

    id: str
    material: bytes = field(repr=False)

    def encrypt(self, data: bytes, *, bound_to: bytes) -> bytes:
        """Return nonce, ciphertext and tag in one; the nonce is fresh each time."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + AESGCM(self.material).encrypt(nonce, data, bound_to)

    def decrypt(self, sealed: bytes, *, bound_to: bytes) -> bytes:
        """Return what `encrypt` was given. Raises Tampered when anything differs, `bound_to` included."""
        try:
            return AESGCM(self.material).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound_to)
        except (InvalidTag, ValueError):
            raise Tampered("It was changed or moved since it was sealed.") from None


@dataclass(frozen=True)
class Keyring:
    keys: tuple[Key, ...]

    @property
    def newest(self) -> Key:
        return self.keys[0]

    def find(self, key_id: str) -> Key:
        """Return the key of that name. Raises UnknownKey."""
        for key in self.keys:
            if key.id == key_id:
                return key
        raise UnknownKey(f"It was sealed with key {key_id}, which is not in CREDENTIALS_KEYS.")

    def __contains__(self, key_id: object) -> bool:
        return any(key.id == key_id for key in self.keys)


def read_keyring(texts: Sequence[str]) -> Keyring:
    """Return the keyring written in the settings, newest first. Raises MalformedKey."""
    if isinstance(texts, str) or not texts:
        raise MalformedKey("CREDENTIALS_KEYS holds no key; give at least one.")
    keys = tuple(
        _key(key_material(text, name=f"Key {place} of CREDENTIALS_KEYS"))
        for place, text in enumerate(texts, start=1)
    )
    if len({key.id for key in keys}) < len(keys):
        raise MalformedKey("CREDENTIALS_KEYS holds the same key twice; keep each once, newest first.")
    return Keyring(keys)


def key_material(text: str, *, name: str) -> bytes:
    """Return the 32 bytes written as URL-safe base64, with or without its padding. Raises MalformedKey."""
    if text != text.strip():
        raise MalformedKey(f"{name} has white space around it; remove it.")
    try:
        material = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise MalformedKey(f"{name} is not URL-safe base64.") from None
    if len(material) != KEY_BYTES:
        raise MalformedKey(f"{name} is {len(material)} bytes long; it must be {KEY_BYTES} random bytes.")
    if len(set(material)) < KEY_BYTES // 4:
        raise MalformedKey(f"{name} repeats a few bytes; it must be {KEY_BYTES} random bytes.")
    return material


def _key(material: bytes) -> Key:
    return Key(id=hashlib.sha256(b"rollcall key id|" + material).hexdigest()[:16], material=material)
