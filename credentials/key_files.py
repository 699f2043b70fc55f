"""What kind of key file a text is, told from its outside before anything in it is opened."""

import base64
import binascii
import re
import struct
from dataclasses import dataclass

NO_DSA = "This is a DSA key, which servers no longer take. Use an Ed25519 key."

# OpenSSH writes 16 to 24 rounds; each takes some ten milliseconds, and the file may ask for billions.
MOST_ROUNDS = 256
# OpenSSL writes 2,048, and careful people a million; ten million take some seconds.
MOST_ITERATIONS = 10_000_000

_OPENSSH = "-----BEGIN OPENSSH PRIVATE KEY-----"
_LOCKED_PEM = "-----BEGIN ENCRYPTED PRIVATE KEY-----"
_PEMS = (
    "-----BEGIN PRIVATE KEY-----",
    "-----BEGIN RSA PRIVATE KEY-----",
    "-----BEGIN EC PRIVATE KEY-----",
    "-----BEGIN EC PARAMETERS-----",
    _LOCKED_PEM,
)
_PUBLIC = re.compile(r"(sk-)?(ssh-(ed25519|rsa|dss)|ecdsa-sha2-)\S* |-+ ?BEGIN (SSH2 |RSA )?PUBLIC KEY")
_MAGIC = b"openssh-key-v1\0"
_SCRYPT = bytes.fromhex("06092b06010401da47040b")


@dataclass(frozen=True)
class _Container:
    """The open part of an OpenSSH file: how it is locked, and the type of its public half."""

    kdf: bytes
    rounds: int
    type: str


def problem(text: str) -> str:
    """Return why this text cannot be a private key that we take, or nothing. It holds nothing of the text."""
    return _foreign(text) or _unfinished(text) or _unusable(text)


def is_openssh(text: str) -> bool:
    return text.startswith(_OPENSSH)


def is_locked(text: str) -> bool:
    """Whether a passphrase opens it."""
    if is_openssh(text):
        container = _container(text)
        return container is not None and container.kdf != b"none"
    return text.startswith(_LOCKED_PEM) or "Proc-Type: 4,ENCRYPTED" in text


def _foreign(text: str) -> str:
    if not text.strip():
        return "Nothing was pasted."
    if text.startswith("PuTTY-User-Key-File"):
        return (
            "This is a key of PuTTY (.ppk). Open it in PuTTYgen, choose Conversions, Export OpenSSH key, "
            "and paste that file."
        )
    if _PUBLIC.match(text):
        return (
            "This is the public half of a key, which the server is given. Paste the private half: the file "
            "without .pub, which begins with -----BEGIN."
        )
    if text.startswith("---- BEGIN SSH2 ENCRYPTED"):
        return "This is a key of SSH Tectia. Convert it with: ssh-keygen -i -f FILE"
    if text.startswith("-----BEGIN CERTIFICATE"):
        return "This is a certificate, not a private key."
    if text.startswith("-----BEGIN DSA "):
        return NO_DSA
    if not text.startswith((_OPENSSH, *_PEMS)):
        return "This is not a private key. One begins with -----BEGIN OPENSSH PRIVATE KEY----- or alike."
    return ""


def _unfinished(text: str) -> str:
    if "\\n" in text:
        return r"The line breaks of this key are written as \n. Paste the file as it is, with line breaks."
    if not re.search(r"-----END [A-Z ]+ KEY-----\s*$", text):
        return "The end of the key is missing. Copy the whole file, to the line that begins with -----END."
    return ""


def _unusable(text: str) -> str:
    if not is_openssh(text):
        return _too_costly(text)
    container = _container(text)
    if container is None:
        return "This is not a whole private key; part of it may be missing. Copy the whole file again."
    if container.rounds > MOST_ROUNDS:
        return f"This key was protected with {container.rounds:,} rounds; at most {MOST_ROUNDS} are taken."
    if container.type == "ssh-dss":
        return NO_DSA
    if container.type.startswith("sk-"):
        return (
            "This key lives in a security key, and works only where that is plugged in. Use an Ed25519 key."
        )
    return ""


def _container(text: str) -> _Container | None:
    body = re.sub(r"-----[A-Z ]+-----|\s", "", text)
    try:
        data = base64.b64decode(body, validate=True)
        if not data.startswith(_MAGIC):
            return None
        _, rest = _string(data[len(_MAGIC) :])
        kdf, rest = _string(rest)
        options, rest = _string(rest)
        rounds = struct.unpack(">I", _string(options)[1])[0] if options else 0
        public, _ = _string(rest[4:])
        kind, _ = _string(public)
    except (binascii.Error, ValueError, struct.error):
        return None
    return _Container(kdf, rounds, kind.decode("ascii", errors="replace"))


def _string(data: bytes) -> tuple[bytes, bytes]:
    """Return SSH's string at the beginning, and what follows it. Raises struct.error when it is cut short."""
    (length,) = struct.unpack(">I", data[:4])
    if len(data) < 4 + length:
        raise struct.error("cut short")
    return data[4 : 4 + length], data[4 + length :]


def _too_costly(text: str) -> str:
    """Return why a locked PKCS#8 file would keep us busy for long: what it costs is written in it."""
    if not text.startswith(_LOCKED_PEM):
        return ""
    try:
        data = base64.b64decode(re.sub(r"-----[A-Z ]+-----|\s", "", text), validate=True)
    except (binascii.Error, ValueError):
        return "This is not a whole private key; part of it may be missing. Copy the whole file again."
    # EncryptedPrivateKeyInfo begins with how it is locked; what is locked follows as an octet string.
    head = data[:200]
    if _SCRYPT in head:
        return "This key is protected with scrypt. Protect it again with: ssh-keygen -p -o -f FILE"
    if any(number > MOST_ITERATIONS for number in _integers(head)):
        return (
            f"This key was protected with more than {MOST_ITERATIONS:,} iterations; it would take too long."
        )
    return ""


def _integers(data: bytes) -> list[int]:
    """Return the integers of DER, as deep as they stand; what is cut off is left out."""
    found, place = [], 0
    while place + 2 <= len(data):
        tag, length, start = data[place], data[place + 1], place + 2
        if length & 0x80:
            start += length & 0x7F
            length = int.from_bytes(data[place + 2 : start])
        value = data[start : start + length]
        if tag == 0x02:
            found.append(int.from_bytes(value))
        elif tag & 0x20:
            found += _integers(value)
        place = start + length
    return found
