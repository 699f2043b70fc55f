"""Which ways a data template may send by: what it fixes has to be possible with its destination."""

from collections.abc import Mapping, Sequence
from typing import Any

from destinations.file_choices import BadChoice
from destinations.models import Mode, Path
from destinations.registry import Plugin


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
