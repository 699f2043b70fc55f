"""How a person and a row are known at rest: by keyed hashes that are stable across machines and versions."""

import datetime
import hashlib
import hmac
import json
import uuid
from collections.abc import Callable, Sequence
from decimal import Decimal

from audiences import normalise

KEY_BYTES = 16
_TAGGED = {
    datetime.datetime: "datetime",
    datetime.date: "date",
    datetime.time: "time",
    Decimal: "decimal",
    uuid.UUID: "uuid",
}


class Keyer:
    """Make keys of addresses and hashes of rows with one secret of at least 16 bytes.

    Both are 32 lower-case hexadecimal characters. What is stored depends on them: the pinned vectors in
    the tests must never change.
    """

    def __init__(self, secret: bytes) -> None:
        if len(secret) < KEY_BYTES:
            raise ValueError("the secret of a Keyer needs at least 16 bytes")
        self._address_secret = hashlib.blake2b(secret, person=b"rollcall-address").digest()
        self._row_secret = hashlib.blake2b(secret, person=b"rollcall-row").digest()

    def key(self, email: str) -> str:
        """Return the key of the person with this address, however it is written.

        An address that the rules refuse still has a key, so that a member who holds one can be known.
        """
        try:
            clean = normalise.email(email)
        except normalise.Refused:
            clean = normalise.trimmed(email).lower()
        return self.key_of_clean(clean)

    def key_of_clean(self, email: str) -> str:
        """Return the key of an address that `normalise.email` has returned."""
        data = email.encode("utf-8", "surrogatepass")
        return hmac.digest(self._address_secret, data, "sha256")[:KEY_BYTES].hex()

    def row_hash(self, values: Sequence[object]) -> str:
        """Return the hash of values in their order; their types and their absence count."""
        return self.row_hasher(())(values)

    def row_hasher(self, shape: Sequence[str]) -> Callable[[Sequence[object]], str]:
        """Return `row_hash` for rows of one shape: the same values under other names hash otherwise."""
        base = hashlib.blake2b(key=self._row_secret, digest_size=KEY_BYTES)
        if shape:
            base.update(_encode(list(shape)).encode() + b"\n")

        def row_hash(values: Sequence[object]) -> str:
            digest = base.copy()
            digest.update(_encode(values).encode())
            return digest.hexdigest()

        return row_hash


def _tag(value: object) -> object:
    for kind, name in _TAGGED.items():
        if isinstance(value, kind):
            return {f"\x00{name}": value.isoformat() if hasattr(value, "isoformat") else str(value)}
    if isinstance(value, bytes | bytearray | memoryview):
        return {"\x00bytes": bytes(value).hex()}
    raise TypeError(f"a {type(value).__name__} has no stable hash")


# JSON marks what a row hash must not lose: null, true, 1, 1.0, "1" and "" are all written differently.
_encode = json.JSONEncoder(ensure_ascii=True, sort_keys=True, separators=(",", ":"), default=_tag).encode
