"""Private keys of SSH: read in any usual form, said in one, named by their fingerprint."""

import base64
import binascii
import hashlib
import re
import warnings
from dataclasses import dataclass, field

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_ssh_private_key,
)

from credentials import key_files

# An RSA key of 16,384 bits takes 13 kB; nothing that is a key comes near this.
LONGEST = 64 * 1024
LEAST_RSA_BITS = 2048

_CURVES = ("secp256r1", "secp384r1", "secp521r1")
_Usable = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


class BadKey(ValueError):
    """This cannot be used as a private key; the message says why and what to do, never what it holds."""


@dataclass(frozen=True)
class PrivateKey:
    """`openssh` is the key itself, without a passphrase; the rest may be shown to anybody.

    `type` is SSH's own word (`ssh-ed25519`), `public_line` the line that a server is given, without a
    comment, `fingerprint` what `ssh-keygen -l` prints: `SHA256:` and 43 characters.
    """

    type: str
    openssh: str = field(repr=False)
    public_line: str
    fingerprint: str


def read(text: str, passphrase: str | None = None) -> PrivateKey:
    """Return the key written in `text` (OpenSSH, PKCS#8 or PEM); the passphrase is not needed afterwards.

    RSA of 2,048 bits or more, ECDSA on the curves of NIST, and Ed25519 are taken. Raises BadKey.
    """
    if len(text) > LONGEST:
        raise BadKey("This is longer than any private key. Paste the key alone.")
    lines = "\n".join(line.strip() for line in text.strip().splitlines()) + "\n"
    if problem := key_files.problem(lines):
        raise BadKey(problem)
    return _described(_usable(_loaded(lines, (passphrase or "").encode(errors="replace"))))


def generate() -> PrivateKey:
    """Return a new Ed25519 key."""
    return _described(ed25519.Ed25519PrivateKey.generate())


def fingerprint(public: str | bytes) -> str:
    """Return `SHA256:…` of a public key, given as its line or as the bytes in it. Raises BadKey."""
    if isinstance(public, str):
        parts = public.split()
        try:
            public = base64.b64decode(parts[1], validate=True)
        except (IndexError, binascii.Error, ValueError):
            raise BadKey("This is not the line of a public key.") from None
    return "SHA256:" + base64.b64encode(hashlib.sha256(public).digest()).decode().rstrip("=")


def _loaded(text: str, passphrase: bytes) -> object:
    load = load_ssh_private_key if key_files.is_openssh(text) else load_pem_private_key
    locked = key_files.is_locked(text)
    if locked and not passphrase:
        raise BadKey("This key is protected by a passphrase. Give the passphrase too; it is not kept.")
    try:
        with warnings.catch_warnings():
            # The library warns of types and ciphers that are old; we refuse those types ourselves.
            warnings.simplefilter("ignore")
            return load(text.encode(), passphrase if locked else None)
    except UnsupportedAlgorithm:
        raise BadKey(
            "This key is of a type, or protected in a way, that is not understood here. "
            "Paste an Ed25519 key as ssh-keygen makes it, or let Rollcall make one."
        ) from None
    except (ValueError, TypeError, OverflowError):
        # Neither the library's words nor its traceback go on: they were near the key.
        raise BadKey(
            "The passphrase does not open this key, or the key was damaged. Check both."
            if locked
            else "This is not a whole private key; part of it may be missing. Copy the whole file again."
        ) from None


def _usable(key: object) -> _Usable:
    if isinstance(key, dsa.DSAPrivateKey):
        raise BadKey(key_files.NO_DSA)
    if isinstance(key, rsa.RSAPrivateKey):
        if key.key_size < LEAST_RSA_BITS:
            raise BadKey(
                f"This RSA key has {key.key_size:,} bits; fewer than {LEAST_RSA_BITS:,} are not safe. "
                "Use an Ed25519 key."
            )
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        return key
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key
    raise BadKey("SSH has no use for a key of this type. Use Ed25519, ECDSA (NIST) or RSA.")


def _described(key: _Usable) -> PrivateKey:
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    line = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    line = " ".join(re.split(r"\s+", line.strip())[:2])
    return PrivateKey(
        type=line.partition(" ")[0], openssh=private, public_line=line, fingerprint=fingerprint(line)
    )
