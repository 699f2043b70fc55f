"""A server of raw bytes, for answers that no well-behaved one gives."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

Behaviour = Callable[[socket.socket, threading.Event], None]


@contextmanager
def serving(behave: Behaviour) -> Iterator[str]:
    """Serve one connection after the other with `behave(connection, stopping)`; yield the URL."""
    stopping = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.05)
        thread = threading.Thread(target=_serve, args=(listening, behave, stopping), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        stopping.set()
        thread.join(10)


def _serve(listening: socket.socket, behave: Behaviour, stopping: threading.Event) -> None:
    while not stopping.is_set():
        try:
            connection, _ = listening.accept()
        except TimeoutError:
            continue
        with connection, suppress(OSError):
            connection.settimeout(5)
            behave(connection, stopping)


def request(connection: socket.socket) -> bytes:
    """Read the head of a request."""
    head = b""
    while b"\r\n\r\n" not in head:
        piece = connection.recv(65_536)
        if not piece:
            break
        head += piece
    return head


def answering(answer: bytes) -> Behaviour:
    """Give the same bytes to every request and close."""

    def behave(connection: socket.socket, stopping: threading.Event) -> None:
        request(connection)
        connection.sendall(answer)

    return behave


def dripping(start: bytes, drop: bytes, *, pause_seconds: float) -> Behaviour:
    """Send `start`, and then `drop` again and again."""

    def behave(connection: socket.socket, stopping: threading.Event) -> None:
        request(connection)
        connection.sendall(start)
        while not stopping.wait(pause_seconds):
            connection.sendall(drop)

    return behave


def self_signed(path: Path) -> Path:
    """Write a certificate for 127.0.0.1 that nobody has signed, with its key, into one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path


def speaking_tls(certificate: Path) -> Behaviour:
    """Shake hands with a certificate, and answer nothing."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)

    def behave(connection: socket.socket, stopping: threading.Event) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            request(secured)

    return behave


def silent(connection: socket.socket, stopping: threading.Event) -> None:
    """Read the request and say nothing."""
    request(connection)
    stopping.wait(20)


def whole(body: bytes, *, status: str = "200 OK", headers: bytes = b"") -> bytes:
    """Return a complete answer."""
    length = f"content-length: {len(body)}\r\n".encode()
    return b"HTTP/1.1 " + status.encode() + b"\r\n" + length + headers + b"\r\n" + body
