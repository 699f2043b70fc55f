"""One connection to a server: its host key is compared before anything is said that could log in."""

import io
import socket
from collections.abc import Iterable
from contextlib import suppress
from types import TracebackType

import paramiko

from credentials import ssh_keys
from credentials.host_keys import Pin
from destinations.errors import DeliveryError
from destinations.sftp import faults
from destinations.sftp.address import Address, Timeouts
from destinations.sftp.dialling import dial
from destinations.sftp.faults import BROKEN, HostKeyRefused
from destinations.sftp.watch import Watch
from destinations.sftp.wire import LOG_CHANNEL, Client

KEEPALIVE_SECONDS = 15
_DYING_SECONDS = 0.3
# GCM first: the library would rather use CTR with a MAC beside it, which costs a third of the speed.
CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr")
MACS = ("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512")
# By the name in a key, the ways in which a server may prove that it has it.
HOST_KEYS = {
    "ssh-ed25519": ("ssh-ed25519",),
    "ecdsa-sha2-nistp256": ("ecdsa-sha2-nistp256",),
    "ecdsa-sha2-nistp384": ("ecdsa-sha2-nistp384",),
    "ecdsa-sha2-nistp521": ("ecdsa-sha2-nistp521",),
    "ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256"),
}
_NO_ANSWER = ("Authentication timeout.", "Authentication failed: transport shut down or saw EOF")


class LoginDropped(Exception):
    """The connection ended during the login, which may have been the server's way to refuse it."""


class Connection:
    """A line to a server that nobody has logged in to yet. Use it as a context manager.

    `verify`, `log_in` and `open_client` come in this order.
    """

    def __init__(self, address: Address, *, pins: tuple[Pin, ...], timeouts: Timeouts) -> None:
        """Connect and agree on keys. Raises RetryLater(sftp_unavailable)."""
        self.address = address
        self.timeouts = timeouts
        self._pins = pins
        try:
            connected = dial(address.host, address.port, seconds=timeouts.connect)
        except OSError as error:
            raise faults.not_connected(address, error, late=False) from None
        self._transport = _transport(connected, pins, timeouts)
        self.watch = Watch(self._end)
        try:
            self._agree()
        except DeliveryError:
            self.close()
            raise

    def presented(self) -> Pin:
        """Return the host key with which the server proved itself."""
        key = self._transport.get_remote_server_key()
        return Pin(key.get_name(), ssh_keys.fingerprint(key.asbytes()))

    def verify(self) -> None:
        """Raises HostKeyRefused unless the server showed one of the pinned keys."""
        presented = self.presented()
        if presented not in self._pins:
            raise HostKeyRefused(self.address, presented=presented, pinned=self._pins)

    def log_in(self, private_key: str) -> None:
        """Prove who we are with a private key (OpenSSH's text); `verify` must have passed.

        Raises NeedsDecision(sftp_login_refused), RetryLater when the server was silent, and LoginDropped.
        """
        self.verify()
        key = _signing_key(private_key)
        try:
            with self.watch.within(self.timeouts.auth):
                still_wanted = self._transport.auth_publickey(self.address.user, key)
        except BROKEN as error:
            if self.watch.late or str(error) == _NO_ANSWER[0]:
                raise faults.dropped(self.address, late=True) from None
            if isinstance(error, paramiko.AuthenticationException) and str(error) not in _NO_ANSWER:
                raise faults.login_refused(self.address) from None
            raise LoginDropped from None
        if still_wanted:
            raise faults.login_refused(self.address)

    def open_client(self) -> Client:
        """Start SFTP. Raises NeedsDecision(sftp_denied) when this login may not, RetryLater when lost."""
        self._transport.set_keepalive(KEEPALIVE_SECONDS)
        try:
            with self.watch.within(self.timeouts.channel):
                channel = self._transport.open_session(timeout=self.timeouts.channel)
                channel.settimeout(self.timeouts.channel)
                channel.invoke_subsystem("sftp")
                return Client(channel)
        except BROKEN as error:
            late = self.watch.late or isinstance(error, TimeoutError)
            # A connection that ends closes its channels first, and says so a moment later.
            self._transport.join(_DYING_SECONDS)
            if self._transport.is_active() and not late:
                raise faults.no_sftp(self.address) from None
            raise faults.dropped(self.address, late=late) from None

    @property
    def negotiated(self) -> tuple[str, str, bool]:
        """The cipher we send with, the type of the host key, and whether the exchange was strict."""
        transport = self._transport
        return transport.local_cipher, transport.host_key_type, transport.agreed_on_strict_kex

    def close(self) -> None:
        self.watch.close()
        self._transport.close()
        # Not active when the exchange of keys failed, and then its socket is still ours to close.
        self._transport.sock.close()

    def __enter__(self) -> "Connection":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _agree(self) -> None:
        seconds = self.timeouts.banner
        try:
            with self.watch.within(seconds):
                self._transport.start_client(timeout=seconds)
                # It returns without a word when the time is over.
                self._transport.get_remote_server_key()
        except BROKEN as error:
            late = self.watch.late or self._transport.is_active() or _is_timeout(error)
            raise faults.not_connected(self.address, error, late=late) from None

    def _end(self) -> None:
        """Free whoever waits for this connection, in whatever call."""
        # It may have ended by itself in this very moment.
        with suppress(OSError):
            self._transport.sock.shutdown(socket.SHUT_RDWR)
        self._transport.close()


def _transport(connected: socket.socket, pins: Iterable[Pin], timeouts: Timeouts) -> paramiko.Transport:
    transport = paramiko.Transport(connected, strict_kex=True)
    transport.set_log_channel(LOG_CHANNEL)
    options = transport.get_security_options()
    options.ciphers, options.digests = CIPHERS, MACS
    options.key_types = host_key_algorithms(pins)
    transport.banner_timeout = transport.handshake_timeout = timeouts.banner
    transport.auth_timeout = timeouts.auth
    transport.channel_timeout = transport.clear_to_send_timeout = timeouts.channel
    return transport


def host_key_algorithms(pins: Iterable[Pin]) -> tuple[str, ...]:
    """Return the proofs to ask a server for: first of the keys we know, so that it does not show another."""
    first = [way for pin in pins for way in HOST_KEYS.get(pin.type, ())]
    return tuple(dict.fromkeys([*first, *(way for ways in HOST_KEYS.values() for way in ways)]))


def _is_timeout(error: BaseException) -> bool:
    # The banner's own timeout comes as text inside a general error.
    return isinstance(error, TimeoutError) or "timeout" in str(error).lower()


def _signing_key(text: str) -> paramiko.PKey:
    kinds = {"ssh-ed25519": paramiko.Ed25519Key, "ssh-rsa": paramiko.RSAKey}
    kind = kinds.get(ssh_keys.read(text).type, paramiko.ECDSAKey)
    return kind.from_private_key(io.StringIO(text))
