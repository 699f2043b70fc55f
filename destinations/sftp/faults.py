"""What can go wrong with a server of files, in our own words; what the server says never gets into them."""

import struct
from collections.abc import Callable

import paramiko
from paramiko.sftp import SFTP_NO_SUCH_FILE, SFTP_PERMISSION_DENIED

from credentials.host_keys import Pin
from destinations.errors import Ambiguous, DeliveryError, NeedsDecision, Rejected, RetryLater
from destinations.sftp.address import Address

NO_SUCH_FILE, PERMISSION_DENIED = SFTP_NO_SUCH_FILE, SFTP_PERMISSION_DENIED
# SFTP 6 has words for what SFTP 3 calls a failure; some servers of 3 use them.
_FULL = frozenset({14, 15})
_LOST = frozenset({6, 7})


class RemoteStatus(OSError):
    """The server answered a request with a status other than OK. `status` is its number, and all we keep."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.status = status


class FromCaller(Exception):
    """The caller's own code raised `cause` amid a talk with the server, which has nothing to do with it."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__()
        self.cause = cause


def tell(listener: Callable[..., None], *facts: int) -> None:
    """Call the caller's code. Raises FromCaller with whatever it raises."""
    try:
        listener(*facts)
    except BaseException as error:
        raise FromCaller(error) from None


# Everything that a connection, or a server that talks nonsense, makes the library raise.
BROKEN = (
    OSError,
    EOFError,
    paramiko.SSHException,
    paramiko.SFTPError,
    struct.error,
    UnicodeError,
    IndexError,
    ValueError,
    OverflowError,
)


class HostKeyRefused(NeedsDecision):
    """The server is not one that a person accepted. Nothing was sent to it that could log in.

    `presented` is the key it showed; `pinned` are those accepted, none when the code is `host_key_unknown`.
    """

    def __init__(self, address: Address, *, presented: Pin, pinned: tuple[Pin, ...]) -> None:
        if pinned:
            known = " or ".join(map(str, pinned))
            message = (
                f"The SFTP server {address} shows another host key than the one accepted: {presented}, not "
                f"{known}. Nothing was sent to it. Ask whoever runs the server whether its key was changed."
            )
        else:
            message = (
                f"The SFTP server {address} shows a host key that nobody has accepted yet: {presented}. "
                "Nothing was sent to it. Compare the fingerprint with the one its owner gives, then "
                "accept it on the page of the credential."
            )
        code = "host_key_changed" if pinned else "host_key_unknown"
        facts = {"presented": str(presented), "pinned": [str(pin) for pin in pinned]}
        super().__init__(code, message, facts=facts)
        self.presented, self.pinned = presented, pinned


def incomplete(name: str) -> NeedsDecision:
    return NeedsDecision(
        "sftp_login_refused", f'Credential "{name}" does not say yet at which host and as whom to log in.'
    )


def unavailable(address: Address, why: str) -> RetryLater:
    """`why` continues the sentence. Nothing was written when this is raised."""
    return RetryLater(
        "sftp_unavailable", f"The SFTP server {address} {why}. Nothing was written.", not_sent=True
    )


def not_connected(address: Address, error: BaseException, *, late: bool) -> RetryLater:
    if isinstance(error, paramiko.ssh_exception.IncompatiblePeer):
        return unavailable(address, "and Rollcall have no safe way to encrypt in common")
    if late or isinstance(error, TimeoutError):
        return unavailable(address, "did not answer in time")
    return unavailable(address, "could not be reached, or is no SSH server")


def dropped(address: Address, *, late: bool) -> RetryLater:
    """The connection ended, or was ended for being silent, before anything was written."""
    return unavailable(address, "went silent" if late else "dropped the connection")


def login_refused(address: Address) -> NeedsDecision:
    return NeedsDecision(
        "sftp_login_refused",
        f"The SFTP server {address} does not accept this key for this user. Give the server the public key "
        "shown on the page of the credential, or replace the key.",
    )


def no_sftp(address: Address) -> NeedsDecision:
    return NeedsDecision(
        "sftp_denied",
        f"The SFTP server {address} accepted the login but does not let it use SFTP. Ask whoever runs the "
        "server to allow it.",
    )


def cut(address: Address, *, late: bool) -> Ambiguous:
    """The connection ended while, or after, something was written."""
    how = "stopped answering" if late else "cut the connection"
    return Ambiguous(
        "sftp_cut",
        f"The SFTP server {address} {how} during the upload. Only whole rows were sent; the file is to be "
        "sent again under another name.",
    )


def stopped(address: Address) -> RetryLater:
    """The caller stopped an upload, and what was there of it is gone."""
    error = unavailable(address, "was sent a part of a file, which was taken back")
    error.left_nothing = True
    return error


def no_space(address: Address, *, kept: int | None = None, wanted: int | None = None) -> NeedsDecision:
    """The server kept less than was sent, or refused a write as a full one does."""
    figures = "" if kept is None else f" ({kept:,} of {wanted:,} bytes kept)"
    return NeedsDecision(
        "sftp_no_space",
        f"The SFTP server {address} did not keep the whole file{figures}: its disk or quota is full, or it "
        "refused to write. Nothing counts as delivered. Make room there.",
    )


def folder_missing(address: Address) -> NeedsDecision:
    return NeedsDecision(
        "sftp_folder_missing",
        f"The SFTP server {address} does not have the folder that the settings name, or does not show it to "
        "this login. Make the folder, or correct its name.",
    )


def denied(address: Address, doing: str) -> NeedsDecision:
    """`doing` says what was not allowed, as in "write into the folder"."""
    return NeedsDecision(
        "sftp_denied",
        f"The SFTP server {address} does not let this login {doing}. Ask whoever runs the server for the "
        "permission, or use another folder.",
    )


def name_taken(address: Address) -> Rejected:
    return Rejected(
        "sftp_name_taken",
        f"The SFTP server {address} has a file of this name already, and it was left alone. "
        "The part goes under another name.",
    )


def row_too_long(limit: int) -> Rejected:
    return Rejected(
        "too_large",
        f"A row of the file is longer than {limit:,} bytes, the most that this server takes in one write. "
        "A row is never split, so that a cut cannot damage it. Map fewer or shorter columns.",
    )


def of_folder(address: Address, error: RemoteStatus, *, doing: str) -> DeliveryError:
    """Return what a refusal to enter or use a folder means."""
    if error.status == NO_SUCH_FILE:
        return folder_missing(address)
    if error.status in _LOST:
        return dropped(address, late=False)
    if error.status in _FULL:
        return no_space(address)
    return denied(address, doing)


def of_writing(address: Address, error: RemoteStatus) -> DeliveryError:
    """Return what a refusal means that came for a write or a close."""
    if error.status == PERMISSION_DENIED:
        return denied(address, "write the file to its end")
    if error.status in _LOST:
        return cut(address, late=False)
    return no_space(address)
