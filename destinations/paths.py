"""The ways to a destination: which a data template may use, whose key opens the server, where files go."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from credentials.models import Credential
from destinations.errors import NeedsDecision
from destinations.file_choices import BadChoice, Choices
from destinations.keeping import shared_key_problem
from destinations.models import Destination, Mode, Path
from destinations.registry import PLUGINS, Plugin
from destinations.sftp.address import Address

__all__ = [
    "check_server",
    "default_folder",
    "file_choices",
    "files_credential",
    "problem",
    "required_credential",
    "server_account",
    "server_address",
    "shared_key_problem",
]


def files_credential(destination: Destination) -> Credential | None:
    """Return the credential that opens the server files go to; None where there is none."""
    if PLUGINS[destination.plugin].delivers == "file":
        return destination.credential
    return destination.sftp_credential


def default_folder(destination: Destination) -> str:
    """Return the folder that holds where the destination states none; '' leaves it to its plugin."""
    credential = files_credential(destination)
    return str(credential.settings.get("folder") or "") if credential else ""


def server_account(destination: Destination) -> str:
    """Return who a destination's files go to, as a login at a server; '' while that is not known."""
    credential = files_credential(destination)
    address = Address.of(credential.settings) if credential else None
    return address.account_id if address and address.is_complete else ""


def server_address(destination: Destination) -> dict[str, Any]:
    """Return host, port and user of the server that files go to, as they are now; {} where there is none."""
    credential = files_credential(destination)
    address = Address.of(credential.settings) if credential else None
    return asdict(address) if address and address.is_complete else {}


def required_credential(destination: Destination) -> Credential:
    """Return the credential that opens the server. Raises NeedsDecision(sftp_not_possible) without one."""
    credential = files_credential(destination)
    if credential is None:
        raise NeedsDecision("sftp_not_possible", "The destination has no SFTP credential any more.")
    return credential


def check_server(destination: Destination, credential: Credential, *, planned_for: str) -> None:
    """Raise NeedsDecision(sftp_moved) when people would go to another server or user than was said.

    `planned_for` is the `server_account` when a run was planned, '' when that was not known. Where files are
    all that is delivered, it is also the account the destination is pinned to.
    """
    opens = Address.of(credential.settings).account_id
    if planned_for not in ("", opens):
        raise NeedsDecision(
            "sftp_moved",
            f"The server or the user of the SFTP credential “{credential.name}” was changed since this run "
            "was planned. Nothing was sent to the new one. Put the old ones back, or stop this run and start "
            "another.",
        )
    is_pinned = PLUGINS[destination.plugin].delivers == "file" and destination.account_id
    if is_pinned and destination.account_id != opens:
        raise NeedsDecision(
            "sftp_moved",
            f"The SFTP credential “{credential.name}” logs in at another server, or as another user, than "
            f"destination “{destination.name}” was made for. Put the old ones back, or make a new "
            "destination.",
        )


def file_choices(destination: Destination) -> Choices:
    """Return what a destination's files are like, and where they go. Raises BadChoice."""
    files = PLUGINS[destination.plugin].files
    chosen: Choices = files.choices(destination.settings, folder=default_folder(destination))
    return chosen


def problem(
    plugin: Plugin,
    *,
    path: str,
    mode: str,
    mapping: Sequence[Mapping[str, Any]],
    full_profile: bool,
    settings: Mapping[str, Any],
    has_sftp_credential: bool,
) -> str:
    """Return in a sentence why a data template cannot send that way, '' when it can.

    `settings` are those of its destination, and `mapping` has no problems of its own.
    """
    if plugin.delivers == "file":
        if mode != Mode.MIRROR:
            return "A file holds the whole audience each time; it cannot only add or only remove people."
        if path == Path.API:
            return f"{plugin.label} takes files; there is no API to send by."
    elif path != Path.SFTP:
        return ""
    elif plugin.files is None:
        return f"{plugin.label} takes no files."
    elif not has_sftp_credential:
        return (
            "The destination has no SFTP credential. Choose one under “Large lists by SFTP” on its page, or "
            "another way to send changes."
        )
    try:
        choices = plugin.files.choices(settings)
    except BadChoice:
        # That is said where the choices are made.
        return ""
    return str(plugin.files.problem(mapping, full_profile, choices))
