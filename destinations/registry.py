"""The destinations there are. The only file that names a vendor outside the vendor's folder."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, Literal

from destinations import sftp_files
from destinations.klaviyo import imports, limits, mapping, sftp_import
from destinations.klaviyo.answers import Group, Job
from destinations.klaviyo.client import Klaviyo
from destinations.klaviyo.mapping import Profile, Target
from destinations.klaviyo.members import Reading
from destinations.klaviyo.service import Session, open_session
from destinations.sftp.session import Session as SftpSession
from destinations.sftp.session import open_session as open_sftp
from destinations.sftp.upload import Uploaded, staged_name

# What a workflow holds in its hands of a vendor, by the names it may know.
__all__ = [
    "Group",
    "Job",
    "Klaviyo",
    "Plugin",
    "Profile",
    "Reading",
    "Session",
    "SftpSession",
    "Target",
    "Uploaded",
    "open_sftp",
    "staged_name",
]


def _no_time(calls: int, endpoint: str, share: int = 100) -> float:
    return 0.0


@dataclass(frozen=True)
class Plugin:
    """A kind of destination.

    `capabilities` say what it can do, `cannot` says in sentences what a person may expect and will not get.
    `endpoints` are shown with their limits, `fields` are the standard targets of a mapping with their labels.
    What `delivers` a list keeps it and can read it back: `open` takes a secret and an account's id, `imports`
    is the module of the rules for turning profiles into batches, `floor_seconds` is the least time so many
    calls take with a share of the limits. What delivers a file has none of these. `mapping` has the rules for
    turning rows into what is sent. `files` is the module of the rules for files, which a credential of
    `sftp_credential_kind` opens the way for; for a list they are another way in, None where there is no such
    way.
    """

    name: str
    label: str
    description: str
    credential_kind: str
    capabilities: Mapping[str, bool]
    cannot: tuple[str, ...]
    max_lists: int
    endpoints: tuple[limits.Endpoint, ...] = field(repr=False)
    fields: Mapping[str, str] = field(repr=False)
    mapping: ModuleType = field(repr=False)
    delivers: Literal["list", "file"] = "list"
    open: Callable[..., Session] | None = field(default=None, repr=False)
    imports: Any = field(default=None, repr=False)
    floor_seconds: Callable[..., float] = field(default=_no_time, repr=False)
    files: Any = field(default=None, repr=False)
    sftp_credential_kind: str = ""


KLAVIYO = Plugin(
    name="klaviyo",
    label="Klaviyo",
    description=(
        "Klaviyo is an email platform for targeting, personalizing, measuring and optimizing email and "
        "Facebook campaigns. Rollcall keeps lists in a Klaviyo account equal to your queries, through "
        "Klaviyo's REST API."
    ),
    credential_kind="klaviyo_api_key",
    capabilities={
        "add": True,
        "remove": True,
        "create_list": True,
        "full_profile": True,
        "read_members": True,
        "row_errors": True,
        "flows": True,
        "grant_consent": False,
        "clear_fields": False,
    },
    cannot=(
        "Being on a list is not consent: Klaviyo keeps every profile's consent as it is.",
        "An empty cell leaves the field in Klaviyo as it is; it does not clear it.",
        "Klaviyo cannot say which write scopes a key has; the first write tells.",
    ),
    max_lists=limits.MAX_LISTS_AND_SEGMENTS,
    endpoints=tuple(limits.ENDPOINTS.values()),
    fields=mapping.STANDARD,
    open=open_session,
    imports=imports,
    mapping=mapping,
    floor_seconds=limits.floor_seconds,
    files=sftp_import,
    sftp_credential_kind="klaviyo_sftp",
)

SFTP = Plugin(
    name="sftp",
    label="SFTP",
    description=(
        "SFTP puts an audience as a CSV file on a server of yours, with column names of your choice, for "
        "those who fetch it there. Every run writes a new file; nothing is overwritten."
    ),
    credential_kind="sftp",
    capabilities={
        "add": True,
        "remove": False,
        "create_list": False,
        "full_profile": True,
        "read_members": False,
        "row_errors": False,
        "flows": False,
        "grant_consent": False,
        "clear_fields": False,
    },
    cannot=(
        "Nobody can read back what became of a file. Rollcall checks that it is on the server byte for byte.",
        "A file holds the whole audience. Removing people is up to those who fetch it.",
        "Rollcall never deletes a file that is whole; clear the folder yourself.",
    ),
    max_lists=0,
    endpoints=(),
    fields=sftp_files.STANDARD,
    mapping=sftp_files,
    delivers="file",
    files=sftp_files,
    sftp_credential_kind="sftp",
)

PLUGINS: dict[str, Plugin] = {plugin.name: plugin for plugin in (KLAVIYO, SFTP)}


def choices() -> list[tuple[str, str]]:
    """Return (name, label) of every plugin, for a form."""
    return [(plugin.name, plugin.label) for plugin in PLUGINS.values()]


def provisional_account(credential_id: object) -> str:
    """Return what to keep the pace under while a credential's account is not known yet."""
    return f"credential-{credential_id}"
