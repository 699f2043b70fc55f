"""Keys of SSH as people have them: each type in each form, with a passphrase and without."""

from functools import cache

from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

PASSPHRASE = "canary passphrase 7"

# Made by ssh-keygen, which also said its fingerprint; the passphrase is "correct horse".
KEYGEN = """-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABBJZqYlho
lHNW7kerxXnXLyAAAAEAAAAAEAAAAzAAAAC3NzaC1lZDI1NTE5AAAAIOQapYN6NDVdq57d
JIYiGlliYD8I1mBJq0CbkXZH91zjAAAAoPBqCm7Wr9b4Un9sB3G1Z8d9KKx4d12j+Ii4H7
a0a/fVmLdrQRp8t4D6ABYaav+8+MQWWWcGtCVgvf3ew62rkKwUrxtxpAdH9UZpSZCMsmeN
jjYAJ95GPMiOOsHD9WNkdRQZwSlSWTQZziWGxuT9gwZX+t3Vd48Yhvh1jmatIXhZLq8YW6
tRKkzermN2i+7uT1CAhCp+jxllmM56dYGCSn0=
-----END OPENSSH PRIVATE KEY-----
"""
KEYGEN_FINGERPRINT = "SHA256:I9RTqdeTlgjyhW3cRi7yRm7kr04AaMGH2nOVcbk+QxQ"

FORMS = {
    "openssh": PrivateFormat.OpenSSH,
    "pkcs8": PrivateFormat.PKCS8,
    "pem": PrivateFormat.TraditionalOpenSSL,
}
TYPES = {
    "ed25519": "ssh-ed25519",
    "rsa": "ssh-rsa",
    "nistp256": "ecdsa-sha2-nistp256",
    "nistp384": "ecdsa-sha2-nistp384",
    "nistp521": "ecdsa-sha2-nistp521",
}


@cache
def key(name: str):
    """Return one key of that name, the same each time."""
    return {
        "ed25519": ed25519.Ed25519PrivateKey.generate,
        "rsa": lambda: rsa.generate_private_key(65_537, 2048),
        "rsa1024": lambda: rsa.generate_private_key(65_537, 1024),
        "nistp256": lambda: ec.generate_private_key(ec.SECP256R1()),
        "nistp384": lambda: ec.generate_private_key(ec.SECP384R1()),
        "nistp521": lambda: ec.generate_private_key(ec.SECP521R1()),
        "secp256k1": lambda: ec.generate_private_key(ec.SECP256K1()),
        "dsa": lambda: dsa.generate_private_key(1024),
        "ed448": ed448.Ed448PrivateKey.generate,
    }[name]()


def text(name: str = "ed25519", form: str = "openssh", passphrase: str | None = None) -> str:
    """Return the file of a key."""
    lock = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    return key(name).private_bytes(Encoding.PEM, FORMS[form], lock).decode()


def public_line(name: str = "ed25519") -> str:
    return key(name).public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def canaries(private: str) -> set[str]:
    """Return the lines of a key's file that are its own: no text that we write may hold one."""
    return {line for line in private.splitlines() if len(line) > 20 and "-----" not in line}
