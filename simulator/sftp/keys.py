"""Host keys kept on disk, and public keys as people paste them."""

import base64
import binascii
import hashlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

import paramiko
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

ED25519 = "ssh-ed25519"
PrivateKey = ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
MAKERS: dict[str, Callable[[], PrivateKey]] = {
    ED25519: ed25519.Ed25519PrivateKey.generate,
    "ssh-rsa": lambda: rsa.generate_private_key(65537, 2048),
    "ecdsa-sha2-nistp256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ecdsa-sha2-nistp384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ecdsa-sha2-nistp521": lambda: ec.generate_private_key(ec.SECP521R1()),
}
# "API caps the public key text at 2,048 characters", from the pages of AWS Transfer Family.
LONGEST_LINE = 2_048


class HostKeys:
    """The server's keys, one of each type, made when first asked for; `other` ones are another machine's."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._held: dict[str, paramiko.PKey] = {}

    def own(self, kind: str) -> paramiko.PKey:
        return self._key(f"host_{kind}", kind)

    def other(self, kind: str) -> paramiko.PKey:
        return self._key(f"other_{kind}", kind)

    def _key(self, name: str, kind: str) -> paramiko.PKey:
        if kind not in MAKERS:
            raise ValueError(f"a host key is one of {', '.join(MAKERS)}")
        with self._lock:
            if name not in self._held:
                path = self._folder / name
                if not path.exists():
                    _make(path, kind)
                self._held[name] = paramiko.PKey.from_path(path)
            return self._held[name]


def _make(path: Path, kind: str) -> None:
    text = MAKERS[kind]().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.part")
    with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(text)
    unfinished.replace(path)


def fingerprint(blob: bytes) -> str:
    """Return a key's fingerprint as `ssh-keygen -l` writes it: `SHA256:` and 43 characters."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def shown(key: paramiko.PKey) -> str:
    """Return type and fingerprint: `ssh-ed25519 SHA256:…`."""
    return f"{key.get_name()} {fingerprint(key.asbytes())}"


def public_blob(line: str) -> bytes:
    """Return the key in a line such as `ssh-ed25519 AAAA… comment`. Raises ValueError when there is none."""
    words = line.split()
    if len(line) > LONGEST_LINE or len(words) < 2 or words[0] not in MAKERS:
        raise ValueError(f"a public key is a line that begins with one of {', '.join(MAKERS)}")
    try:
        blob = base64.b64decode(words[1], validate=True)
        paramiko.PKey.from_type_string(words[0], blob)
    except (binascii.Error, paramiko.SSHException, ValueError) as error:
        raise ValueError("the public key is not whole") from error
    return blob
